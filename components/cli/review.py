"""The commands for held messages: `steelyard review list|show|release|refuse`."""

import asyncio
from dataclasses import dataclass

from cyclopts import App, Parameter

from components.cli.audit import show
from components.cli.options import COMMON, Common, RecordId, SealedReason, Timeout
from components.cli.output.json_printer import print_json


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Decision:
    """What each decision on a held message takes."""

    reason: SealedReason
    timeout: Timeout = 10.0
    common: Common = COMMON


app = App(name="review", help="Decide on messages that a rule holds back (docs/review.md).")
app.command(show)


@app.command(name="list")
def list_(*, timeout: Timeout = 10.0, common: Common = COMMON) -> None:
    """List the messages and files that wait for a reviewer, the oldest first."""
    from components.audit.review.held import list_held
    from components.audit.review.held_files import find_file_log
    from components.cli.output.review import describe_held, print_held
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    file_log = find_file_log(settings)
    names = settings.gate_log.name, file_log.name if file_log else ""
    found = asyncio.run(list_held(settings, timeout))
    common.tell(found, lambda held: describe_held(held, *names), lambda held: print_held(held, *names))


@app.command
def release(record: RecordId, *, decision: Decision) -> None:
    """Release a held message: it goes out as its sender wrote it, with its files. Or a held file alone."""
    _decide(record, "release", decision, ("is on its way", "can be fetched now"))


@app.command
def refuse(record: RecordId, *, decision: Decision) -> None:
    """Refuse a held message: its sender is told that it was not sent. Or a held file: nobody can fetch it."""
    _decide(record, "refuse", decision, ("is refused, and its sender told", "is refused"))


def _decide(record: str, act: str, decision: Decision, done: tuple[str, str]) -> None:
    """Decide on a record; `done` says what became of it, of a message and of a file."""
    from components.audit.review.held import decide_held
    from components.audit.review.held_files import find_file_log
    from components.settings.site import SiteFile

    settings = SiteFile(decision.common.site)
    access_id = asyncio.run(decide_held(settings, record, act, decision.reason, decision.timeout))
    if decision.common.as_json:
        print_json({"record": record, "act": act, "access": access_id})
    else:
        log = find_file_log(settings)
        is_file = log is not None and record.startswith(f"{log.name}/")
        print(f"{record} {done[is_file]}. That you read it is record {access_id}.")
