"""A gate whose log is in a pair of servers, and a server under which it is that always has something to submit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from components.archive.record import RecordKind, Submission, parse_record
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise, open_sealed
from tests.support.postgres_standby import Pair
from tests.support.process import wait_until
from tests.support.scripted_server import ScriptedServer

PEOPLE = ("alice@metals.example", "bob@metals.example")
IN_FLIGHT = 50


class FailoverLine:
    """The log `gate` of a pair's database, the real gate that writes it, and an adapter that a test plays."""

    def __init__(self, root: Path, pair: Pair) -> None:
        plan = gated_plan(root / "server")
        self.log = f"{pair.url}#gate"
        self.server = ScriptedServer(plan)
        self.gate = GateProcess(root / "gate", plan, one_enterprise(PEOPLE), log=self.log)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start both, and end them."""
        async with self.server:
            await self.gate.start()
            try:
                yield
            finally:
                await self.gate.stop()

    @asynccontextmanager
    async def submitting(self) -> AsyncIterator[None]:
        """Submit meanwhile, with at most so many submissions that wait for a verdict."""
        task = asyncio.create_task(self._submit())
        try:
            yield
        finally:
            task.cancel()

    async def wait_for_more(self, count: int = 100) -> None:
        """Wait until that many more have their verdict."""
        wanted = len(self.server.records) + count
        assert await wait_until(lambda: len(self.server.records) >= wanted), self.gate.log_tail()

    async def read(self) -> dict[int, Submission]:
        """Return what its log holds of the submissions, by index."""
        async with open_sealed(self.log, self.gate.log_origin, self.gate.auditor_key_file) as opener:
            opened = await opener.fetch(0, 1_000_000)
        stanzas = {each.index: each.payload or b"" for each in opened if each.leaf.kind == RecordKind.STANZA}
        found = {index: parse_record(RecordKind.STANZA, payload) for index, payload in stanzas.items()}
        return {index: record for index, record in found.items() if isinstance(record, Submission)}

    async def _submit(self) -> None:
        while True:
            if self.server.next_seq - len(self.server.records) < IN_FLIGHT:
                self.server.submit(f"Tin {self.server.next_seq}")
            await asyncio.sleep(0.001)
