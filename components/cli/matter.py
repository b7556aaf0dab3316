"""The commands for matters: `steelyard audit matter open|list|show|...` (docs/matters.md)."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, SIGNING, Common, RecordId, Signing

if TYPE_CHECKING:
    from components.audit.auditor import Auditor
    from components.audit.author import Author
    from components.audit.matter.values import Detail, Matter
    from components.settings.site import SiteFile

MatterId = Annotated[str, Parameter(name="matter", help="The matter's id, as `matter list` shows it.")]
Jid = Annotated[str, Parameter(help="A person's or a room's JID.")]
Title = Annotated[str, Parameter(help="What it is called.")]
Why = Annotated[str, Parameter(name="--reason", help="Why, in words.")]

app = App(name="matter", help="Gather what belongs to one investigation (docs/matters.md).")


@app.command(name="open")
def open_(
    title: Title,
    *,
    id_: Annotated[str, Parameter(name="--id", help="Its id; if left out, one is made.")] = "",
    enterprise: tuple[str, ...] = (),
    signing: Signing = SIGNING,
) -> None:
    """Open a matter. You are the first who works on it.

    Parameters
    ----------
    enterprise
        Only these enterprises may be concerned (default: all that you may see). May be repeated.
    """
    from components.audit.matter.acts import open_matter

    settings, author = who_signs(signing)
    _tell(signing.common, asyncio.run(open_matter(settings, author, title, id_, enterprise)))


@app.command(name="list")
def list_(*, common: Common = COMMON) -> None:
    """List the matters that you work on, the one that changed last first."""
    from components.audit.matter.looks import look_at_matters
    from components.cli.output.matter import describe_matters, print_matters

    settings, auditor = who_acts(common.site)
    common.tell(asyncio.run(look_at_matters(settings, auditor)), describe_matters, print_matters)


@app.command
def show(matter: MatterId, *, common: Common = COMMON) -> None:
    """Show a matter: its people, custodians, holds, saved results, exhibits and notes."""
    from components.audit.matter.looks import look_at_matter
    from components.cli.output.matter import describe_detail, print_detail

    settings, auditor = who_acts(common.site)
    common.tell(asyncio.run(look_at_matter(settings, auditor, matter)), describe_detail, print_detail)


@app.command
def close(matter: MatterId, *, reason: Why, signing: Signing = SIGNING) -> None:
    """Close a matter: nothing is added any more, and nobody can look for it. Its holds stay in force."""
    _act(signing, "closed", matter, {"reason": reason})


@app.command
def reopen(matter: MatterId, *, reason: Why, signing: Signing = SIGNING) -> None:
    """Open a closed matter again."""
    _act(signing, "reopened", matter, {"reason": reason})


@app.command
def people(
    matter: MatterId,
    *,
    add: tuple[str, ...] = (),
    remove: tuple[str, ...] = (),
    as_lead: bool = False,
    signing: Signing = SIGNING,
) -> None:
    """Change who may work on a matter. Nobody else sees that it is there.

    Parameters
    ----------
    add
        An auditor's id. May be repeated.
    remove
        An auditor's id. May be repeated.
    as_lead
        Add somebody to a matter that you do not work on; for leads, when its people have gone.
    """
    from components.audit.matter.people import change_people

    settings, author = who_signs(signing)
    _tell(signing.common, asyncio.run(change_people(settings, author, matter, add, remove, as_lead=as_lead)))


@app.command
def add_custodian(matter: MatterId, jid: Jid, *, reason: Why = "", signing: Signing = SIGNING) -> None:
    """Add a custodian: a person, or a room, whose records the matter is about."""
    from components.audit.matter.people import add_custodian as add

    settings, author = who_signs(signing)
    _tell(signing.common, asyncio.run(add(settings, author, matter, jid, reason)))


@app.command
def remove_custodian(matter: MatterId, jid: Jid, *, reason: Why = "", signing: Signing = SIGNING) -> None:
    """Take out a custodian. Holds of theirs stay in force."""
    _act(signing, "custodian-removed", matter, {"who": jid, "reason": reason})


@app.command
def add_exhibit(
    matter: MatterId, record: RecordId, *, title: Title = "", note: str = "", signing: Signing = SIGNING
) -> None:
    """Make a record an exhibit. It gets the next number, which never changes.

    Parameters
    ----------
    note
        What it shows.
    """
    from components.audit.matter.exhibits import add_exhibit as add

    settings, author = who_signs(signing)
    _tell(signing.common, asyncio.run(add(settings, author, matter, record, title, note)))


@app.command
def withdraw_exhibit(matter: MatterId, number: int, *, reason: Why, signing: Signing = SIGNING) -> None:
    """Withdraw an exhibit. Its number is not given again.

    Parameters
    ----------
    number
        The exhibit's number.
    """
    _act(signing, "exhibit-withdrawn", matter, {"number": number, "reason": reason})


@app.command
def note(matter: MatterId, text: str, *, exhibit: int = 0, at: str = "", signing: Signing = SIGNING) -> None:
    """Write a note on a matter, or on one of its exhibits.

    Parameters
    ----------
    text
        The note.
    exhibit
        The number of the exhibit that it is on.
    at
        The time that it is about, such as 2026-11-23T09:30Z (default: the exhibit's, or now).
    """
    from components.audit.moment import parse_time

    about_ns = parse_time(at) if at else 0
    _act(signing, "noted", matter, {"text": text, "number": exhibit, "about_ns": about_ns})


@app.command
def link_hold(matter: MatterId, order: str, *, signing: Signing = SIGNING) -> None:
    """Let a hold that names another matter, or none, belong to this one, too.

    Parameters
    ----------
    order
        The hold's id, as `steelyard archive orders` shows it.
    """
    from components.audit.matter.holds import link_hold as link

    settings, author = who_signs(signing)
    _tell(signing.common, asyncio.run(link(settings, author, matter, order)))


@app.command
def save(matter: MatterId, query: str, *, title: Title = "", signing: Signing = SIGNING) -> None:
    """Search, and save the result: the query, how much was searched and found, and the digest of the ids.

    Parameters
    ----------
    query
        What to search for (docs/query.md).
    """
    from components.audit.matter.saved import save_result
    from components.cli.output.console import run_with_bar

    settings, author = who_signs(signing)
    found = run_with_bar(
        "Indexing", "entries", lambda bar: save_result(settings, author, matter, query, title, bar)
    )
    _tell(signing.common, found)


@app.command
def chronology(matter: MatterId, *, common: Common = COMMON) -> None:
    """Show a matter's exhibits, with what they say, and its notes, by the times that they are about."""
    from components.audit.matter.exhibits import make_chronology
    from components.cli.output.matter import describe_chronology, print_chronology

    settings, auditor = who_acts(common.site)
    common.tell(
        asyncio.run(make_chronology(settings, auditor, matter)), describe_chronology, print_chronology
    )


def who_acts(site: Path) -> "tuple[SiteFile, Auditor]":
    """Read the site's settings, and find out who gives the command; raises SiteError for an overseer."""
    from components.audit.auditor import Role, find_auditor
    from components.settings.site import SiteFile

    settings = SiteFile(site)
    auditor = find_auditor(settings)
    auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
    return settings, auditor


def who_signs(signing: Signing) -> "tuple[SiteFile, Author]":
    """Read the site's settings, and find out who acts, with their key; raises as `who_acts` and `open_author` do."""
    settings, _ = who_acts(signing.common.site)
    return settings, signing.open_author(settings)


def _act(signing: Signing, what: str, matter: str, details: "dict[str, Detail]") -> None:
    from components.audit.matter.acts import act
    from components.audit.matter.values import MatterAct

    settings, author = who_signs(signing)
    _tell(signing.common, asyncio.run(act(settings, author, MatterAct(what), matter, details)))


def _tell(common: Common, matter: "Matter") -> None:
    from components.cli.output.matter import describe_matter, print_matter

    common.tell(matter, describe_matter, print_matter)
