"""Readers of files without a process for each: for tests of what becomes of what they read."""

import os
from functools import cache

import pytest

from components.audit.reading import workers
from components.audit.reading.content import ReadContent
from components.audit.reading.limits import ReaderLimits
from components.audit.reading.read import read_file
from components.audit.reading.sound import find_sound
from components.audit.reading.speech_model import find_speech_model
from components.audit.reading.workers import FileReaders

_run = FileReaders._run


async def _read_here(
    readers: FileReaders, file: int, name: str, media_type: str, limits: ReaderLimits
) -> ReadContent | None:
    data = os.pread(file, os.fstat(file).st_size, 0)
    if find_sound(data):
        return await _run(readers, file, name, media_type, limits)
    return read_file(name, media_type, data, readers.languages)


def read_files_here(patch: pytest.MonkeyPatch) -> None:
    """Let files be read in this process, but for sound, which takes long. What a process is for is tried elsewhere."""
    patch.setattr(FileReaders, "_run", _read_here)
    patch.setattr(workers, "find_speech_model", cache(find_speech_model))
