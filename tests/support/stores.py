"""Logs in either kind of store, to run the same tests on both."""

import itertools
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.log.leaf import NO_CONVERSATION, encode_header
from components.archive.log.note import make_signer
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import Alarm, RecordKind, parse_record
from components.archive.seal import RecipientKey
from components.archive.store import FORMAT, Change, CheckpointRow, LogStore
from components.archive.store.open import StoreName, open_store
from components.archive.writer import Entry, LogWriter

ORIGIN = "steelyard.example/gate"
SIGNER = make_signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
VERIFIER_KEY = SIGNER.verifier_key
AUDITOR = RecipientKey("auditor", X25519PrivateKey.from_private_bytes(bytes(range(32, 64))))

META = {"format": FORMAT, "origin": ORIGIN}
EMPTY = CheckpointRow(0, 0, "the empty log\n— é\n")

START_NS = 1_795_464_245_000_000_000  # 2026-11-23T20:04:05Z
STEP_NS = 100_000_000


def leaf(index: int, payload: bytes, segment: int = 1) -> bytes:
    """A leaf that fits a payload stored in some segment."""
    header = encode_header(1, index, START_NS, segment, 1, 0, len(payload), NO_CONVERSATION)
    return header + sha256(payload).digest()


def records(first: int, payloads: Sequence[bytes]) -> Change:
    """A commit of just these payloads."""
    leaves = [leaf(index, payload) for index, payload in enumerate(payloads, first)]
    return Change(first=first, leaves=leaves, payloads=list(payloads))


async def make_store(name: StoreName) -> LogStore:
    """Make an empty log, and hold its lease."""
    store = await open_store(name)
    await store.create(META, EMPTY)
    await store.take_lease()
    return store


def entries(first: int, count: int, retention_class: int = 1) -> list[Entry]:
    """Records whose payloads tell them apart."""
    return [
        Entry(RecordKind.STANZA, b"record %d" % index, retention_class)
        for index in range(first, first + count)
    ]


def ticking(start_ns: int = START_NS, step_ns: int = STEP_NS) -> Callable[[], int]:
    """A clock that goes on by a step at each look."""
    times = itertools.count(start_ns, step_ns)
    return lambda: next(times)


async def open_log(name: StoreName, clock_ns: Callable[[], int] | None = None) -> LogWriter:
    """Open a log to write to, with the test's keys."""
    return await LogWriter.open_on(await open_store(name), SIGNER, [AUDITOR.recipient], clock_ns or ticking())


async def write_batches(name: StoreName, batches: Sequence[int], *, sign: bool = True) -> None:
    """Append batches of these lengths, signing after each, and close the log."""
    writer = await open_log(name)
    for number, count in enumerate(batches):
        await writer.append(entries(writer.size, count, 1 + number % 2), memo=b"batch %d" % number)
        if sign:
            await writer.sign()
    await writer.close()


def plain_file_of(path: Path) -> bytes:
    """All bytes of an SQLite database and the files beside it."""
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))


async def recorded_alarms(name: StoreName) -> list[tuple[str, dict[str, str | int]]]:
    """Return the alarms of a log: their names and details."""
    reader = await LogReader.open(name)
    records = await RecordOpener(reader, ORIGIN, [AUDITOR]).fetch(0, 10_000)
    await reader.close()
    alarms = [
        parse_record(RecordKind.ALARM, each.payload or b"")
        for each in records
        if each.leaf.kind == RecordKind.ALARM
    ]
    return [(each.name, dict(each.details)) for each in alarms if isinstance(each, Alarm)]
