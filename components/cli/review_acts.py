"""What reviewers do with items: `steelyard review claim`, `assign`, `note`, `close` and so on (docs/review.md)."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from components.cli.options import SIGNING, AtSite, Signing
from components.process.errors import SiteError
from policy.supervision.act import ActKind

Item = Annotated[str, Parameter(name="records", help="The ids of items' records, such as gate/100042.")]
Note = Annotated[
    str, Parameter(name="--note", help="What you found, in one line. Only auditors can read it.")
]


def claim(*records: Item, signing: Signing = SIGNING) -> None:
    """Claim items, so that nobody else closes them."""
    _act(ActKind.CLAIM, records, signing)


def unclaim(*records: Item, signing: Signing = SIGNING) -> None:
    """Give claimed items back to their queues."""
    _act(ActKind.UNCLAIM, records, signing)


def assign(*records: Item, to: str, note: Note = "", signing: Signing = SIGNING) -> None:
    """Assign items to a reviewer; for leads.

    Parameters
    ----------
    to
        The reviewer's id in site.toml.
    """
    _act(ActKind.ASSIGN, records, signing, to=to, note=note)


def note(*records: Item, text: Note, signing: Signing = SIGNING) -> None:
    """Add a note to items."""
    _act(ActKind.NOTE, records, signing, note=text)


def escalate(*records: Item, note: Note, signing: Signing = SIGNING) -> None:
    """Escalate items to the leads."""
    _act(ActKind.ESCALATE, records, signing, note=note)


def reopen(*records: Item, note: Note, signing: Signing = SIGNING) -> None:
    """Re-open closed items; for leads."""
    _act(ActKind.REOPEN, records, signing, note=note)


def add(
    *records: Item,
    queue: str,
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
    note: Note = "",
    signing: Signing = SIGNING,
) -> None:
    """Put records into a queue of your own, such as a sample.

    Parameters
    ----------
    queue
        The name of the queue: small letters, digits and -._
    from_
        Also those whose ids are in this file, one a line, alone or in a JSON object; - is standard input.
    """
    from components.audit.review.listed import read_id

    if from_ is not None:
        text = sys.stdin.read() if from_ == Path("-") else from_.read_text("utf-8")
        records = (*records, *(read_id(line) for line in text.splitlines() if line.strip()))
    _act(ActKind.ADD, records, signing, queue=queue, note=note)


def close(
    *records: Item,
    disposition: Annotated[str, Parameter(name="--as")],
    note: Note = "",
    query: str = "",
    expect: int | None = None,
    at: AtSite = "",
    signing: Signing = SIGNING,
) -> None:
    """Close items as no-issue, issue or false-positive. With --query, all that match it; for leads.

    Parameters
    ----------
    disposition
        no-issue, issue or false-positive.
    query
        Close all open items that this query finds (docs/query.md), instead of naming them.
    expect
        How many these are. Without it, or where it is another number, the command only says how many.
    """
    if not query:
        _act(ActKind.CLOSE, records, signing, disposition=disposition, note=note)
        return
    from components.cli.reviewing import close_matching

    close_matching(signing, at, query, expect, disposition=disposition, note=note)


def _act(kind: ActKind, records: tuple[str, ...], signing: Signing, **fields: str) -> None:
    if not records:
        raise SiteError("name the items by their records' ids, such as gate/100042")
    from components.cli.reviewing import act_on

    act_on(kind, records, signing, **fields)
