"""Throughput of two nodes of ejabberd that are one server (docs/ejabberd.md, "A cluster")."""

import datetime as dt
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

from components.site.certificates import make_certificates
from components.site.ejabberd_cluster import ClusterPlan, write_cluster_files
from components.site.prosody import ProsodyPlan
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.client import Target, user_name
from tests.bench.ejabberd import require_ejabberd
from tests.bench.errors import BenchError
from tests.bench.figures import Figure, Findings, RawRun, Table, median_of, ratio_of_medians
from tests.bench.saturate import Saturation, saturate
from tests.bench.set_ups import EXAMPLE_POLICY, count_records
from tests.bench.tables import cpu_table
from tests.bench.usage import SERVER_CORE, pin
from tests.support.ejabberd import EjabberdServer
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.ports import free_port
from tests.support.prosody import PASSWORD, private_plan

BARE, STEELYARD = "bare", "Steelyard"
NODE, GATE = "node", "gate"
WITHIN, ACROSS = "at one node", "from one node to the other"
PAIRS, WINDOW = 8, 16
NODES = {
    "one.metals.example": IPv4Address("127.0.0.1"),
    "two.metals.example": IPv4Address("127.0.0.2"),
}

_SET_UPS, _WAYS = (BARE, STEELYARD), (WITHIN, ACROSS)
_ONE_CORE = "+S 1:1"
_CERTIFICATE_DOMAIN = "metals.example"

Runs = dict[tuple[str, str], list[Saturation]]


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Where clients of each node connect, and the gates: one for each node, or none."""

    one: Target
    two: Target
    gates: tuple[GateProcess, ...]

    async def count_records(self) -> int:
        return sum([await count_records(gate.log_file) for gate in self.gates])


async def measure(bench: Bench) -> Findings:
    """How many 1:1 messages a second pass in a cluster of two nodes of ejabberd when clients send as fast as they can.

    Eight pairs of users, each pair with 16 messages in flight. All of them are at one node; or those who send are at
    one, and those who receive at the other. The run compares two bare nodes with two nodes that have a gate and a log
    each, with the example policy in force. Both nodes share one core, with one scheduler each: so what passes from one
    to the other costs that core twice. They talk by Erlang's distribution over TLS.
    """
    version = require_ejabberd()
    runs: Runs = defaultdict(list)
    for _, name, folder in bench.turns(*_SET_UPS):
        async with _cluster(folder, with_gates=name == STEELYARD) as cluster:
            for way in _WAYS:
                receiving = cluster.two if way == ACROSS else None
                before = await cluster.count_records()
                seconds = bench.pick(5.0, 1.0)
                run = await run_apart(saturate, cluster.one, PAIRS, WINDOW, seconds, receiving)
                if run.missing or run.errors:
                    raise BenchError(f"{name}: {run.missing} messages got lost, {run.errors} came back")
                grown = await cluster.count_records() - before
                if cluster.gates and grown < run.received:
                    raise BenchError(f"{name}: {run.received} messages arrived, {grown} records were made")
                runs[name, way].append(run)
    return _findings(runs, version)


@asynccontextmanager
async def _cluster(root: Path, *, with_gates: bool) -> AsyncIterator[_Cluster]:
    """Start two nodes, and a gate for each if there are to be any; all end at the end."""
    certificates, cookie, port = root / "certificates", root / "cookie", free_port()
    names = [*NODES, _CERTIFICATE_DOMAIN]
    make_certificates(certificates, root / "ca.key", "bench", names, dt.datetime.now(dt.UTC))
    cookie.write_text("c" * 64)
    servers, gates, processes = list[EjabberdServer](), list[GateProcess](), dict[str, int]()
    async with AsyncExitStack() as stack:
        for number, name in enumerate(NODES, start=1):
            cluster = ClusterPlan(name, NODES, port, certificates)
            plan = _plan(root / name, name, with_gate=with_gates)
            plan.root.mkdir(parents=True)
            write_cluster_files(cluster, plan.root, cookie)
            server = EjabberdServer(plan, without=("mod_mam",), flags=_ONE_CORE, cluster=cluster)
            if not servers:
                server.register(*_accounts(plan))
            stack.push_async_callback(server.kill9)
            await server.start()
            pin(server.pid, SERVER_CORE)
            servers.append(server)
            processes[f"{NODE} {number}"] = server.pid
            if with_gates:
                gates.append(await _gate(root / f"gate-{number}", plan, stack))
                processes[f"{GATE} {number}"] = gates[-1].pid
        one, two = (Target(each.address, each.plan.domains[0], PASSWORD, processes) for each in servers)
        yield _Cluster(one, replace(two, processes={}), tuple(gates))


def _plan(root: Path, node: str, *, with_gate: bool) -> ProsodyPlan:
    if with_gate:
        return gated_plan(root, gate=f"gate-{node}")  # each gate has its own address
    return private_plan(root)


async def _gate(root: Path, plan: ProsodyPlan, stack: AsyncExitStack) -> GateProcess:
    assert plan.gate is not None
    directory = one_enterprise(_accounts(plan), gate=plan.gate)
    gate = GateProcess(root, plan, directory, policy=str(EXAMPLE_POLICY))
    stack.push_async_callback(gate.stop)
    await gate.start()
    return gate


def _cpu_figures(runs: Runs) -> list[Figure]:
    """Make figures of what a message costs, which a busy machine changes less than how many pass."""
    figures = []
    for name, processes in ((BARE, (NODE,)), (STEELYARD, (NODE, GATE))):
        for way in _WAYS:
            for process in processes:
                taken = [_cpu_us(run, process) for run in runs[name, way]]
                figures.append(median_of(f"{name}, {way}: CPU a message, both {process}s", taken, "us"))
    return figures


def _cpu_us(run: Saturation, process: str) -> float:
    """Give what all processes of this kind took for a message, in microseconds of a core."""
    return sum(share for name, share in run.cpu.items() if name.startswith(process)) / run.rate * 1e6


def _accounts(plan: ProsodyPlan) -> list[str]:
    return [f"{user_name(number)}@{plan.domains[0]}" for number in range(2 * PAIRS)]


def _findings(runs: Runs, version: str) -> Findings:
    figures: list[Figure] = []
    for way in _WAYS:
        rates = {name: [run.rate for run in runs[name, way]] for name in _SET_UPS}
        figures += [median_of(f"{name}, {way}", rates[name], "messages/s") for name in _SET_UPS]
        figures.append(ratio_of_medians(f"{STEELYARD} / {BARE}, {way}", rates[STEELYARD], rates[BARE]))
    for name in _SET_UPS:
        across, within = ([run.rate for run in runs[name, way]] for way in (ACROSS, WITHIN))
        figures.append(ratio_of_medians(f"{name}: {ACROSS} / {WITHIN}", across, within))
    figures += _cpu_figures(runs)
    cpu = {f"{name}, {way}": [run.cpu for run in rounds] for (name, way), rounds in runs.items()}
    raw: list[RawRun] = [
        {
            **{"set_up": name, "way": way, "version": version},
            **{"rate": run.rate, "received": run.received},
            **run.cpu,
        }
        for (name, way), rounds in runs.items()
        for run in rounds
    ]
    server = Table("The server", ("", "version"), (("ejabberd", version),))
    return Findings(tuple(figures), (cpu_table(cpu), server), tuple(raw))
