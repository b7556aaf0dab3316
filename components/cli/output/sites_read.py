"""Prints a conversation as several sites have it: each item once, and which sites could not be read."""

from datetime import tzinfo
from typing import Any

from rich.text import Text

from components.audit.sites.read import SitesTalk
from components.cli.output.console import make_console
from components.cli.output.read import describe_conversation, print_conversation
from components.cli.output.sites import describe_faults, tell_missing
from components.cli.output.terminal import show_text


def describe_talk(talk: SitesTalk, zone: tzinfo) -> dict[str, Any]:
    """Describe a part of a conversation for JSON, and what each site has of it."""
    sites = [
        {
            "site": each.name,
            "items": each.items,
            "log_size": each.log_size,
            "behind": each.behind or None,
            "access": each.access_id,
            "digest": each.digest,
        }
        for each in talk.sites
    ]
    told = describe_conversation(talk.view, zone)
    return told | {"complete": talk.is_complete, "not_read": describe_faults(talk.faults), "sites": sites}


def print_talk(talk: SitesTalk, zone: tzinfo) -> None:
    """Print it, then what each site has, and the sites that were not read."""
    print_conversation(talk.view, zone)
    console = make_console()
    for each in talk.sites:
        text = f"{each.name}: {each.items:,} items were read. This look is record {each.access_id} there."
        console.print(Text(show_text(text), style="dim"))
    for line in tell_missing(talk.faults, talk.sites, "read"):
        console.print(Text(line, style="bold red"))
