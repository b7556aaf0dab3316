"""A decision."""

from statistics import median

from tests.bench import decide_timing
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import Findings, Table, at_most, median_of, single


async def measure(bench: Bench) -> Findings:
    """What one decision costs: who may reach whom, whether the archive can read it, and what the rules say about it.

    10,000 people in the directory, 2,000 terms in English, German and Chinese, 50 patterns, a link rule and rules for
    payloads. The stanzas take turns, and each decision is timed by itself. They are messages between traders in three
    languages, long messages, messages with links, with hidden letters and with matching rules, presence and IQs.
    """
    repeats = bench.pick(400, 20)
    rounds = []
    for number in range(1, bench.rounds + 1):
        bench.announce(f"round {number} of {bench.rounds}")
        rounds.append(await run_apart(decide_timing.run, repeats))
    figures = (
        median_of("median", [run.median_us for run in rounds], "us", at_most(60)),
        median_of("p99", [run.p99_us for run in rounds], "us", at_most(200)),
        median_of("median without rules", [run.bare_median_us for run in rounds], "us"),
        median_of("reading and compiling the policy", [run.parse_ms for run in rounds], "ms"),
        single("decisions timed in a round", rounds[0].decisions),
    )
    rows = tuple(
        (
            kind,
            f"{median(run.by_kind[kind][0] for run in rounds):.1f}",
            f"{median(run.by_kind[kind][1] for run in rounds):.1f}",
        )
        for kind in rounds[0].by_kind
    )
    return Findings(figures, (Table("By what is said, us", ("", "median", "p99"), rows),))
