"""Tables that several measurements show."""

from collections.abc import Mapping, Sequence
from statistics import median

from tests.bench.figures import Table
from tests.bench.usage import ALL_ELSE


def cpu_table(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> Table:
    """Show the share of a core that each process used, in medians of the rounds, for each set-up."""
    names = dict.fromkeys(name for rounds in runs.values() for shares in rounds for name in shares)
    processes = sorted(names, key=lambda name: name == ALL_ELSE)
    rows = [
        (label, *(_share([shares[name] for shares in rounds if name in shares]) for name in processes))
        for label, rounds in runs.items()
    ]
    return Table("Share of a core that each process used", ("", *processes), tuple(rows))


def _share(rounds: Sequence[float]) -> str:
    return f"{median(rounds):.2f}" if rounds else ""
