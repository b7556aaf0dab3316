"""Logs to test with: always the same key, clock and records, so that a vector can name what it changes."""

import shutil
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.head import NS_PER_SECOND
from components.archive.log.note import encode_verifier_key, make_signer, make_verifier_key
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.seal import RecipientKey
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import Entry, LogWriter

ORIGIN = "steelyard.example/gate"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = make_signer(ORIGIN, KEY)
VERIFIER_KEY = make_verifier_key(ORIGIN, KEY.public_key())
VKEY = encode_verifier_key(VERIFIER_KEY)

AUDITOR = RecipientKey("auditor", X25519PrivateKey.from_private_bytes(bytes([1] * 32)))
ESCROW = RecipientKey("escrow", X25519PrivateKey.from_private_bytes(bytes([2] * 32)))
RECIPIENTS = (AUDITOR.recipient, ESCROW.recipient)

START_S = 1_795_464_245  # 2026-11-23T20:04:05Z

# The log that most tests look at: 600 records, after each batch a checkpoint, each in a second of its own. The first
# record begins its only segment, the last one ends it; `record 7` is the payload at index 7.
BATCHES = (1, 2, 252, 44, 299)
SIZES = (0, 2, 4, 256, 300, 599, 600)


def entries(first: int, count: int) -> list[Entry]:
    return [Entry(RecordKind.STANZA, b"record %d" % index) for index in range(first, first + count)]


def ticking(start_s: int = START_S, step_ns: int = NS_PER_SECOND) -> Iterator[int]:
    now_ns = start_s * NS_PER_SECOND
    while True:
        yield now_ns
        now_ns += step_ns


async def open_writer(path: Path, clock_ns: Iterable[int] | None = None) -> LogWriter:
    times = iter(clock_ns if clock_ns is not None else ticking())
    return await LogWriter.open_on(await SqliteStore.open(path), SIGNER, RECIPIENTS, lambda: next(times))


async def write_log(path: Path, batches: Sequence[int] = BATCHES) -> Path:
    writer = await open_writer(path)
    for count in batches:
        await writer.append(entries(writer.size, count))
        await writer.sign()
    await writer.close()
    return path


async def open_payloads(path: Path) -> list[bytes]:
    """Open all that was appended to a log, in order, with the auditor's key; not the log's own records."""
    reader = await LogReader.open(path)
    try:
        opener = RecordOpener(reader, ORIGIN, [AUDITOR])
        opened = await opener.fetch(0, await reader.size())
        return [record.payload or b"" for record in opened if record.leaf.segment]
    finally:
        await reader.close()


def copy_log(source: Path, target: Path) -> Path:
    """Copy a log that nobody has open."""
    return Path(shutil.copy(source, target))


def file_modes(directory: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()}


def tamper(path: Path, *statements: str) -> None:
    """Change a log behind its back; `flip(blob, i)` changes a bit of byte `i` (from the end if negative)."""
    with closing(sqlite3.connect(path)) as database, database:
        database.create_function("flip", 2, flip, deterministic=True)
        for statement in statements:
            database.execute(statement)


def flip(value: bytes | str, place: int) -> bytes | str:
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[place] ^= 1
    return data.decode() if isinstance(value, str) else bytes(data)
