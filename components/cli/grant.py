"""The commands for grants: `steelyard audit grant request|contribute|issue|list|revoke` (docs/matters.md)."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from components.cli.options import COMMON, OUTPUT, SIGNING, Common, LogName, Output, OwnKey, Signing

GrantPath = Annotated[Path, Parameter(name="file", help="The grant's file.")]
GrantId = Annotated[str, Parameter(name="grant", help="The grant's id, as `grant list` shows it.")]
Why = Annotated[str, Parameter(name="--reason", help="Why, in words.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Chosen:
    """What a grant is asked to open."""

    segments: Annotated[str, Parameter(help="Segments by number, such as 3-9,12.")] = ""
    after: Annotated[str, Parameter(help="What was recorded from this time on.")] = ""
    before: Annotated[str, Parameter(help="What was recorded before this time.")] = ""
    conversation: Annotated[
        tuple[str, ...],
        Parameter(help="Two JIDs with a comma between them, or a room's JID. May be repeated."),
    ] = ()
    hold: Annotated[tuple[str, ...], Parameter(help="What this hold keeps, by its id. May be repeated.")] = ()
    log: LogName = ""
    opened_with: Annotated[
        str, Parameter(help="The recipient whose key is in shares, or the id of a key of before.")
    ] = "auditor"


CHOSEN = Chosen()

app = App(name="grant", help="Open segments for one auditor, by key shares, until a time (docs/matters.md).")


@app.command
def request(
    *,
    auditor: Annotated[str, Parameter(name="--for")],
    to: Path,
    until: str,
    reason: Why,
    matter: str = "",
    chosen: Chosen = CHOSEN,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    signing: Signing = SIGNING,
) -> None:
    """Ask for a grant. Those who hold shares of the key contribute them to the file that this writes.

    Parameters
    ----------
    auditor
        The id of the auditor who is to read.
    to
        The file of the auditor's own public key (`steelyard keys make`).
    until
        When it is over: a time such as 2026-12-01T18:00Z, or from now such as 8h or 5d.
    matter
        The matter that it is for.
    output
        The grant's file (default: named after its id, in this folder).
    """
    from components.audit.grant.ask import parse_choice, parse_until
    from components.audit.grant.request import GrantRequest, request_grant
    from components.cli.matter import who_signs
    from components.cli.output.grant import describe_request, print_request

    settings, by = who_signs(signing)
    log = settings.require_log(chosen.log) if chosen.log else settings.gate_log
    choice = parse_choice(chosen.segments, chosen.after, chosen.before, chosen.conversation, chosen.hold)
    ask = GrantRequest(auditor, to, log, choice, parse_until(until), chosen.opened_with, matter, reason)
    made = asyncio.run(request_grant(settings, by, ask, output))
    signing.common.tell(made, describe_request, print_request)


@app.command
def contribute(
    file: GrantPath, *, share: Path | None = None, name: str = "", key: OwnKey = None, output: Output = OUTPUT
) -> None:
    """Show what a grant would open, for whom, until when. With a share, contribute it. This needs no site.

    Parameters
    ----------
    share
        The file with your share of the key. It is sealed before it gets into the grant's file.
    name
        Your name, where auditors have no keys (default: your user of the operating system).
    """
    from components.audit.access import name_actor
    from components.audit.author import open_signer
    from components.audit.grant.contribute import contribute as add
    from components.audit.grant.contribute import name_contributor
    from components.audit.grant.file import read_grant_file
    from components.cli.output.grant import describe_file, print_file

    signer = open_signer(key) if key else None
    by = name_contributor(signer) if signer else name or name_actor()
    found = add(file, share, by, signer) if share else read_grant_file(file)
    output.tell(found, describe_file, print_file)


@app.command
def issue(file: GrantPath, *, signing: Signing = SIGNING) -> None:
    """Make the grant of the contributed shares, where it was asked for. Then give the file to the auditor."""
    from components.audit.grant.issue import issue_grant
    from components.cli.matter import who_signs
    from components.cli.output.grant import describe_file, print_file

    settings, by = who_signs(signing)
    signing.common.tell(asyncio.run(issue_grant(settings, by, file)), describe_file, print_file)


@app.command(name="list")
def list_(*, common: Common = COMMON) -> None:
    """List the grants that you asked for or have; who oversees all of the site sees all."""
    from components.audit.auditor import find_auditor
    from components.audit.grant.looks import look_at_grants
    from components.cli.output.grant import describe_grants, print_grants
    from components.settings.site import SiteFile

    settings = SiteFile(common.site)
    found = asyncio.run(look_at_grants(settings, find_auditor(settings)))
    common.tell(found, describe_grants, print_grants)


@app.command
def revoke(grant: GrantId, *, reason: Why, signing: Signing = SIGNING) -> None:
    """Revoke a grant: Steelyard's tools open nothing with it any more, where they see the audit log."""
    from components.audit.grant.issue import revoke_grant
    from components.cli.output.grant import describe_grant, print_grant
    from components.settings.site import SiteFile

    settings = SiteFile(signing.common.site)
    found = asyncio.run(revoke_grant(settings, signing.open_author(settings), grant, reason))
    signing.common.tell(found, describe_grant, print_grant)
