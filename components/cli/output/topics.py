"""What the marking of topics prints (docs/topic.md)."""

from dataclasses import asdict
from typing import Any

from components.audit.checks.topics import TopicsMarked
from components.cli.output.console import make_console, make_look


def describe_topics(marked: TopicsMarked) -> dict[str, Any]:
    """Describe the marks for JSON."""
    return asdict(marked)


def print_topics(marked: TopicsMarked) -> None:
    """Print how many records each rule marked, and how to find them."""
    console = make_console()
    for rule, count in marked.marks.items():
        console.print(f"{count:,} newly marked: steelyard audit search rule:{rule}")
    console.print(make_look(marked.access_id, f"{marked.read:,} new entries were read."))
