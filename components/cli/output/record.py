"""Prints one record: its header, the stanza, the stanza's exact bytes and the proof (docs/query.md, "JSON")."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from components.archive.log.leaf import NOT_SEALED
from components.archive.log.merkle import leaf_hash
from components.archive.log.strict_base64 import encode_base64
from components.archive.record import Access, Alarm, Delivery, Event, OrderDetails, Submission
from components.audit.indexed import name_inside
from components.audit.moment import format_time
from components.audit.query.tree import SearchKind
from components.audit.stanza import format_stanza
from components.audit.view import FileView, RecordView, SaidOfFile
from components.cli.output.console import make_console, make_fields, make_look
from components.cli.output.terminal import show_text

if TYPE_CHECKING:
    from components.audit.show import RecordDetail
    from policy.files.carried import CarriedFile


def describe_view(view: RecordView) -> dict[str, Any]:
    """Describe a record for JSON; the stanza itself is not in it."""
    head = {
        "id": view.id,
        "record": type(view.content).__name__.lower() if view.content else None,
        "at": format_time(view.at_ns),
        "at_ns": view.at_ns,
        "intact": view.intact,
        "destroyed": view.destroyed,
        "missing": view.missing,
    }
    files = {"kept_files": [_describe_file(file) for file in view.files]} if view.files else {}
    return head | _describe_content(view) | files


def _describe_file(file: FileView) -> dict[str, Any]:
    return {
        "record": file.record,
        "name": file.name,
        "media_type": file.claimed_type,
        "found_type": file.found_type or None,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "content": file.state,
        "in_the_file": file.is_hit,
        "described": [_describe_said(said) for said in file.said],
        "machine_transcript": file.transcript or None,
    }


def _describe_said(said: SaidOfFile) -> dict[str, Any]:
    return {
        "record": said.record,
        "name": said.name or None,
        "description": said.description or None,
        "sha256": said.sha256 or None,
        "is_other_hash": said.differs,
    }


def describe_upload(file: FileView) -> Iterator[str]:
    """Yield a line for each stanza that says something of an upload."""
    for said in file.said:
        about = f"{said.name}: {said.description}" if said.description else said.name
        other = f", another file by its SHA-256: {said.sha256}" if said.differs else ""
        yield f"{said.record} calls it {about}{other}"


def _describe_content(view: RecordView) -> dict[str, Any]:
    reading = view.reading
    match view.content:
        case Submission() as submission:
            return _describe_submission(submission, view)
        case Delivery() as delivery:
            return {"epoch": delivery.epoch, "through": delivery.through, "bounced": delivery.bounced}
        case Access() as access:
            return asdict(access) | {"at_ns": view.at_ns}
        case Alarm(name, details):
            return {"alarm": name, "details": dict(details)}
        case Event(kind, name, details):
            event = {"record": kind.name.lower(), "kind": reading.kind, "event": name}
            return event | {"details": dict(details), "text": reading.text}
        case OrderDetails() as details:
            return asdict(details) | {"order": details.id, "id": view.id}
    return {"kind": SearchKind.OTHER, "text": reading.text}


def _describe_submission(submission: Submission, view: RecordView) -> dict[str, Any]:
    error = submission.error
    return {
        "kind": view.reading.kind,
        "way": submission.way,
        "session": submission.session,
        "epoch": submission.epoch,
        "seq": submission.seq,
        "from": view.reading.sender,
        "to": view.reading.to,
        "thread": view.reading.thread,
        "verdict": submission.action,
        "rules": submission.rules,
        "policy": submission.rules_name,
        "error": error and {"type": error.type, "condition": error.condition, "text": error.text},
        "delivery": view.delivery,
        "readable": view.reading.readable,
        "text": view.reading.text,
    }


def describe_carried(id_: str, file: "CarriedFile") -> dict[str, Any]:
    """Describe a file of a stanza for JSON; its content is not in it."""
    return {
        "id": id_,
        "carrier": file.carrier,
        "name": file.name,
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256.hex() or None,
        "is_inside": file.content is not None,
        "url": file.url or None,
        "description": file.description or None,
    }


def describe_detail(detail: "RecordDetail") -> dict[str, Any]:
    """Describe one record in full, with its proof; hashes and bytes in Base64, as C2SP's formats have them."""
    proof = detail.proof
    try:
        text = detail.body.decode()
    except UnicodeDecodeError:
        text = None
    return describe_view(detail.view) | {
        "stanza": text,
        "stanza_base64": encode_base64(detail.body),
        "amended": detail.amended.decode(errors="replace") or None,
        "carried": [describe_carried(id_, file) for id_, file in _name_carried(detail)],
        "leaf": encode_base64(detail.leaf),
        "leaf_hash": encode_base64(leaf_hash(detail.leaf)),
        "proof": {
            "proved": not proof.fault,
            "fault": proof.fault or None,
            "tree_size": proof.size,
            "hashes": [encode_base64(each) for each in proof.hashes],
            "checkpoint": proof.note,
        },
        "access": detail.access_id,
    }


