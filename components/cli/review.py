"""The commands for held messages: `steelyard review list|show|release|refuse`."""

import asyncio
from typing import Annotated

from cyclopts import App, Parameter

from components.cli.audit import DEFAULT_SITE, AsJson, SiteFile, errors_in_one_line, show

Reason = Annotated[str, Parameter(help="Why, in words; only auditors can read it in the log.")]
Timeout = Annotated[float, Parameter(help="Seconds to wait for the gate.")]

app = App(name="review", help="Decide on messages that a rule holds (docs/review.md).")
app.command(show, name="show")


@app.command(name="list")
def list_(*, timeout: Timeout = 10.0, as_json: AsJson = False, site: SiteFile = DEFAULT_SITE) -> None:
    """List the messages that wait for a reviewer, the oldest first."""
    from components.audit.review import list_held
    from components.cli.output.document import encode_document
    from components.cli.output.review_document import describe_held, format_held
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        settings = load_audit_settings(site)
        found = asyncio.run(list_held(settings, timeout))
    if as_json:
        print(encode_document(describe_held(found, settings.gate_log.name)), end="")
        return
    for message in found.held:
        print(format_held(message, settings.gate_log.name))
    count = len(found.held)
    print(f"{count:,} {'message' if count == 1 else 'messages'}. This look is record {found.access_id}.")


@app.command
def release(
    record: str,
    *,
    reason: Reason,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Let a held message go out, as its sender's own.

    Parameters
    ----------
    record
        The record of the message, such as gate/100042.
    """
    _decide(record, "release", reason, timeout, as_json, site)


@app.command
def refuse(
    record: str,
    *,
    reason: Reason,
    timeout: Timeout = 10.0,
    as_json: AsJson = False,
    site: SiteFile = DEFAULT_SITE,
) -> None:
    """Refuse a held message; its sender is told that it was not sent.

    Parameters
    ----------
    record
        The record of the message, such as gate/100042.
    """
    _decide(record, "refuse", reason, timeout, as_json, site)


def _decide(record: str, act: str, reason: str, timeout: float, as_json: bool, site: SiteFile) -> None:
    from components.audit.review import decide_held
    from components.cli.output.document import encode_document
    from components.settings.audit import load_audit_settings

    with errors_in_one_line():
        access_id = asyncio.run(decide_held(load_audit_settings(site), record, act, reason, timeout))
    if as_json:
        print(encode_document({"record": record, "act": act, "access": access_id}), end="")
    else:
        done = "is on its way" if act == "release" else "is refused, and its sender told"
        print(f"{record} {done}. That you read it is record {access_id}.")
