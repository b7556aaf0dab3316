"""What counting prints: hits by person, day and the like, and those of each of a list of terms."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from components.audit.index.facets import Counted
from components.audit.tally import Tally, TermHits, TermReport
from components.cli.options import Output
from components.cli.output.asked import describe_looked
from components.cli.output.console import make_console, make_look, make_table
from components.cli.output.json_printer import print_lines
from components.cli.output.terminal import show_text


def tell_counts(found: Tally | TermReport, output: Output, *, as_lines: bool) -> None:
    """Print what was counted, for people, as one JSON object, or as one for each line."""
    match found:
        case Tally() if as_lines:
            print_lines(describe_counted(found, each) for each in found.counted)
        case Tally():
            output.tell(found, describe_tally, print_tally)
        case TermReport() if as_lines:
            print_lines(map(describe_term, found.terms))
        case TermReport():
            output.tell(found, describe_terms, print_terms)


def describe_counted(tally: Tally, counted: Counted) -> dict[str, Any]:
    """Describe how many records have some values."""
    values = dict(zip(map(str, tally.dimensions), counted.values, strict=True))
    return {**values, "records": counted.entries}


def describe_tally(tally: Tally) -> dict[str, Any]:
    """Describe counts for JSON."""
    return {
        **describe_looked(tally),
        "log_size": tally.log_size,
        "examined": tally.examined,
        "is_cut": tally.is_cut,
        "counts": [describe_counted(tally, each) for each in tally.counted],
    }


def print_tally(tally: Tally) -> None:
    """Print counts, a row for each combination of values."""
    console = make_console()
    table = make_table(*map(str, tally.dimensions), "records")
    for column in table.columns[:-1]:
        column.overflow = "fold"
    table.columns[-1].justify = "right"
    table.columns[-1].no_wrap = True
    for counted in tally.counted:
        values = (Text(show_text(value) or "-") for value in counted.values)
        table.add_row(*values, f"{counted.entries:,}")
    console.print(table)
    console.print(make_look(tally.access_id, f"{tally.matched:,} records match."))


def describe_term(term: TermHits) -> dict[str, Any]:
    """Describe the hits of a term."""
    return {"line": term.line, "term": term.term, "hits": term.hits, "alone": term.alone}


def describe_terms(report: TermReport) -> dict[str, Any]:
    """Describe the hits of a list of terms for JSON."""
    return {
        **describe_looked(report),
        "log_size": report.log_size,
        "terms": [describe_term(term) for term in report.terms],
    }


def print_terms(report: TermReport) -> None:
    """Print the hits of each term, in the order of the list."""
    console = make_console()
    console.print(make_terms_table(report.terms))
    console.print(make_look(report.access_id, f"{report.matched:,} records have any of them."))


def make_terms_table(terms: Sequence[TermHits]) -> Table:
    """Return a table with a row for each term of a list."""
    table = make_table("line", "term", "hits", "alone")
    table.columns[1].overflow = "fold"
    for column in (table.columns[0], *table.columns[2:]):
        column.justify = "right"
        column.no_wrap = True
    for term in terms:
        table.add_row(str(term.line), Text(show_text(term.term)), f"{term.hits:,}", f"{term.alone:,}")
    return table
