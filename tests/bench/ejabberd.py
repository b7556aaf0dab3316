"""Throughput at saturation on ejabberd, the second server (docs/ejabberd.md)."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from components.process.errors import SiteError
from components.site.ejabberd_server import find_ejabberd
from components.site.prosody import ProsodyPlan
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.client import Target, user_name
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, Findings, RawRun, Table, at_least, median_of, ratio_of_medians
from tests.bench.saturate import Saturation, saturate
from tests.bench.set_ups import EXAMPLE_POLICY, GATE, SetUp, count_records
from tests.bench.tables import cpu_table
from tests.bench.usage import SERVER_CORE, pin
from tests.support.ejabberd import LIBRARIES, EjabberdServer
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.prosody import PASSWORD, private_plan

BARE, WITH_MAM, STEELYARD = "ejabberd, bare", "ejabberd, mod_mam", "ejabberd, Steelyard"
EJABBERD = "ejabberd"
# What a session gets by itself, and what many share.
PAIRS = (8, 64)
WINDOW = 16

_SET_UPS = (BARE, WITH_MAM, STEELYARD)
_WANTED_OF_BARE = at_least(0.60)
_NO_ARCHIVE = ("mod_mam",)
# As many schedulers as it has cores: else Erlang has one for each core of the machine, which wait for one another.
_ONE_CORE = "+S 1:1"

Runs = dict[tuple[str, int], list[Saturation]]


def require_ejabberd() -> str:
    """Return the version that is measured; raises BenchError if there is none."""
    try:
        return find_ejabberd(LIBRARIES)
    except SiteError as err:
        raise BenchError(str(err)) from None


async def measure(bench: Bench) -> Findings:
    """How many 1:1 messages a second pass on ejabberd when clients send as fast as they can.

    Pairs of users, each pair with 16 messages in flight: whenever one arrives, the next is sent. The run compares a
    bare ejabberd; ejabberd with its own archive (mod_mam, in Mnesia, which does not wait for the disk); and Steelyard
    beside ejabberd with the example policy in force, which records and fsyncs each message before it is delivered.
    Eight pairs show what a session gets by itself, 64 what many share. ejabberd has one core to itself
    in each set-up, and one scheduler.
    """
    version = require_ejabberd()
    runs: Runs = defaultdict(list)
    for _, name, folder in bench.turns(*_SET_UPS):
        async with _set_up(name, folder, 2 * max(PAIRS)) as server:
            for pairs in PAIRS:
                before = await server.count_kept()
                run = await run_apart(saturate, server.target, pairs, WINDOW, bench.pick(5.0, 1.0))
                if run.missing or run.errors:
                    raise BenchError(f"{name}: {run.missing} messages got lost, {run.errors} came back")
                await server.require_kept(run.received, before)
                runs[name, pairs].append(run)
    return _findings(runs, version)


@asynccontextmanager
async def _set_up(name: str, root: Path, users: int) -> AsyncIterator[SetUp]:
    if name == STEELYARD:
        plan = gated_plan(root / EJABBERD)
        async with _started(plan, users, _NO_ARCHIVE) as server:
            directory = one_enterprise(_accounts(plan, users))
            gate = GateProcess(root / GATE, plan, directory, policy=str(EXAMPLE_POLICY))

            async def count_records_kept() -> int:
                return await count_records(gate.log_file)

            try:
                await gate.start()
                yield SetUp(name, _target(server, {GATE: gate.pid}), 1, count_records_kept, gate)
            finally:
                await gate.stop()
        return
    plan = private_plan(root / EJABBERD)
    async with _started(plan, users, _NO_ARCHIVE if name == BARE else ()) as server:

        async def count_kept() -> int:
            # An archive has a bound; what was ever put into it is counted (mod_mam_ring).
            counted = "lists:sum([element(3, Each) || Each <- ets:tab2list(archive_ring)])."
            return int(server.evaluate(counted)) if name == WITH_MAM else 0

        # Both the sender's and the recipient's archive keep a message.
        yield SetUp(name, _target(server, {}), 2 if name == WITH_MAM else 0, count_kept)


@asynccontextmanager
async def _started(plan: ProsodyPlan, users: int, without: Collection[str]) -> AsyncIterator[EjabberdServer]:
    server = EjabberdServer(plan, without=without, flags=_ONE_CORE)
    server.register(*_accounts(plan, users))
    try:
        await server.start()
        pin(server.pid, SERVER_CORE)
        yield server
    finally:  # also when it is interrupted while it starts
        await server.kill9()


def _accounts(plan: ProsodyPlan, users: int) -> list[str]:
    return [f"{user_name(number)}@{plan.domains[0]}" for number in range(users)]


def _target(server: EjabberdServer, others: dict[str, int]) -> Target:
    return Target(server.address, server.plan.domains[0], PASSWORD, {EJABBERD: server.pid, **others})


def _findings(runs: Runs, version: str) -> Findings:
    figures: list[Figure] = []
    for pairs in PAIRS:
        rates = {name: [run.rate for run in runs[name, pairs]] for name in _SET_UPS}
        ours = rates[STEELYARD]
        figures += [median_of(f"{name}, {pairs} pairs", rates[name], "messages/s") for name in _SET_UPS]
        figures += [
            ratio_of_medians(f"{STEELYARD} / {BARE}, {pairs} pairs", ours, rates[BARE], _WANTED_OF_BARE),
            ratio_of_medians(f"{STEELYARD} / {WITH_MAM}, {pairs} pairs", ours, rates[WITH_MAM]),
        ]
    cpu = {f"{name}, {pairs} pairs": [run.cpu for run in rounds] for (name, pairs), rounds in runs.items()}
    raw: list[RawRun] = [
        {
            **{"set_up": name, "pairs": pairs, "version": version},
            **{"rate": run.rate, "received": run.received},
            **run.cpu,
        }
        for (name, pairs), rounds in runs.items()
        for run in rounds
    ]
    server = Table("The server", ("", "version"), ((EJABBERD, version),))
    return Findings(tuple(figures), (cpu_table(cpu), server), tuple(raw))