def _name_carried(detail: "RecordDetail") -> Iterator["tuple[str, CarriedFile]"]:
    """Yield the files of a stanza with their ids."""
    for number, file in enumerate(detail.carried, 1):
        yield name_inside(detail.view.id, number), file


def print_detail(detail: "RecordDetail") -> None:
    """Print one record in full: its header, the stanza, the stanza's exact bytes and the proof."""
    console = make_console()
    console.print(make_fields(_header_of(detail.view)))
    if isinstance(detail.view.content, Submission):
        pretty = format_stanza(detail.body)
        _print_section(console, "Indented for reading", pretty or "(not well-formed)")
        _print_section(console, "As submitted (--raw writes these bytes)", _decoded(detail.body))
        if lines := dict(_lines_of_files(detail)):
            console.print(Text("\nFiles", style="bold"))
            console.print(make_fields(lines))
        if detail.amended:
            _print_section(console, "What goes on instead", _decoded(detail.amended))
    elif detail.view.content is None:
        _print_section(console, _title_of_payload(detail.view), _decoded(detail.body))
    console.print(Text("\nProof", style="bold"))
    console.print(make_fields(_proof_of(detail)))
    fault = detail.proof.fault
    if fault:
        console.print(Text(f"NOT PROVED: {show_text(fault)}", style="bold red"))
    else:
        console.print(Text("Proved: the tree under the signed checkpoint holds this record.", style="green"))
    console.print(make_look(detail.access_id))


def _header_of(view: RecordView) -> dict[str, str]:
    """Return what a person wants to know about a record, except its text, which is in the stanza below."""
    described = describe_view(view)
    error = described.pop("error", None)
    if error:
        described["told"] = f"{error['condition']} ({error['type']}): {error['text']}"
    for name in ("at_ns", "intact", "text", "kept_files"):
        described.pop(name, None)
    described |= described.pop("details", {})
    return {
        name.replace("_", " "): _show_value(value)
        for name, value in described.items()
        if value not in ("", (), None)
    }


def _show_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _lines_of_files(detail: "RecordDetail") -> Iterator[tuple[str, str]]:
    """Yield a line for each file, with its title: the uploads to which links lead, then what is in the stanza."""
    for upload in detail.view.files:
        type_ = upload.found_type or upload.claimed_type
        about = f"{upload.name}, {type_}, {upload.size_bytes:,} bytes, SHA-256 {upload.sha256}"
        heard = (f"(in the file, machine transcript) {upload.transcript}",) if upload.transcript else ()
        yield upload.record, "\n".join((about, *describe_upload(upload), *heard))
    for id_, file in _name_carried(detail):
        yield f"{id_} {file.carrier}", _line_of(file)


def _line_of(file: "CarriedFile") -> str:
    """Return what a file is, in a line: where it lies elsewhere, this is what the stanza says of it."""
    size = f"{file.size_bytes:,} bytes" if file.size_bytes else ""
    digest = f"SHA-256 {file.sha256.hex()}" if file.sha256 else ""
    place = "in this stanza" if file.content is not None else file.url
    described = (file.name, file.media_type, size, digest, file.description, place)
    return ", ".join(each for each in described if each)


def _title_of_payload(view: RecordView) -> str:
    opened = view.opened
    if view.missing:
        return "Missing"
    if opened.leaf.segment == NOT_SEALED:
        return "A record of the log's own (docs/archive-format.md, 1.2)"
    if opened.stored.payload is None:
        return "Destroyed"
    return opened.fault or "Cannot be read; the payload is"


def _proof_of(detail: "RecordDetail") -> dict[str, str]:
    stored, proof = detail.view.opened.stored, detail.proof
    return {
        "payload": f"{stored.leaf.size_bytes:,} bytes, SHA-256 {stored.leaf.payload_sha256.hex()}",
        "leaf": detail.leaf.hex(),
        "leaf hash": leaf_hash(detail.leaf).hex(),
        "in a tree of": f"{proof.size:,} leaves",
        "path": "\n".join(each.hex() for each in proof.hashes) or "(none)",
        "checkpoint": proof.note.rstrip("\n"),
    }


def _print_section(console: Console, title: str, text: str) -> None:
    console.print(Text(f"\n{title}", style="bold"))
    console.print(Text(show_text(text, keep="\n")), soft_wrap=True)


def _decoded(body: bytes) -> str:
    return body.decode(errors="backslashreplace")
