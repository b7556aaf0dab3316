"""Prints a sample of several sites: the records drawn, the confidence that they give, and what was not asked."""

import sys
from typing import Any

from rich.text import Text

from components.audit.sites.sample import SampledRecord, SitesSample
from components.cli.options import Output
from components.cli.output.asked import describe_asked
from components.cli.output.console import make_console, make_look
from components.cli.output.json_printer import print_lines
from components.cli.output.record import describe_view
from components.cli.output.sample import tell_drawn
from components.cli.output.search import stack_record
from components.cli.output.sites import describe_faults, tell_missing
from components.cli.output.terminal import show_text


def tell_sample(sample: SitesSample, output: Output, *, as_lines: bool) -> None:
    """Print it for people, as one JSON object, or as one for each record, a line each."""
    if not as_lines:
        output.tell(sample, describe_sample, print_sample)
        return
    print_lines(map(_describe_record, sample.records))
    for line in tell_missing(sample.faults, sample.sites, "sampled"):
        print(f"steelyard: {line}", file=sys.stderr)


def describe_sample(sample: SitesSample) -> dict[str, Any]:
    """Describe a sample of several sites for JSON."""
    return {
        **describe_asked(sample),
        "doubles": sample.doubles,
        "complete": sample.is_complete,
        "not_searched": describe_faults(sample.faults),
        "seed": sample.seed,
        "eligible": sample.eligible,
        "strata": sample.strata,
        "at_most_if_none": sample.at_most_if_none,
        "margin": sample.margin,
        "sites": [
            {
                "site": each.name,
                "matched": each.matched,
                "behind": each.behind or None,
                "record": each.record,
                "access": each.access_id,
            }
            for each in sample.sites
        ],
        "records": list(map(_describe_record, sample.records)),
    }


def _describe_record(record: SampledRecord) -> dict[str, Any]:
    site = record.id.partition(":")[0]
    return describe_view(record.view) | {"id": record.id, "site": site, "others": list(record.others)}


def print_sample(sample: SitesSample) -> None:
    """Print the records of a sample, the oldest first, and what they can tell."""
    console = make_console()
    for record in sample.records:
        also = [(f"also {other}", "dim") for other in record.others]
        console.print(stack_record(record.view, sample.query, record.id, also))
    for line in tell_drawn(sample):
        console.print(Text(line))
    for site in sample.sites:
        text = f"{show_text(site.name)}: {site.matched:,} records match. This sample is record {site.record}."
        console.print(make_look(site.access_id, text))
    for line in tell_missing(sample.faults, sample.sites, "sampled"):
        console.print(Text(line, style="bold red"))
