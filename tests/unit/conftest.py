"""Fixtures of the unit tests."""

import asyncio
from pathlib import Path

import pytest

from tests.support.archive import copy_log, write_log
from tests.support.readers_here import read_files_here


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
