"""Fixtures of the unit tests."""

import asyncio
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from components.audit.reading import workers
from components.audit.reading.ocr import find_languages
from components.rules import load
from policy.content.parse import parse_policy
from policy.content.policy import ContentPolicy
from tests.support.archive import copy_log, write_log
from tests.support.readers_here import read_files_here


@pytest.fixture(scope="session", autouse=True)
def policies_are_compiled_once() -> Iterator[None]:
    """Most sites under test have the same policy.toml, with thousands of terms: it is pure, so it is kept."""
    parse = cache(lambda text, files, own_links: parse_policy(text, dict(files), own_links))

    def look_up(text: str, files: dict[str, str], own_links: str) -> ContentPolicy:
        return parse(text, tuple(sorted(files.items())), own_links)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "parse_policy", look_up)
        yield


@pytest.fixture(scope="session", autouse=True)
def tesseract_is_asked_once() -> Iterator[None]:
    """Each search asks it for its languages, which is a process of its own."""
    asked = cache(lambda _path: find_languages())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "find_languages", lambda: asked(os.environ.get("PATH")))
        yield


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of 600 records, made once and never changed."""
    return asyncio.run(write_log(tmp_path_factory.mktemp("log") / "gate.db"))


@pytest.fixture
def log(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything with."""
    return copy_log(pristine, tmp_path / "gate.db")


@pytest.fixture
def readers_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in this process."""
    read_files_here(monkeypatch)
