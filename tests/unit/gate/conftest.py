"""A gate with a log and an adapter in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from components.archive.errors import LogDamaged
from components.gate import service
from tests.unit.gate.fakes import Bench, status


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(service, "_RETRY_MIN_S", 0.001)
    monkeypatch.setattr(service, "_RETRY_MAX_S", 0.002)
    bench = Bench()
    yield bench
    bench.task.cancel()
    with suppress(asyncio.CancelledError, LogDamaged):
        await bench.task


@pytest.fixture
async def connected(bench: Bench) -> Bench:
    bench.take(status(1, 1, 1))
    await bench.settle()
    return bench
