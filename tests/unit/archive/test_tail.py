"""What a writer takes up behind the newest checkpoint is what one with its key has left there, and nothing else."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.errors import LogDamaged
from components.archive.keys import KeyFileError
from components.archive.last_signed import LastSigned
from components.archive.log.note import NoteSigner, VerifierKey, make_signer
from components.archive.store.open import StoreName, open_source, open_store
from components.archive.tail import MAX_TAIL_NS, TailKey, find_unproved
from components.archive.writer import LogWriter
from components.verifier.log import MAX_PENDING_NS, verify_log
from tests.support.archive import VKEY
from tests.support.stores import AUDITOR, ORIGIN, SIGNER, START_NS, entries, recorded_alarms, ticking

SIGNED = 20


async def open_log(
    name: StoreName, signer: NoteSigner = SIGNER, last: LastSigned | None = None, at_ns: int = START_NS
) -> LogWriter:
    store = await open_store(name)
    return await LogWriter.open_on(store, signer, [AUDITOR.recipient], ticking(at_ns), last_signed=last)


async def leave_tail(name: StoreName, *batches: int, last: LastSigned | None = None) -> int:
    """Leave a log of which so many batches are unsigned, as one that was killed; gives the signed size."""
    writer = await open_log(name, last=last)
    await writer.append(entries(0, SIGNED))
    await writer.sign()
    for count in batches:
        await writer.append(entries(writer.size, count))
    signed_size = writer.signed_size
    await writer._store.close()
    return signed_size


async def find(name: StoreName, key: TailKey | None = None) -> str:
    source = await open_source(name)
    row = await source.fetch_newest_checkpoint()
    assert row is not None
    found = await find_unproved(source, row.size, key or TailKey.of(SIGNER))
    await source.close()
    return "" if found is None else found.reason


def change(log: Path, *statements: str) -> None:
    with closing(sqlite3.connect(log)) as database, database:
        for statement in statements:
            database.execute(statement)


def rewrite(log: Path, index: int) -> None:
    """Replace a record by another one that fits its leaf, as whoever has no key can."""
    with closing(sqlite3.connect(log)) as database, database:
        (leaf, payload) = database.execute(
            "SELECT leaf, payload FROM record WHERE idx = ?", (index,)
        ).fetchone()
        forged = bytes(reversed(payload))
        leaf = leaf[:-32] + sha256(forged).digest()
        database.execute("UPDATE record SET leaf = ?, payload = ? WHERE idx = ?", (leaf, forged, index))


@pytest.mark.parametrize(
    "batches", [(), (1,), (1, 1, 1), (3, 1, 500), pytest.param((5000, 4096, 1), marks=pytest.mark.slow)]
)
async def test_what_a_killed_writer_left_is_taken_up(store_name: StoreName, batches: tuple[int, ...]) -> None:
    signed_size = await leave_tail(store_name, *batches)
    assert await find(store_name) == ""
    writer = await open_log(store_name)
    assert writer.size >= signed_size + sum(batches)
    await writer.close()
    assert await recorded_alarms(store_name) == []


FORGERIES: dict[str, Callable[[Path], None]] = {
    "the first record of a batch": lambda log: rewrite(log, 21),
    "the last record of a batch": lambda log: rewrite(log, 23),
    "one in the last batch": lambda log: rewrite(log, 27),
    "a MAC gone": lambda log: change(log, "UPDATE record SET mac = NULL WHERE idx = 23"),
    "the last MAC gone": lambda log: change(log, "UPDATE record SET mac = NULL WHERE idx = 27"),
    "all MACs gone": lambda log: change(log, "UPDATE record SET mac = NULL"),
    "another batch's MAC": lambda log: change(
        log, "UPDATE record SET mac = (SELECT mac FROM record WHERE idx = 23) WHERE idx = 27"
    ),
    "an empty MAC": lambda log: change(log, "UPDATE record SET mac = x'' WHERE idx = 27"),
    "the batch cut": lambda log: change(log, "DELETE FROM record WHERE idx = 27"),
    "a log of the version before": lambda log: change(log, "ALTER TABLE record DROP COLUMN mac"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_what_another_hand_left_is_refused(forgery: str, tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    assert await leave_tail(log, 3, 4) == 21
    FORGERIES[forgery](log)
    if forgery == "a log of the version before":
        change(log, "DELETE FROM migration WHERE number >= 3")
        change(log, "DROP INDEX destroyed")
    for _ in range(2):
        with pytest.raises(
            LogDamaged, match=r"are under no checkpoint, and not what its writer left: the MACs"
        ):
            await open_log(log)


async def test_history_is_not_rewritten_and_then_signed(tmp_path: Path) -> None:
    """The checkpoints that cover a record are cut, and the last one that is kept apart; the record is replaced."""
    log, last = tmp_path / "gate.db", LastSigned(tmp_path / "log-gate.last")
    writer = await open_log(log, last=last)
    for _ in range(5):
        await writer.append(entries(writer.size, 10))
        await writer.sign()
    await writer.close()
    assert verify_log(log, VKEY).ok
    change(log, "DELETE FROM checkpoint WHERE size > 21")
    rewrite(log, 33)
    last.path.unlink()
    with pytest.raises(
        LogDamaged, match=r"log-gate\.last is gone.*; records 31 to \d+ are under no checkpoint"
    ):
        await open_log(log, last=last)
    # And where the last one is exchanged for one that was signed, too.
    with closing(sqlite3.connect(log)) as database:
        (note,) = database.execute("SELECT note FROM checkpoint ORDER BY size DESC LIMIT 1").fetchone()
    last.keep(note)
    with pytest.raises(LogDamaged, match="not what its writer left"):
        await open_log(log, last=last)


async def test_one_that_is_accepted_is_recorded(tmp_path: Path) -> None:
    log, last = tmp_path / "gate.db", LastSigned(tmp_path / "log-gate.last")
    await leave_tail(log, 3, 4, last=last)
    rewrite(log, 25)
    with pytest.raises(LogDamaged, match="--accept-loss"):
        await open_log(log, last=last)
    source = await open_source(log)
    await last.accept(source)
    await source.close()
    await (await open_log(log, last=last)).close()
    ((name, details),) = await recorded_alarms(log)
    assert (name, details["first"], details["size"]) == ("tail-unproved", 24, 28)
    assert verify_log(log, VKEY).ok
    rewrite(log, 25)  # it was accepted once
    assert not verify_log(log, VKEY).ok


async def test_no_longer_a_time_than_the_verifier_allows(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    clock = [START_NS]
    writer = await LogWriter.open_on(await open_store(log), SIGNER, [AUDITOR.recipient], lambda: clock[0])
    for later_ns in (0, MAX_TAIL_NS // 2, MAX_TAIL_NS):
        clock[0] = START_NS + later_ns
        await writer.append(entries(0, 1))
        assert await find(log) == ""
    clock[0] += 1
    await writer.append(entries(0, 1))
    await writer._store.close()
    with pytest.raises(LogDamaged, match="they go over more than ten minutes"):
        await open_log(log)
    assert [problem.kind for problem in verify_log(log, VKEY).problems] == ["record-unsigned"]
    assert MAX_TAIL_NS == MAX_PENDING_NS


async def test_the_key_is_its_log_s_and_its_signer_s(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    await leave_tail(log, 3)
    others = [
        make_signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32))),
        make_signer("steelyard.example/audit", SIGNER.private_key),
    ]
    for other in others:
        assert "MACs" in await find(log, TailKey.of(other))


async def test_after_a_rotation_the_new_key_makes_them(tmp_path: Path) -> None:
    log = tmp_path / "gate.db"
    new = make_signer(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)))
    writer = await open_log(log)
    await writer.append(entries(0, 3))
    await writer.rotate_key(new)
    await writer.append(entries(0, 3))
    await writer._store.close()
    assert "MACs" in await find(log)
    assert await find(log, TailKey.of(new)) == ""
    writer = await open_log(log, new)
    await writer.close()


def test_a_key_that_signs_differently_each_time_is_refused() -> None:
    class Hedged:
        """As some tokens sign, which mix chance into it."""

        count = 0

        @property
        def verifier_key(self) -> VerifierKey:
            return SIGNER.verifier_key

        def sign(self, text: bytes) -> bytes:
            self.count += 1
            return SIGNER.sign(text + b"%d\n" % self.count)

    with pytest.raises(KeyFileError, match="signs one text differently each time"):
        TailKey.of(Hedged())
