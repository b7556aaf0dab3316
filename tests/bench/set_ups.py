"""The set-ups that are compared: one Prosody each, alone on its core, and what keeps its messages."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from components.archive.reader import LogReader
from components.site.prosody import MODULES, ProsodyPlan
from tests.bench.client import Target, user_name
from tests.bench.errors import BenchError
from tests.bench.usage import SERVER_CORE, pin
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.prosody import PASSWORD, ProsodyServer, private_plan

BARE, MAM_INTERNAL, MAM_SQLITE = "bare", "mod_mam, internal", "mod_mam, SQLite"
# With the example policy in force, and with the built-in rules only.
STEELYARD, WITHOUT_POLICY = "Steelyard", "Steelyard, no policy"
EXAMPLE_POLICY = Path(__file__).parents[2] / "config" / "examples" / "policy.toml"
PROSODY, GATE = "Prosody", "gate"

# A site's modules, all the same in each set-up but for the server's own archive.
# The collector's pace is the same for all of them: a bare server, too, is faster with it.
_MODULES = (*(module for module in MODULES if module != "mam"), "paced_collector")
_WITH_MAM = (*_MODULES, "mam")
# Beyond its quota, `internal` storage silently keeps nothing more.
_NO_QUOTA = {"storage_archive_item_limit": "100000000"}
_ARCHIVE_IN_SQLITE = {
    "storage": "{ archive = 'sql' }",
    "sql": "{ driver = 'SQLite3', database = 'archive.sqlite' }",
}


@dataclass(frozen=True, slots=True)
class SetUp:
    """A running set-up; `count_kept` counts the messages in its archive, each of them `copies` times."""

    name: str
    target: Target
    copies: int
    count_kept: Callable[[], Awaitable[int]]
    gate: GateProcess | None = None

    async def require_kept(self, messages: int, before: int) -> None:
        """Raise BenchError unless its archive has grown by this many messages: else it was not archiving."""
        grown = await self.count_kept() - before
        if grown < messages * self.copies:
            raise BenchError(
                f"{self.name}: {messages} messages arrived, but the archive grew by {grown} only"
            )


def set_up(
    name: str, root: Path, users: int, options: Mapping[str, str] | None = None
) -> AbstractAsyncContextManager[SetUp]:
    """Start a set-up with its files below `root` and this many accounts; it is stopped at the end.

    `options` are Prosody's, as Lua expressions; without them it is configured as a site is.
    """
    if name == STEELYARD:
        return _steelyard(name, root, users, options or {}, policy=str(EXAMPLE_POLICY))
    if name == WITHOUT_POLICY:
        return _steelyard(name, root, users, options or {})
    return _prosody(name, root, users, options or {})


@asynccontextmanager
async def _prosody(
    name: str, root: Path, users: int, more_options: Mapping[str, str]
) -> AsyncIterator[SetUp]:
    kept = {BARE: _keeps_nothing, MAM_INTERNAL: _count_internal, MAM_SQLITE: _count_sqlite}[name]
    plan = private_plan(root / "prosody", modules=_MODULES if name == BARE else _WITH_MAM)
    options = {MAM_INTERNAL: _NO_QUOTA, MAM_SQLITE: _ARCHIVE_IN_SQLITE}.get(name, {})
    async with _started(plan, users, {**options, **more_options}) as server:

        async def count_kept() -> int:
            return kept(plan.root / "data")

        # Both the sender's and the recipient's archive keep a message.
        yield SetUp(name, _target(server), 0 if name == BARE else 2, count_kept)


@asynccontextmanager
async def _steelyard(
    name: str, root: Path, users: int, options: Mapping[str, str], **gate_settings: str
) -> AsyncIterator[SetUp]:
    plan = gated_plan(root / "prosody", modules=_MODULES)
    async with _started(plan, users, options) as server:
        gate = GateProcess(root / "gate", plan, one_enterprise(_accounts(plan, users)), **gate_settings)

        async def count_kept() -> int:
            return await count_records(gate.log_file)

        try:
            await gate.start()
            yield SetUp(name, _target(server, gate.pid), 1, count_kept, gate)
        finally:
            await gate.stop()


@asynccontextmanager
async def _started(plan: ProsodyPlan, users: int, options: Mapping[str, str]) -> AsyncIterator[ProsodyServer]:
    server = ProsodyServer(plan, options=options)
    server.register(*_accounts(plan, users))
    try:
        await server.start()
        pin(server.pid, SERVER_CORE)
        yield server
    finally:  # also when it is interrupted while it starts
        await server.kill9()


async def count_records(log_file: Path) -> int:
    """Count the records of a log, of every kind, also those that no checkpoint covers yet."""
    reader = await LogReader.open(log_file)
    try:
        bounds = await reader.source.fetch_bounds()
        return 0 if bounds is None else bounds[1] + 1
    finally:
        await reader.close()


def _accounts(plan: ProsodyPlan, users: int) -> list[str]:
    return [f"{user_name(number)}@{plan.domains[0]}" for number in range(users)]


def _target(server: ProsodyServer, gate_pid: int | None = None) -> Target:
    processes = {PROSODY: server.pid} | ({GATE: gate_pid} if gate_pid is not None else {})
    return Target(server.address, server.plan.domains[0], PASSWORD, processes)


def _keeps_nothing(_data: Path) -> int:
    return 0


def _count_internal(data: Path) -> int:
    return sum(file.read_bytes().count(b"item(") for file in data.glob("*/archive/*.list"))


def _count_sqlite(data: Path) -> int:
    file = data / "archive.sqlite"
    if not file.exists():  # made with the first message
        return 0
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        (count,) = database.execute("SELECT count(*) FROM prosodyarchive").fetchone()
    return int(count)
