"""The gate by itself."""

import asyncio

from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.client import user_name
from tests.bench.errors import BenchError
from tests.bench.feeder import SENDERS, Fed, Feed, feed
from tests.bench.figures import Findings, at_least, at_most, growth, single
from tests.bench.set_ups import EXAMPLE_POLICY, GATE, STEELYARD, WITHOUT_POLICY, count_records
from tests.bench.tables import cpu_table
from tests.bench.usage import SERVER_CORE, CpuMeter, MemorySampler
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise

IN_FLIGHT = 2000


async def measure(bench: Bench) -> Findings:
    """How many stanzas a second the gate process decides on and records durably, by itself on one core.

    A simulated server on the other core keeps 2,000 submissions in flight until a million are answered: messages of 16
    people, all allowed. The gate is the real process with its real log, fsynced before each verdict. The growth of its
    memory compares the median of the last fifth of the time with that of the second fifth. The example policy is in
    force, then none.
    """
    total = bench.pick(1_000_000, 60_000)
    bench.announce(f"{total:,} stanzas, {STEELYARD}")
    ruled, cpu, memory_mib = await _measure(bench, total, policy=str(EXAMPLE_POLICY))
    bench.announce(f"{total:,} stanzas, {WITHOUT_POLICY}")
    unruled, unruled_cpu, _ = await _measure(bench, total)
    figures = (
        single("decided and recorded", ruled.rate, "stanzas/s", at_least(20_000)),
        single("decided and recorded, without a policy", unruled.rate, "stanzas/s", at_least(20_000)),
        single("recorded in all", total, "stanzas"),
        single("stanzas per durable commit", total / ruled.verdicts),
        single("most memory of the gate", max(memory_mib), "MiB", at_most(150)),
        single("growth of its memory", growth(memory_mib), "", at_most(1.1)),
    )
    shares = {f"{GATE} alone": [cpu], f"{GATE} alone, no policy": [unruled_cpu]}
    return Findings(figures, (cpu_table(shares),))


async def _measure(bench: Bench, total: int, **settings: str) -> tuple[Fed, dict[str, float], list[float]]:
    """Return how the gate took it, the shares of a core, and samples of the gate's memory in MiB."""
    plan = gated_plan(bench.new_folder())
    people = [f"{user_name(number)}@{plan.domains[0]}" for number in range(SENDERS)]
    gate = GateProcess(plan.root / "gate", plan, one_enterprise(people), **settings)
    order = Feed(plan.component_port, plan.gate, plan.domains[0], total, IN_FLIGHT)
    feeding = asyncio.create_task(run_apart(feed, order, core=SERVER_CORE))
    try:
        await gate.start()
        processes = {GATE: gate.pid}
        meter = CpuMeter(processes)
        async with MemorySampler(processes, bench.pick(0.5, 0.1)) as memory:
            fed = await feeding
        cpu = meter.shares() | {"feeder": fed.cpu}
    finally:
        feeding.cancel()
        await gate.stop()
    recorded = await count_records(gate.log_file)
    if recorded < total or fed.refused:
        raise BenchError(f"{recorded} records for {total} stanzas, of which {fed.refused} were refused")
    return fed, cpu, memory.samples_mib[GATE]
