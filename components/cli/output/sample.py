"""What a sample prints: the records drawn, and the confidence that they give."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from components.audit.sample import Sample
from components.audit.sites.sample import SitesSample
from components.cli.output.asked import describe_asked
from components.cli.output.console import make_console, make_look
from components.cli.output.record import describe_view
from components.cli.output.search import print_records
from components.cli.output.terminal import show_text


def describe_sample(sample: Sample) -> dict[str, Any]:
    """Describe a sample for JSON."""
    return {
        **describe_asked(sample),
        "seed": sample.seed,
        "eligible": sample.eligible,
        "strata": sample.strata,
        "at_most_if_none": sample.at_most_if_none,
        "margin": sample.margin,
        "record": sample.record,
        "access": sample.access_id,
        "records": [describe_view(view) for view in sample.records],
    }


def print_sample(sample: Sample) -> None:
    """Print the records of a sample, the oldest first, and what they can tell."""
    console = make_console()
    print_records(console, sample.records, sample.query)
    for line in tell_drawn(sample):
        console.print(Text(line))
    console.print(make_look(sample.access_id, f"This sample is record {sample.record}."))


def tell_drawn(sample: Sample | SitesSample) -> Iterator[str]:
    """Yield what the records of a sample can tell, in lines."""
    count = len(sample.records)
    told = f"{count:,} of {sample.eligible:,} records, by the seed {show_text(sample.seed)}"
    if before := sample.matched - sample.eligible:
        told += f"; {before:,} more match and were drawn before"
    yield f"{told}."
    if 0 < count < sample.eligible:
        yield (
            f"If none of them shows what you look for, at most {sample.at_most_if_none:.2%} of all do (95 %"
            f" confidence). A share that you see is within {sample.margin:.1%} of that of all, at worst."
        )
