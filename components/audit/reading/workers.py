"""Has files read by processes, one for each file: a hostile file ends its reader, and nothing else."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from components.audit.reading.content import ContentState, ReadContent
from components.audit.reading.limits import (
    MAX_ANSWER_BYTES,
    MAX_FILE_BYTES,
    OF_FILES,
    OF_SOUND,
    ReaderLimits,
)
from components.audit.reading.ocr import find_languages
from components.audit.reading.sound import HEAD_BYTES, find_sound
from components.audit.reading.speech_model import SpeechModel, find_speech_model
from components.process.json_text import read_json
from components.process.pipe import read_pipe

ATTEMPTS = 2
"""A file that ends so many readers is not read."""
_FORMAT = 2
_FAILED = ReadContent(ContentState.FAILED)


@dataclass(frozen=True, slots=True)
class FileReaders:
    """Reads files: pictures of text in `languages`, and speech with `model`, if there are any.

    A library unpacks a part of itself into `folder`: who else may write there could have the readers run anything.
    `module` is what a reader runs; `sound_limits` are those of a file that is sound itself.
    """

    languages: tuple[str, ...] = ()
    model: SpeechModel | None = None
    folder: Path = Path(tempfile.gettempdir())
    module: str = "components.audit.reading.worker"
    limits: ReaderLimits = OF_FILES
    sound_limits: ReaderLimits = OF_SOUND

    @classmethod
    def find(cls, folder: Path, speech_model: Path | None = None) -> "FileReaders":
        """Return readers that use all that is installed here, and the model in its own folder; raises SiteError."""
        return cls(find_languages(), find_speech_model(speech_model), folder)

    @property
    def name(self) -> str:
        """What these can read: what others have read is read again."""
        return f"{_FORMAT} {'+'.join(self.languages)}"

    @property
    def sound_name(self) -> str:
        """What these can read and hear: sound that others have heard, or not, is read again."""
        return f"{self.name} {self.model.digest if self.model else '-'}"

    def name_for(self, read: ReadContent) -> str:
        """Return which of these names a content is kept under: another model has nothing to hear where no sound is."""
        may_sound = read.has_sound or read.state is ContentState.FAILED
        return self.sound_name if may_sound else self.name

    async def read(
        self, name: str, media_type: str, size_bytes: int, content: AsyncIterator[bytes]
    ) -> ReadContent:
        """Read a file of this size; `name` and `media_type` are what its sender says. Raises what `content` does."""
        if size_bytes > MAX_FILE_BYTES:
            return _FAILED
        # In memory: what was sealed does not come to lie on a disk.
        file = os.memfd_create("file")
        try:
            async for piece in content:
                os.write(file, piece)
            limits = self._limits_for(os.pread(file, HEAD_BYTES, 0))
            for _ in range(ATTEMPTS):
                os.lseek(file, 0, os.SEEK_SET)
                if (answer := await self._run(file, name, media_type, limits)) is not None:
                    return answer
        finally:
            os.close(file)
        return _FAILED

    def _limits_for(self, head: bytes) -> ReaderLimits:
        if self.model is None:
            return self.limits
        return (self.sound_limits if find_sound(head) else self.limits).for_model(self.model.size_bytes)

    async def _run(self, file: int, name: str, media_type: str, limits: ReaderLimits) -> ReadContent | None:
        """Start a reader, and return its answer; None where it ended, stalled, or said something else."""
        said = [each.encode("utf-8", "replace").replace(b"\0", b"") for each in (name, media_type)]
        told = ("+".join(self.languages), json.dumps(asdict(limits)), self.model.folder if self.model else "")
        # Our own pipe: asyncio tells the end of a process only when its own pipes have ended, too, and what a reader
        # leaves behind may hold one open, or full, for ever.
        read, write = os.pipe()
        try:
            try:
                reader = await asyncio.create_subprocess_exec(
                    sys.executable, "-P", "-m", self.module, *said, *told,
                    stdin=file, stdout=write, stderr=asyncio.subprocess.DEVNULL,
                    # Its own group, with what it starts. One thread each, as there are readers for all cores.
                    start_new_session=True, env=_environment() | {"TMPDIR": str(self.folder)},
                )  # fmt: skip
            finally:
                os.close(write)
            return await self._listen(reader, read, limits.wall_clock_s)
        finally:
            os.close(read)

    async def _listen(
        self, reader: asyncio.subprocess.Process, pipe: int, timeout_s: float
    ) -> ReadContent | None:
        """Return what a reader answers through this pipe, and end it."""
        try:
            async with asyncio.timeout(timeout_s):
                answer = await read_pipe(pipe, MAX_ANSWER_BYTES)
                status = await reader.wait()
        except (TimeoutError, ValueError):
            return None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(reader.pid, signal.SIGKILL)
            await reader.wait()
        return _parse_answer(answer) if status == 0 else None


def _environment() -> dict[str, str]:
    kept = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TESSDATA_PREFIX") if name in os.environ
    }
    return kept | {
        "OMP_THREAD_LIMIT": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        # What reads speech would otherwise ask there for what a model lacks.
        "HF_HUB_OFFLINE": "1",
        # What finds where somebody speaks (onnxruntime, from 1.32 on) would otherwise make a number for this machine,
        # and tell its maker, by the network, what it does here.
        "ORT_DISABLE_TELEMETRY": "1",
    }


def _parse_answer(answer: bytes) -> ReadContent | None:
    """Return what a reader said, None for anything else: a file may have taken it over."""
    try:
        said = read_json(answer)
        text, plain, looks = _take_texts(said["text"], *said["words"])
        picture = None if said["picture"] is None else bytes.fromhex(said["picture"])
        state = ContentState(said["state"])
        heard, has_sound = int(said["heard_characters"]), bool(said["has_sound"])
    except (ValueError, KeyError, TypeError):
        return None
    if state is ContentState.WAITING or (picture is not None and len(picture) != 8):
        return None
    return ReadContent(state, text, (plain, looks), picture, max(0, min(heard, len(text))), has_sound)


def _take_texts(*texts: object) -> Sequence[str]:
    # Halves of surrogates are no text that SQLite takes.
    return [str(text).encode("utf-8", "replace").decode() for text in texts]
