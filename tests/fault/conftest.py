"""A log of BEFORE records, and a writer on it whose store can be told to fail."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.archive.writer import LogWriter
from tests.support.archive import RECIPIENTS, SIGNER, open_writer
from tests.support.failing_log import BEFORE, Clock, batch
from tests.support.faulty_store import FaultyStore


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    """A log that holds records 0 to BEFORE, from a writer that stopped in order."""
    writer = await open_writer(tmp_path / "gate.db")
    await writer.append(batch(0, BEFORE))
    await writer.close()
    return tmp_path / "gate.db"


@pytest.fixture
async def store(log: Path) -> AsyncIterator[FaultyStore]:
    store = await FaultyStore.open(log)
    yield store
    await store.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def writer(store: FaultyStore, clock: Clock) -> LogWriter:
    return await LogWriter.open_on(store, SIGNER, RECIPIENTS, clock)
