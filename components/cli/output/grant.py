"""What the commands for grants print (docs/matters.md)."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.archive.keys.recipient_text import parse_recipient
from components.audit.grant.file import GrantFile
from components.audit.grant.fold import RecordedGrant, write_numbers
from components.audit.grant.looks import SeenGrants
from components.audit.moment import format_time
from components.cli.output.console import make_console, make_fields, make_look, show_time


def describe_file(file: GrantFile) -> dict[str, Any]:
    """Describe a grant's file for JSON; the keys in it are left out."""
    terms = file.terms
    return {
        "grant": terms.id,
        "log": terms.log,
        "segments": list(terms.segments),
        "for": terms.auditor,
        "key_id": terms.key_id,
        "until": format_time(terms.until_ns),
        "matter": terms.matter or None,
        "reason": terms.reason,
        "asked_by": terms.asked_by,
        "asked_at": format_time(terms.asked_at_ns),
        "digest": terms.digest(),
        "contributed_by": [each.by for each in file.contributions],
        "issued": bool(file.envelopes),
    }


def describe_request(made: tuple[Path, GrantFile]) -> dict[str, Any]:
    """Describe a request for a grant, and its file."""
    return {"file": str(made[0]), **describe_file(made[1])}


def describe_grant(grant: RecordedGrant, at_ns: int | None = None) -> dict[str, Any]:
    """Describe a recorded grant, as it is at a time, or now."""
    return asdict(grant) | {"state": str(grant.state(time.time_ns() if at_ns is None else at_ns))}


def describe_grants(seen: SeenGrants) -> dict[str, Any]:
    """Describe a list of grants."""
    return {"grants": [describe_grant(each, seen.at_ns) for each in seen.grants], "access": seen.access_id}


def print_file(file: GrantFile) -> None:
    """Print what a grant opens, for whom, until when and why, and who has contributed."""
    terms, console = file.terms, make_console()
    fields = {
        "grant": terms.id,
        "opens": f"segments {write_numbers(terms.segments)} of {terms.log}",
        "for": f"{terms.auditor}, key {terms.key_id}",
        "until": f"{show_time(terms.until_ns)} UTC",
        "matter": terms.matter or "(none)",
        "reason": terms.reason,
        "asked by": f"{terms.asked_by}, {show_time(terms.asked_at_ns)} UTC",
        "collector": f"key {parse_recipient(terms.collector).key_id}",
        "digest": terms.digest(),
    }
    if not file.envelopes:
        given = ", ".join(f"{each.by} (share {each.number})" for each in file.contributions)
        fields["contributed"] = given or "(nobody yet)"
    console.print(make_fields(fields))
    if file.envelopes:
        print("It is issued: the file goes to audit.grants on the auditor's machine.")
    else:
        print("Before you contribute: compare the digest with who asked, by another way.")


def print_request(made: tuple[Path, GrantFile]) -> None:
    """Print what was asked for, and what comes next."""
    path, file = made
    print_file(file)
    print(f"Those who hold shares: steelyard audit grant contribute {path} --share FILE")


def print_grant(grant: RecordedGrant) -> None:
    """Print a recorded grant."""
    make_console().print(make_fields(_fields_of(grant, time.time_ns())))


def print_grants(seen: SeenGrants) -> None:
    """Print all grants that somebody may know of."""
    console = make_console()
    for each in seen.grants:
        console.print(make_fields(_fields_of(each, seen.at_ns)))
        console.print()
    count = len(seen.grants)
    console.print(make_look(seen.access_id, f"{count:,} {'grant' if count == 1 else 'grants'}."))


def _fields_of(grant: RecordedGrant, now_ns: int) -> dict[str, str]:
    fields = {
        "grant": grant.id,
        "state": str(grant.state(now_ns)) + (f": {grant.revoked_because}" if grant.revoked else ""),
        "opens": f"segments {grant.segments} of {grant.log}",
        "for": f"{grant.auditor}, key {grant.key_id}",
        "until": f"{show_time(grant.until_ns)} UTC",
        "matter": grant.matter,
        "reason": grant.reason,
        "asked by": grant.asked_by,
        "shares of": grant.contributors,
        "records": ", ".join(filter(None, (grant.asked, grant.issued, grant.revoked))),
    }
    return {name: value for name, value in fields.items() if value}
