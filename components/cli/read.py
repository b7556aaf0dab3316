"""The command that shows a conversation: `steelyard audit read`."""

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from components.cli.options import LOOK, Look

if TYPE_CHECKING:
    from components.audit.conversation.read import Around, Whole

_RECORD = re.compile(r"(?:([a-z0-9][a-z0-9._-]*):)?([A-Za-z0-9_.-]+/[0-9]{1,18})")
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
            help="With --seen-by: as it was at this time (2026-11-23T14:05+01:00, 2h); now if left out."
        ),
    ] = "",
    zone: Annotated[str, Parameter(help="Show times in this time zone, such as Europe/Berlin.")] = "UTC",
    at_site: Annotated[str, Parameter(help="Read at the site of this name (audit.sites).")] = "",
    common: Look = LOOK,
) -> None:
    """Read a conversation as a person does: with every version, reactions, receipts, and who could see it.

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

    at_site, what = _find_site(at_site, what)
    coverage, settings = cover_one(SiteFile(common.site), at_site), common.open_site(at_site)
    chosen, at_ns, shown_zone = choose(what, part), _read_at(at), find_zone(zone)
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


def _find_site(at_site: str, what: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return at which site is read, and what: a record may have the name of its site before it."""
    if len(what) == 1 and (named := _RECORD.fullmatch(what[0])) and named[1]:
        return named[1], (named[2],)
    return at_site, what


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
