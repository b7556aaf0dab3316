"""The command that shows a conversation: `steelyard audit read`."""

import re
import time
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from components.cli.options import LOOK, Look

if TYPE_CHECKING:
    from components.audit.conversation.read import Around, Whole
    from components.settings.site import SiteFile

_RECORD = re.compile(r"(?:([^@:]+):)?([A-Za-z0-9_.-]+/[0-9]{1,18})")
"""A record, with the name of another site before it or not."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a conversation is shown."""

    before: Annotated[
        int | None,
        Parameter(validator=Number(gte=0), help="Of a record: so many items before it (10 if left out)."),
    ] = None
    after: Annotated[
        int | None,
        Parameter(validator=Number(gte=0), help="Of a record: so many items after it (10 if left out)."),
    ] = None
    limit: Annotated[
        int, Parameter(validator=Number(gte=1), help="Of a conversation: at most this many items.")
    ] = 50
    until: Annotated[str, Parameter(help="The items before this record, instead of the newest.")] = ""
    from_: Annotated[str, Parameter(name="--from", help="The items after this record.")] = ""


WHOLE = Part()


def read(
    *what: Annotated[str, Parameter(required=True)],
    part: Part = WHOLE,
    seen_by: Annotated[
        str, Parameter(help="Say of each message whether it had reached this person, by JID.")
    ] = "",
    at: Annotated[
        str,
        Parameter(
            help="As it was at this time (2026-11-23T14:05+01:00, 2h): what had been said, who was in the room."
        ),
    ] = "",
    zone: Annotated[str, Parameter(help="Show times in this time zone, such as Europe/Berlin.")] = "UTC",
    at_site: Annotated[
        str, Parameter(help="Read at the site of this name alone (audit.sites), not at all of them.")
    ] = "",
    common: Look = LOOK,
) -> int:
    """Read a conversation as a person does: with every version, reactions, receipts, and who could see it.

    Where site.toml names other sites, what these have of it stands between (docs/sites.md). Exit status 1 if one could
    not be read, or its copy is behind.

    Parameters
    ----------
    what
        Two people or more, or a room, by JID (or the name before the @); or a record, such as gate/100042 or
        london:gate/88, with what stands around it.
    """
    from components.audit.conversation.read import read_conversation
    from components.audit.sites.named import cover_one
    from components.cli.output.console import run_with_bar
    from components.cli.output.coverage import tell_of_one
    from components.cli.output.read import describe_conversation, find_zone, print_conversation
    from components.settings.site import SiteFile

    coverage, settings = cover_one(SiteFile(common.site), at_site), common.open_site(at_site)
    at_ns, shown_zone = _read_at(at), find_zone(zone)
    if coverage.others and not at_site:
        return _read_sites(settings, what, part, Seen(seen_by, at_ns, shown_zone), common)
    chosen = choose(what, part)
    view = run_with_bar(
        "Indexing",
        "entries",
        lambda progress: read_conversation(settings, chosen, progress, seen_by=seen_by, at_ns=at_ns),
    )
    tell_of_one(
        common,
        coverage,
        view,
        lambda found: describe_conversation(found, shown_zone),
        lambda found: print_conversation(found, shown_zone),
        option="--at-site",
    )
    return 0


@dataclass(frozen=True, slots=True)
class Seen:
    """By whom and as of when a conversation is read, and in which time zone its times are shown."""

    by: str
    at_ns: int | None
    zone: tzinfo


def _read_sites(settings: "SiteFile", what: tuple[str, ...], part: Part, seen: Seen, common: Look) -> int:
    from components.audit.sites.read import Look as SitesLook
    from components.audit.sites.read import read_sites
    from components.cli.output.console import run_with_bar
    from components.cli.output.sites_read import describe_talk, print_talk

    at, what, part = _find_site(what, part)
    chosen = choose(what, part)
    talk = run_with_bar(
        "Indexing",
        "entries",
        lambda bar: read_sites(settings, chosen, SitesLook(bar, None, seen.by, seen.at_ns), at),
    )
    common.tell(
        talk, lambda found: describe_talk(found, seen.zone), lambda found: print_talk(found, seen.zone)
    )
    return 0 if talk.is_complete else 1


def _find_site(what: tuple[str, ...], part: Part) -> tuple[str, tuple[str, ...], Part]:
    """Return at which site is read, and what: a record has the name of its site before it, in `part`, too."""
    named = [_RECORD.fullmatch(each) for each in (what[0] if len(what) == 1 else "", part.until, part.from_)]
    record, until, from_ = (each[2] if each else "" for each in named)
    site = next((each[1] for each in named if each and each[1]), "")
    return (
        site,
        (record,) if record else what,
        replace(part, until=until or part.until, from_=from_ or part.from_),
    )


def choose(what: tuple[str, ...], part: Part) -> "Whole | Around":
    """Return what is to be read; raises SiteError for options that do not fit together."""
    from components.audit.conversation.read import Around, Whole
    from components.process.errors import SiteError

    if len(what) == 1 and _RECORD.fullmatch(what[0]):
        if part.until or part.from_:
            raise SiteError(
                "around a record, --before and --after say how much is shown; not --until or --from"
            )
        before = 10 if part.before is None else part.before
        after = 10 if part.after is None else part.after
        return Around(what[0], before, after)
    if part.before is not None or part.after is not None:
        raise SiteError(
            "--before and --after are about a record, such as gate/100042; here --until and --from are"
        )
    if part.until and part.from_:
        raise SiteError("give --until or --from, not both")
    return Whole(what, part.limit, part.until, part.from_)


def _read_at(text: str) -> int | None:
    from components.audit.query.times import read_moment
    from components.process.errors import SiteError

    if not text:
        return None
    try:
        return read_moment(text, int(time.time()))
    except ValueError as error:
        raise SiteError(f"--at: {text!r}: {error}") from None
