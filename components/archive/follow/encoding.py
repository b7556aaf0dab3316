"""Batches and states as bytes and text, for the way from one machine to another; pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict

from components.archive.backup import CopyError
from components.archive.backup.encoding import encode_piece, encode_segments, parse_piece, parse_segments
from components.archive.follow import MAX_DESTROYING, Batch, CopyState
from components.archive.store import CheckpointRow
from components.process.json_text import read_json

FORMAT = "steelyard-feed/1"

_LARGEST = 2**62


def encode_batch(batch: Batch) -> bytes:
    """Encode a batch: one line of JSON, and then the records as a backup has them (docs/feed.md, section 4)."""
    head = {
        "format": FORMAT,
        "origin": batch.origin,
        "checkpoint": asdict(batch.checkpoint),
        "proof": [each.hex() for each in batch.proof],
        "segments": encode_segments(batch.segments).decode(),
        "destroyed": list(batch.destroyed),
    }
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + encode_piece(batch.piece)


def parse_batch(data: bytes) -> Batch:
    """Parse what `encode_batch` gave, and verify nothing; raises CopyError."""
    head, _, records = data.partition(b"\n")
    try:
        found = read_json(head)
        if found["format"] != FORMAT:
            raise CopyError(f"a feed in format {found['format']!r}; this version reads {FORMAT!r}")
        return Batch(
            origin=str(found["origin"]),
            checkpoint=CheckpointRow(**found["checkpoint"]),
            proof=tuple(bytes.fromhex(each) for each in found["proof"]),
            piece=parse_piece(0, records),
            segments=tuple(parse_segments(found["segments"].encode())),
            destroyed=tuple(map(int, found["destroyed"])),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CopyError("not a batch of a feed") from None


def encode_state(state: CopyState) -> dict[str, str]:
    """Encode a copy's state as the parameters of a request."""
    destroying = ",".join(map(str, state.destroying[:MAX_DESTROYING]))
    numbers = {"records": state.records, "signed": state.signed, "segment": state.segment}
    return {name: str(number) for name, number in numbers.items()} | {"destroying": destroying}


def parse_state(said: Mapping[str, str]) -> CopyState:
    """Parse what `encode_state` gave; raises CopyError."""
    try:
        destroying = [int(each) for each in said["destroying"].split(",") if each][:MAX_DESTROYING]
        state = CopyState(int(said["records"]), int(said["signed"]), int(said["segment"]), tuple(destroying))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise CopyError("not the state of a copy") from None
    numbers = (state.records, state.signed + 1, state.segment, *state.destroying)
    if not all(0 <= number < _LARGEST for number in numbers):
        raise CopyError("not the state of a copy")
    return state
