"""A log with holds, an expiry and an erasure, made by hand from docs/archive-format.md, section 7.

It uses nothing of the code that carries orders out, so that the verifier is checked against the document.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.head import NS_PER_SECOND
from components.archive.log.note import Signer, encode_verifier_key, make_signer, sign_note
from components.archive.record import RecordKind
from components.archive.seal import SegmentKeys, seal_segment_keys
from components.archive.writer import Entry, LogWriter
from tests.support.archive import ORIGIN, RECIPIENTS, START_S, open_writer, tamper

ANNA, BEN, EVE = (
    make_signer(f"approver/{name}", Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)))
    for number, name in enumerate(("anna", "ben", "eve"), 11)
)
APPROVERS = tuple(encode_verifier_key(signer.verifier_key) for signer in (ANNA, BEN))

ALPHA, BETA = bytes([0xA1] * 16), bytes([0xB2] * 16)
"""Two conversations, as leaves name them."""

NEW_ENVELOPES = seal_segment_keys(SegmentKeys(2, bytes(32), {0: bytes(32)}), ORIGIN, 1, RECIPIENTS)
"""Those of segment 1 after the erasure (of keys that open nothing: the verifier has no keys)."""

ORDERS = {
    "hold-1": ["act hold", "segments 1", f"conversations {ALPHA.hex()}", "indexes 18"],
    "expire-1": ["act expire", "segments 2", "considered hold-1"],
    "erase-1": [
        "act erase",
        "segments 1",
        "indexes 4",
        "considered hold-1",
        f"keys 1 {sha256(NEW_ENVELOPES).hexdigest()}",
    ],
    "hold-2": ["act hold", "segments 3", "indexes 25 28"],
    "release-2": ["act release", "hold hold-2"],
    "hold-3": ["act hold", "segments 3", "indexes 28"],
}
TOMBSTONES = {
    "expire-1": {"segment": 2, "order": "expire-1", "count": 10, "positions": [], "keys_sha256": ""},
    "erase-1": {
        "segment": 1,
        "order": "erase-1",
        "count": 1,
        "positions": [1],
        "keys_sha256": sha256(NEW_ENVELOPES).hexdigest(),
    },
}
DESTRUCTION = (
    "UPDATE record SET payload = NULL WHERE idx BETWEEN 2 AND 21 AND idx % 2 = 1",
    "UPDATE segment SET keys = NULL WHERE number = 2",
    "UPDATE record SET payload = NULL WHERE idx = 4",
    f"UPDATE segment SET keys = x'{NEW_ENVELOPES.hex()}' WHERE number = 1",
)

DETAILS = json.dumps(
    dict.fromkeys(("act", "id", "matter", "custodian", "query", "reason"), ""), separators=(",", ":")
).encode() + b"\n"  # fmt: skip


def order_text(name: str, *lines: str, details: bytes = DETAILS) -> str:
    head = ["steelyard-order/1", f"log {ORIGIN}", f"id {name}"]
    return "".join(f"{line}\n" for line in (*head, *lines, f"details {sha256(details).hexdigest()}"))


def order_entries(text: str, signers: Sequence[Signer] = (ANNA, BEN)) -> list[Entry]:
    return [
        Entry(RecordKind.ORDER, sign_note(text, *signers).encode()),
        Entry(RecordKind.ORDER_DETAILS, DETAILS, 255),
    ]


def tombstone_entry(fields: dict[str, object]) -> Entry:
    return Entry(RecordKind.TOMBSTONE, json.dumps(fields, separators=(",", ":")).encode())


async def write_spoken(path: Path) -> LogWriter:
    """Begin the log; gives the writer.

    Segment 1 has the even records from 2 to 20, of class 1, ALPHA's and BETA's in turn; segment 2 the odd ones from
    3 to 21, of class 2. Both are ended by 22 and 23. Segment 3 begins at 24 and has 25 to 34, of class 1 and BETA's.
    """
    seconds = iter_seconds()
    writer = await open_writer(path, seconds)
    spoken = []
    for index in range(2, 22):
        conversation = ALPHA if index % 4 == 2 else BETA
        spoken.append(Entry(RecordKind.STANZA, b"said %d" % index, 1 + index % 2, conversation))
    await writer.append(spoken)
    await writer.sign()
    for _ in range(3):  # the clock goes in steps of five minutes until both have lasted long enough
        await writer.maintain()
    await writer.append([Entry(RecordKind.STANZA, b"said %d" % index, 1, BETA) for index in range(25, 35)])
    return writer


def iter_seconds() -> Iterator[int]:
    now_s = START_S
    while True:
        yield now_s * NS_PER_SECOND
        now_s += 300 if now_s < START_S + 900 else 1


async def write_ordered_log(path: Path) -> Path:
    """Write the whole log, and destroy what its orders say.

    Segment 4 (class 255) begins at 35; the orders stand at 36, 38, 41, 44, 46 and 48, their tombstones at 40 and 43.
    """
    writer = await write_spoken(path)
    for name, lines in ORDERS.items():
        await writer.append(order_entries(order_text(name, *lines)))
        if name in TOMBSTONES:
            await writer.append([tombstone_entry(TOMBSTONES[name])])
        await writer.sign()
    await writer.close()
    tamper(path, *DESTRUCTION)
    return path


if __name__ == "__main__":
    import sys

    asyncio.run(write_ordered_log(Path(sys.argv[1])))
