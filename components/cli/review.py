"""The commands for held messages: `steelyard review list|show|release|refuse`."""

import asyncio
from pathlib import Path

from cyclopts import App

from components.cli.audit import show
from components.cli.options import DEFAULT_SITE, AsJson, RecordId, SealedReason, SiteOption, Timeout
from components.cli.output.json_printer import print_json

app = App(name="review", help="Decide on messages that a rule holds back (docs/review.md).")
app.command(show)


@app.command(name="list")
def list_(*, timeout: Timeout = 10.0, as_json: AsJson = False, site: SiteOption = DEFAULT_SITE) -> None:
    """List the messages that wait for a reviewer, the oldest first."""
    from components.audit.review import list_held
    from components.cli.output.review import describe_held, print_held
    from components.settings.site import SiteFile

    settings = SiteFile(site)
    found = asyncio.run(list_held(settings, timeout))
    if as_json:
        print_json(describe_held(found, settings.gate_log.name))
    else:
        print_held(found, settings.gate_log.name)


@app.command
def release(
    record: RecordId,
    *,
    reason: SealedReason,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Release a held message: it goes out as its sender wrote it."""
    access_id = _decide(record, "release", reason, timeout, site)
    _tell(record, "release", "is on its way", access_id, as_json)


@app.command
def refuse(
    record: RecordId,
    *,
    reason: SealedReason,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
    site: SiteOption = DEFAULT_SITE,
) -> None:
    """Refuse a held message: its sender is told that it was not sent."""
    access_id = _decide(record, "refuse", reason, timeout, site)
    _tell(record, "refuse", "is refused, and its sender told", access_id, as_json)


def _decide(record: str, act: str, reason: str, timeout_s: float, site: Path) -> str:
    from components.audit.review import decide_held
    from components.settings.site import SiteFile

    return asyncio.run(decide_held(SiteFile(site), record, act, reason, timeout_s))


def _tell(record: str, act: str, done: str, access_id: str, as_json: bool) -> None:
    if as_json:
        print_json({"record": record, "act": act, "access": access_id})
    else:
        print(f"{record} {done}. That you read it is record {access_id}.")
