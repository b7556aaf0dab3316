"""The files of a backup: how rows are written, and read again (docs/backup.md)."""

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from components.archive.backup import CopyError, Outline, Piece
from components.archive.backup.destroyed import Watched
from components.archive.log.merkle import Frontier
from components.archive.log.strict_base64 import decode_base64, encode_base64
from components.archive.store import CheckpointRow, MemoRow, RecordRow, SegmentRow
from components.process.json_text import read_json

FORMAT = "steelyard-backup/1"

_MAGIC = b"steelyard-records/1\n"
_COUNT = struct.Struct(">I")
_RECORD = struct.Struct(">QHI")
_CHECKPOINT = struct.Struct(">QQI")
_DESTROYED = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class SavedOutline:
    """A backup's description of a log, and how its check continues after the first `whole` pieces, which are full.

    `watched` is what must still leave it (destroyed.py).
    """

    outline: Outline
    whole: int
    frontier: Frontier
    time_ns: int
    watched: Watched


def encode_piece(piece: Piece) -> bytes:
    """Encode records and checkpoints."""
    parts = [_MAGIC, _COUNT.pack(len(piece.records))]
    for row in piece.records:
        size = _DESTROYED if row.payload is None else len(row.payload)
        parts += (_RECORD.pack(row.index, len(row.leaf), size), row.leaf, row.payload or b"")
    parts.append(_COUNT.pack(len(piece.checkpoints)))
    for checkpoint in piece.checkpoints:
        note = checkpoint.note.encode()
        parts += (_CHECKPOINT.pack(checkpoint.second, checkpoint.size, len(note)), note)
    return b"".join(parts)


def parse_piece(number: int, data: bytes) -> Piece:
    """Parse what `encode_piece` gave; raises CopyError."""
    try:
        reader = _Reader(data)
        if reader.take(len(_MAGIC)) != _MAGIC:
            raise ValueError("another magic")
        records = [_read_record(reader) for _ in range(*reader.unpack(_COUNT))]
        checkpoints = [_read_checkpoint(reader) for _ in range(*reader.unpack(_COUNT))]
        reader.require_end()
    except ValueError as error:
        raise CopyError(f"not a file of records: {error}") from None
    return Piece(number, records, checkpoints)


def _read_record(reader: "_Reader") -> RecordRow:
    index, leaf_size, size = reader.unpack(_RECORD)
    leaf = reader.take(leaf_size)
    return RecordRow(index, leaf, None if size == _DESTROYED else reader.take(size))


def _read_checkpoint(reader: "_Reader") -> CheckpointRow:
    second, size, note_size = reader.unpack(_CHECKPOINT)
    return CheckpointRow(second, size, reader.take(note_size).decode())


class _Reader:
    """Takes bytes from the front; raises ValueError if there are too few, or if some are left over."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, size: int) -> bytes:
        taken = self._data[self._place : self._place + size]
        if len(taken) != size:
            raise ValueError("it is cut short")
        self._place += size
        return taken

    def unpack(self, form: struct.Struct) -> tuple[int, ...]:
        return form.unpack(self.take(form.size))

    def require_end(self) -> None:
        if self._place != len(self._data):
            raise ValueError("something follows its end")


def encode_segments(rows: Iterable[SegmentRow]) -> bytes:
    """Encode segments, a JSON object on a line each; keys in base64."""
    return _encode_lines(
        {
            "number": row.number,
            "class": row.retention_class,
            "first": row.first,
            "opened_at_ns": row.opened_at_ns,
            "manifest": row.manifest,
            "keys": None if row.keys is None else encode_base64(row.keys),
        }
        for row in rows
    )


def parse_segments(data: bytes) -> list[SegmentRow]:
    """Parse what `encode_segments` gave; raises CopyError."""
    try:
        return [
            SegmentRow(
                number=line["number"],
                retention_class=line["class"],
                first=line["first"],
                opened_at_ns=line["opened_at_ns"],
                manifest=line["manifest"],
                keys=None if line["keys"] is None else decode_base64(line["keys"]),
            )
            for line in _parse_lines(data)
        ]
    except (ValueError, KeyError, TypeError):
        raise CopyError("not a file of segments") from None


def encode_memos(rows: Iterable[MemoRow]) -> bytes:
    """Encode memos, a JSON object on a line each; notes in base64."""
    return _encode_lines({"first": row.first, "note": encode_base64(row.note)} for row in rows)


def parse_memos(data: bytes) -> list[MemoRow]:
    """Parse what `encode_memos` gave; raises CopyError."""
    try:
        return [MemoRow(line["first"], decode_base64(line["note"])) for line in _parse_lines(data)]
    except (ValueError, KeyError, TypeError):
        raise CopyError("not a file of memos") from None


def encode_outline(saved: SavedOutline) -> bytes:
    """Encode a backup's description of a log."""
    outline, checkpoint = saved.outline, saved.outline.checkpoint
    document = {
        "format": FORMAT,
        "origin": outline.origin,
        "records": outline.records,
        "checkpoint": {"second": checkpoint.second, "size": checkpoint.size, "note": checkpoint.note},
        "macs": {str(index): encode_base64(mac) for index, mac in outline.macs.items()},
        "whole_pieces": saved.whole,
        "frontier": {"size": saved.frontier.size, "nodes": [node.hex() for node in saved.frontier.nodes]},
        "time_ns": saved.time_ns,
        "destroying": {str(segment): sorted(positions) for segment, positions in saved.watched.items()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def parse_outline(data: bytes) -> SavedOutline:
    """Parse what `encode_outline` gave; raises CopyError."""
    try:
        document: dict[str, Any] = read_json(data)
        if document["format"] != FORMAT:
            raise CopyError(f"a backup in format {document['format']!r}; this version reads {FORMAT!r}")
        frontier = document["frontier"]
        # Earlier backups have none; then the next writer does not accept what no checkpoint covers.
        macs = {int(index): decode_base64(mac) for index, mac in document.get("macs", {}).items()}
        return SavedOutline(
            Outline(document["origin"], document["records"], CheckpointRow(**document["checkpoint"]), macs),
            document["whole_pieces"],
            Frontier(frontier["size"], tuple(bytes.fromhex(node) for node in frontier["nodes"])),
            document["time_ns"],
            {int(segment): frozenset(places) for segment, places in document["destroying"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CopyError("not the description of a log") from None


def _encode_lines(lines: Iterable[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


def _parse_lines(data: bytes) -> Sequence[dict[str, Any]]:
    return [read_json(line) for line in data.splitlines()]
