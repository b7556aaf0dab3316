"""What the commands for files print (docs/commands.md)."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from components.archive.blobs.reader import BlobCheck
from components.archive.record import Event
from components.audit.files.export import ExportedFile
from components.audit.files.list import FileList
from components.audit.files.record import FileLook, FileRecord, FileReview
from components.audit.files.show import FileDetail
from components.audit.moment import format_time
from components.cli.output.console import make_console, make_fields, make_look, show_time
from components.cli.output.file_event import OUTCOMES, tell_file_event
from components.cli.output.record import describe_detail, describe_upload
from components.cli.output.terminal import show_text
from components.site.rescan import Rescan

_ACTS = {"release": "released", "refuse": "refused"}


def describe_list(found: FileList) -> dict[str, Any]:
    """Describe a list of files for JSON."""
    return {
        "files": [_describe_record(file) for file in found.files],
        "matched": found.matched,
        "destroyed": found.destroyed,
        "unreadable": found.unreadable,
        "log_size": found.log_size,
        "access": found.access_id,
    }


def print_list(found: FileList) -> None:
    """Print a list of files, one a line."""
    console = make_console()
    # On a terminal the size is at the right side.
    table = Table.grid(padding=(0, 2), expand=console.is_terminal)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(no_wrap=True, justify="right")
    for file in found.files:
        _add_rows(table, file)
    if found.files:
        console.print(table)
    shown = (
        f"{found.matched:,} files match, {len(found.files):,} shown; `files show RECORD` tells all of one."
    )
    more = f" {found.destroyed:,} records are destroyed." if found.destroyed else ""
    lost = f" {found.unreadable:,} cannot be read." if found.unreadable else ""
    console.print(make_look(found.access_id, shown + more + lost))


def describe_file(detail: FileDetail) -> dict[str, Any]:
    """Describe one file in full for JSON: `record` is as `audit show --json` has it."""
    return {
        "file": _describe_record(detail.file),
        "blob": _describe_check(detail.blob),
        "delivered": _describe_check(detail.copy) if detail.copy else None,
        "looks": [asdict(look) | {"at": format_time(look.at_ns)} for look in detail.looks],
        "reviews": [asdict(review) | {"at": format_time(review.at_ns)} for review in detail.reviews],
        "record": describe_detail(detail.record),
    }


def print_file(detail: FileDetail) -> None:
    """Print one file: what its record says, its proof, its blob, and who fetched it."""
    console = make_console()
    file, proof = detail.file, detail.record.proof
    proved = proof.fault or f"in the signed tree of {proof.size:,} records"
    fields = {
        "record": f"{file.id} ({file.event})",
        "when": format_time(file.at_ns),
        **_tell_event(detail),
        "owner": file.owner,
        "name": file.name,
        "type": file.media_type,
        "bytes": f"{file.size_bytes:,}",
        "SHA-256": file.sha256 or "not recorded",
        "blob": f"{file.blob}, {_word_check(detail.blob)}",
        "proof": proved,
    }
    if file.delivered and detail.copy:
        fields |= {
            "readers got": f"a copy without metadata, {file.delivered.size_bytes:,} bytes",
            "its SHA-256": file.delivered.sha256 or "not recorded",
            "its blob": f"{file.delivered.blob}, {_word_check(detail.copy)}",
        }
    console.print(make_fields(fields))
    for upload in detail.record.view.files:
        for line in describe_upload(upload):
            console.print(Text(show_text(line)))
    for line in _history(detail):
        console.print(Text(show_text(line)))
    console.print(make_look(detail.record.access_id, _count_looks(len(detail.looks))))


def _add_rows(table: Table, file: FileRecord) -> None:
    """Add a file: its record, owner and size; then name, type, and what there is to say of it."""
    about = "  ".join((file.name, file.media_type))
    remarks = "; ".join(_remarks(file))
    when = f"{show_time(file.at_ns)}  {file.owner}"
    table.add_row(Text(file.id, style="bold"), Text(show_text(when)), f"{file.size_bytes:,} bytes")
    table.add_row("", Text(show_text(about)), "")
    if remarks:
        table.add_row("", Text(show_text(remarks), style="red"), "")


def _remarks(file: FileRecord) -> Iterator[str]:
    if file.event != "received":
        yield file.event
    for title, names in (("marks", file.marks), ("rules", file.rules)):
        if names:
            yield f"{title}: {', '.join(names)}"


def _tell_event(detail: FileDetail) -> dict[str, str]:
    content = detail.record.view.content
    return {"what": tell_file_event(content)} if isinstance(content, Event) else {}


def _count_looks(count: int) -> str:
    return {0: "Never fetched.", 1: "Fetched once."}.get(count, f"Fetched {count:,} times.")


def describe_export(exported: ExportedFile) -> dict[str, Any]:
    """Describe a file that was written for JSON."""
    return {
        "file": _describe_record(exported.file),
        "path": str(exported.path),
        "delivered": exported.delivered,
        "access": exported.access_id,
    }


def print_export(exported: ExportedFile) -> None:
    """Print what was written."""
    file = exported.file
    written = file.delivered if exported.delivered and file.delivered else file
    checked = (
        "its SHA-256 is the recorded one" if written.sha256 else "it opened whole; no SHA-256 is recorded"
    )
    copy = ", the copy that readers got" if exported.delivered else ""
    print(f"{show_text(str(exported.path))}: {written.size_bytes:,} bytes{copy}, {checked}")
    print(f"This look is record {exported.access_id}.")


def describe_rescan(found: Rescan) -> dict[str, Any]:
    """Describe what was found in kept files for JSON."""
    findings = [
        {
            "file": _describe_record(each.file),
            "marks": list(each.marks),
            "rules": list(each.rules),
            "action": each.action,
            "signature": each.signature or None,
            "record": each.record_id,
            "shut": each.is_shut,
            "problem": each.problem or None,
        }
        for each in found.findings
    ]
    return {
        "looked": found.looked,
        "unopened": found.unopened,
        "findings": findings,
        "access": found.access_id,
    }


def print_rescan(found: Rescan) -> None:
    """Print what was found in kept files, one a line."""
    console = make_console()
    for each in found.findings:
        what = ", ".join((*each.marks, *(f"rule {rule}" for rule in each.rules)))
        known = f" ({each.signature})" if each.signature else ""
        line = f"{each.file.id} {each.file.owner}, {each.file.name}: {what}{known}; now it would be"
        line = f"{line} {OUTCOMES.get(each.action, each.action)}. {each.record_id}"
        not_shut = f" Not shut: {each.problem}." if each.problem else ""
        told = " It was open, and is shut now." if each.is_shut else not_shut
        console.print(Text(show_text(line + told)))
    lost = f" {found.unopened:,} are damaged or missing: run `steelyard verify`." if found.unopened else ""
    told = f"{found.looked:,} files looked into, {len(found.findings):,} with something new.{lost}"
    console.print(make_look(found.access_id, told))


def _describe_record(file: FileRecord) -> dict[str, Any]:
    described = asdict(file)
    described["blob"] = str(file.blob)
    if file.delivered:
        described["delivered"]["blob"] = str(file.delivered.blob)
    del described["index"]
    return described | {"at": format_time(file.at_ns)}


def _describe_check(checked: BlobCheck) -> dict[str, str]:
    return {"state": checked.state, "detail": checked.detail}


def _word_check(checked: BlobCheck) -> str:
    return f"{checked.state}: {checked.detail}" if checked.detail else str(checked.state)


def _history(detail: FileDetail) -> Iterator[str]:
    """Yield a line for all that was done with a file after it came, in order."""
    told = [(look.at_ns, _look_line(look)) for look in detail.looks]
    told += [(review.at_ns, _review_line(review)) for review in detail.reviews]
    yield from (line for _at_ns, line in sorted(told))


def _review_line(review: FileReview) -> str:
    act = _ACTS.get(review.act, review.act)
    return f"{review.id} {format_time(review.at_ns)[:19]}Z {act} by {review.actor}: {review.reason}"


def _look_line(look: FileLook) -> str:
    span = f"bytes {look.first_byte:,} to {look.end_byte:,}"
    return f"{look.id} {format_time(look.at_ns)[:19]}Z fetched from {look.address}: {span}"
