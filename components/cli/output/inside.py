"""What the commands for files print of files inside stanzas (docs/commands.md)."""

from dataclasses import asdict
from typing import Any

from rich.text import Text

from components.audit.files.inside import ExportedInside, InsideDetail, InsideList
from components.audit.index.carried import KeptInside
from components.audit.moment import format_time
from components.cli.output.console import make_console, make_fields, make_look, make_table
from components.cli.output.record import describe_carried, describe_detail
from components.cli.output.terminal import show_text


def describe_inside_list(found: InsideList) -> dict[str, Any]:
    """Describe a list of files inside stanzas for JSON."""
    return {
        "files": [_describe_kept(id_, file) for id_, file in found.files],
        "matched": found.matched,
        "log_size": found.log_size,
        "access": found.access_id,
    }


def print_inside_list(found: InsideList) -> None:
    """Print a list of files inside stanzas, one a line."""
    console = make_console()
    table = make_table("file", "when", "from", "to", "bytes", "type", "carrier", "name")
    for id_, file in found.files:
        cells = (id_, format_time(file.at_ns)[:19] + "Z", file.owner, file.to, f"{file.size_bytes:,}")
        table.add_row(*(Text(show_text(cell)) for cell in (*cells, file.media_type, file.carrier, file.name)))
    if found.files:
        console.print(table)
    shown = f"{found.matched:,} files inside stanzas match, {len(found.files):,} shown."
    console.print(make_look(found.access_id, shown))


def describe_inside(detail: InsideDetail) -> dict[str, Any]:
    """Describe one file of a stanza for JSON: `record` is as `audit show --json` has it."""
    return {"file": describe_carried(detail.id, detail.file), "record": describe_detail(detail.record)}


def print_inside(detail: InsideDetail) -> None:
    """Print one file of a stanza: what it is, who sent it, and the proof of its record."""
    console = make_console()
    file, view, proof = detail.file, detail.record.view, detail.record.proof
    fields = {
        "file": detail.id,
        "record": view.id,
        "when": format_time(view.at_ns),
        "from": view.reading.sender,
        "to": view.reading.to,
        "carrier": file.carrier,
        "name": file.name,
        "description": file.description,
        "type": file.media_type,
        "bytes": f"{file.size_bytes:,}",
        "SHA-256": file.sha256.hex() or "not said",
        "place": "in this stanza" if file.content is not None else file.url,
        "proof": proof.fault or f"in the signed tree of {proof.size:,} records",
    }
    console.print(make_fields({name: value for name, value in fields.items() if value}))
    console.print(make_look(detail.record.access_id))


def describe_inside_export(exported: ExportedInside) -> dict[str, Any]:
    """Describe a file of a stanza that was written for JSON."""
    file = describe_carried(exported.id, exported.file)
    return {"file": file, "path": str(exported.path), "access": exported.access_id}


def print_inside_export(exported: ExportedInside) -> None:
    """Print what was written."""
    print(f"{show_text(str(exported.path))}: {exported.file.size_bytes:,} bytes, out of the record itself")
    print(f"This look is record {exported.access_id}.")


def _describe_kept(id_: str, file: KeptInside) -> dict[str, Any]:
    described = asdict(file) | {"id": id_, "at": format_time(file.at_ns)}
    del described["place"], described["number"], described["at_ns"]
    return described
