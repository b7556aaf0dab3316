"""What the commands for files print (docs/commands.md)."""

from dataclasses import asdict
from typing import Any

from rich.text import Text

from components.audit.files.export import ExportedFile
from components.audit.files.list import FileList
from components.audit.files.record import FileLook, FileRecord
from components.audit.files.show import FileDetail
from components.audit.view import format_time
from components.cli.output.console import make_console, make_fields, make_look, make_table
from components.cli.output.record import describe_detail, describe_upload
from components.cli.output.terminal import show_text
from components.site.rescan import Rescan

_OUTCOMES = {"release": "let through", "hold": "held", "refuse": "refused"}


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
    table = make_table("record", "when", "owner", "bytes", "type", "name")
    for file in found.files:
        cells = (file.id, format_time(file.at_ns)[:19] + "Z", file.owner, f"{file.size_bytes:,}")
        named = file.name if file.event == "received" else f"{file.name} ({file.event})"
        table.add_row(*(Text(show_text(cell)) for cell in (*cells, file.media_type, named)))
    if found.files:
        console.print(table)
    shown = f"{found.matched:,} files match, {len(found.files):,} shown."
    more = f" {found.destroyed:,} records are destroyed." if found.destroyed else ""
    lost = f" {found.unreadable:,} cannot be read." if found.unreadable else ""
    console.print(make_look(found.access_id, shown + more + lost))


def describe_file(detail: FileDetail) -> dict[str, Any]:
    """Describe one file in full for JSON: `record` is as `audit show --json` has it."""
    return {
        "file": _describe_record(detail.file),
        "blob": {"state": detail.blob.state, "detail": detail.blob.detail},
        "looks": [asdict(look) | {"at": format_time(look.at_ns)} for look in detail.looks],
        "record": describe_detail(detail.record),
    }


def print_file(detail: FileDetail) -> None:
    """Print one file: what its record says, its proof, its blob, and who fetched it."""
    console = make_console()
    file, proof = detail.file, detail.record.proof
    proved = proof.fault or f"in the signed tree of {proof.size:,} records"
    state = f"{detail.blob.state}: {detail.blob.detail}" if detail.blob.detail else str(detail.blob.state)
    fields = {
        "record": f"{file.id} ({file.event})",
        "when": format_time(file.at_ns),
        "owner": file.owner,
        "name": file.name,
        "type": file.media_type,
        "bytes": f"{file.size_bytes:,}",
        "SHA-256": file.sha256 or "not recorded",
        "blob": f"{file.blob}, {state}",
        "proof": proved,
    }
    console.print(make_fields(fields))
    for upload in detail.record.view.files:
        for line in describe_upload(upload):
            console.print(Text(show_text(line)))
    for look in detail.looks:
        console.print(Text(show_text(_look_line(look))))
    console.print(make_look(detail.record.access_id, f"Fetched {len(detail.looks):,} times."))


def describe_export(exported: ExportedFile) -> dict[str, Any]:
    """Describe a file that was written for JSON."""
    return {
        "file": _describe_record(exported.file),
        "path": str(exported.path),
        "access": exported.access_id,
    }


def print_export(exported: ExportedFile) -> None:
    """Print what was written."""
    file = exported.file
    checked = "its SHA-256 is the recorded one" if file.sha256 else "it opened whole; no SHA-256 is recorded"
    print(f"{show_text(str(exported.path))}: {file.size_bytes:,} bytes, {checked}")
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
        console.print(Text(show_text(f"{line} {_OUTCOMES.get(each.action, each.action)}. {each.record_id}")))
    lost = f" {found.unopened:,} are damaged or missing: run `steelyard verify`." if found.unopened else ""
    told = f"{found.looked:,} files looked into, {len(found.findings):,} with something new.{lost}"
    console.print(make_look(found.access_id, told))


def _describe_record(file: FileRecord) -> dict[str, Any]:
    described = asdict(file)
    described["blob"] = str(file.blob)
    del described["index"]
    return described | {"at": format_time(file.at_ns)}


def _look_line(look: FileLook) -> str:
    span = f"bytes {look.first_byte:,} to {look.end_byte:,}"
    return f"{look.id} {format_time(look.at_ns)[:19]}Z fetched from {look.address}: {span}"
