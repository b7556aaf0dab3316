"""The log by itself."""

from collections import defaultdict

from tests.bench.apart import run_apart
from tests.bench.archive_append import (
    GATE_BATCHES,
    append_all,
    append_gate_batches,
    batch_figures,
    growth_figures,
    require_room,
)
from tests.bench.archive_checkpoint import FLAT_OUT, STEADY, age_figures, sample_ages
from tests.bench.archive_commit import Commits, commit_figures, commit_in_turns
from tests.bench.archive_log import Paces
from tests.bench.archive_read import open_some, prove_some, read_figures, verify_all
from tests.bench.bench import Bench
from tests.bench.figures import Figure, Findings, Table

_COMMIT = "one record in a commit"


async def measure(bench: Bench) -> Findings:
    """What it costs to append sealed records to the log, and to read them back.

    Records of 600 bytes, sealed to two recipients, in SQLite; every append is fsynced (synchronous=FULL) before it
    returns, and the gate's own task keeps tiles, checkpoints and segments; the figures include it, unless the text
    says otherwise. The log runs in a process of its own on one core.

    One log is filled from the first record to the ten-millionth, in batches of 500. Its rate is the rate of the whole
    run; the medians of 20 slices each compare the first and the last million. Then the verifier that is given out with
    exports verifies the same log. Records from all parts of it are proved and each proof is checked, and some are
    opened with an auditor's key. Each of these runs in a new process, which begins with nothing of the log in memory.

    *An append of one record* is the append alone, for which a sender has to wait. The work after it (the tree, now and
    then a checkpoint) is done between the appends and not counted. It is compared with a commit of a row of the same
    size by SQLite alone, called directly (same settings, nothing sealed or hashed). The two take turns, after 1,500 of
    each that are not counted, in which the write-ahead logs reach their final length. *The gate's batches* are of two
    retention classes, if there is more than one record, and come with a memo each, kept for 16 batches.

    The age of a checkpoint is measured every 10 ms for ten seconds while batches of 20 are appended, a hundred a
    second or as fast as possible. It is the time since the append of the oldest record for which another process sees
    no checkpoint.
    """
    gate_figures = await _measure_turns(bench)
    age = await _measure_ages(bench)
    figures, table = await _measure_long_log(bench)
    return Findings((*figures, *gate_figures, *age), (table,))


async def _measure_long_log(bench: Bench) -> tuple[tuple[Figure, ...], Table]:
    records = bench.pick(10_000_000, 200_000)
    path = bench.new_folder() / "log.db"
    require_room(path.parent, records)
    bench.announce(f"appending {records:,} records")
    figures, table = growth_figures(records, await run_apart(append_all, path, records))
    bench.announce(f"verifying {records:,} records")
    verified = await run_apart(verify_all, path)
    bench.announce("proving and opening records")
    proved = await run_apart(prove_some, path, bench.pick(2000, 200))
    opened_rate = await run_apart(open_some, path, bench.pick(500_000, 50_000))
    path.unlink()
    return (*figures, *read_figures(verified, proved, opened_rate)), table


async def _measure_turns(bench: Bench) -> tuple[Figure, ...]:
    commits: list[Commits] = []
    paces: dict[int, list[Paces]] = defaultdict(list)
    for _, what, folder in bench.turns(_COMMIT, "the gate's batches"):
        if what == _COMMIT:
            commits.append(await run_apart(commit_in_turns, folder, bench.pick(3000, 300)))
            continue
        for batch in GATE_BATCHES:
            records = bench.pick(2000, 200) * min(batch, 50)
            paces[batch].append(await run_apart(append_gate_batches, folder, batch, records))
    batches = [figure for batch in GATE_BATCHES for figure in batch_figures(batch, paces[batch])]
    return (*commit_figures(commits), *batches)


async def _measure_ages(bench: Bench) -> tuple[Figure, ...]:
    figures: list[Figure] = []
    for pace in (STEADY, FLAT_OUT):
        bench.announce(f"checkpoints while appending {pace}")
        path = bench.new_folder() / "log.db"
        figures += age_figures(pace, await run_apart(sample_ages, path, pace, bench.pick(10.0, 2.0)))
    return tuple(figures)
