"""The log by itself."""

from tests.bench import archive_append
from tests.bench.apart import run_apart
from tests.bench.bench import Bench
from tests.bench.figures import Figure, Findings, single

_RATE = ": records/s"


async def measure(bench: Bench) -> Findings:
    """What appending to the log costs, by the size of the batch; every append is fsynced before it returns.

    Records of 600 bytes. Compared are SQLite called directly, through aiosqlite, and the log, which adds the tree and
    a signed checkpoint to each batch; then reading it all back, verified, and proofs of single records.
    """
    bench.announce("appending, verifying, proving")
    figures = await run_apart(archive_append.run, bench.pick(1.0, 0.05))
    return Findings(tuple(_figure(name, value) for name, value in figures.items()))


def _figure(name: str, value: float) -> Figure:
    if name.endswith(_RATE):
        return single(name.removesuffix(_RATE), value, "records/s")
    what, _, unit = name.rpartition(", ")
    return single(what, value, unit)
