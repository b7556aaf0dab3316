"""A log's key and a recipient's are rotated on real logs: nothing is without a key, and what was sealed still opens."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from components.archive.errors import LogBusy, LogDamaged, LogUnavailable
from components.archive.keys import (
    KeyFileError,
    create_log_key,
    create_recipient_key,
    load_log_key,
    load_recipient,
    load_recipient_key,
    load_verifier_key,
)
from components.archive.keys.log_key import load_verifier_keys
from components.archive.keys.private import is_kept, remove_key
from components.archive.keys.reference import KeyReference, last_signed_file, next_key, public_file
from components.archive.keys.ring import find_retired_keys, load_key_ring
from components.archive.keys.rotation import open_log_writer, prepare_log_key, rotate_recipient_key
from components.archive.last_signed import LastSigned
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.handover import HandoverError, sign_handover, verify_handover
from components.archive.log.note import NoteError, sign_note
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.seal import NoKeyError, RecipientKey
from components.archive.store import Change
from components.archive.store.sqlite import SqliteStore
from components.archive.writer import LogWriter
from tests.support.archive import AUDITOR, ORIGIN, RECIPIENTS, SIGNER, VERIFIER_KEY, entries, ticking
from tests.support.log_keys import follow_log_keys

Place = Callable[[str], KeyReference]


TIMES = ticking()


def next_second() -> int:
    """A clock that is a second later at each look: no second of a handover is left to wait for."""
    return next(TIMES)


async def write(
    path: Path,
    key: KeyReference,
    count: int,
    recipients: list[RecipientKey] | None = None,
    clock_ns: Callable[[], int] = next_second,
) -> None:
    keys = RECIPIENTS if recipients is None else [each.recipient for each in recipients]
    writer = await open_log_writer(await SqliteStore.open(path), key, ORIGIN, keys, clock_ns)
    if count:
        await writer.append(entries(writer.size, count))
    await writer.close()


async def stanzas(path: Path, keys: list[RecipientKey]) -> int:
    """Count the records that were appended to a log, all of which must open."""
    reader = await LogReader.open(path)
    try:
        opened = await RecordOpener(reader, ORIGIN, keys).fetch(0, await reader.size())
        return sum(each.leaf.kind == RecordKind.STANZA and each.payload is not None for each in opened)
    finally:
        await reader.close()


async def test_a_log_goes_over_to_the_key_that_waits(place: Place, folder: Path) -> None:
    log, key = folder / "gate.db", place("log-gate")
    first = create_log_key(key, ORIGIN).verifier_key
    await write(log, key, 3)
    following = prepare_log_key(key)
    assert prepare_log_key(key).key_id == following.key_id != first.key_id  # one key waits, however often
    assert load_log_key(key).key_id == first.key_id
    await write(log, key, 4)
    assert load_log_key(key).key_id == following.key_id
    assert not is_kept(next_key(key))
    assert [each.key_id for each in load_verifier_keys(public_file(key))] == [first.key_id, following.key_id]
    assert load_verifier_key(public_file(key)).key_id == following.key_id
    await write(log, key, 1)
    assert [each.key_id for each in await follow_log_keys(log, first)] == [first.key_id, following.key_id]
    assert await stanzas(log, [AUDITOR]) == 8


async def test_again_and_again(place: Place, folder: Path) -> None:
    log, key = folder / "gate.db", place("log-gate")
    first = create_log_key(key, ORIGIN).verifier_key
    ids = [first.key_id]
    for _ in range(4):
        await write(log, key, 2)
        ids.append(prepare_log_key(key).key_id)
    await write(log, key, 2)
    assert [each.key_id for each in await follow_log_keys(log, first)] == ids
    assert [each.key_id for each in load_verifier_keys(public_file(key))] == ids


@pytest.mark.slow
async def test_a_writer_that_dies_right_after_the_handover(place: Place, folder: Path) -> None:
    log, key = folder / "gate.db", place("log-gate")
    first = create_log_key(key, ORIGIN).verifier_key
    following = prepare_log_key(key)
    store = await SqliteStore.open(log)
    last = LastSigned(last_signed_file(key))
    writer = await LogWriter.open_on(store, load_log_key(key), RECIPIENTS, last_signed=last)
    await writer.rotate_key(load_log_key(next_key(key)))
    await store.close()
    assert is_kept(next_key(key))
    await write(log, key, 1, clock_ns=time.time_ns)  # at once, in the same second
    assert not is_kept(next_key(key))
    assert load_log_key(key).key_id == following.key_id
    assert [each.key_id for each in await follow_log_keys(log, first)] == [first.key_id, following.key_id]


async def test_a_log_that_was_never_written(place: Place, folder: Path) -> None:
    log, key = folder / "gate.db", place("log-gate")
    first = create_log_key(key, ORIGIN).verifier_key
    following = prepare_log_key(key)
    await write(log, key, 1)
    assert [each.key_id for each in await follow_log_keys(log, first)] == [first.key_id, following.key_id]


async def test_while_another_writes_the_key_waits(place: Place, folder: Path) -> None:
    log, key = folder / "gate.db", place("log-gate")
    first = create_log_key(key, ORIGIN).verifier_key
    writer = await open_log_writer(await SqliteStore.open(log), key, ORIGIN, RECIPIENTS)
    prepare_log_key(key)
    with pytest.raises(LogBusy):
        await open_log_writer(await SqliteStore.open(log), key, ORIGIN, RECIPIENTS)
    await writer.append(entries(0, 1))
    await writer.close()
    assert load_log_key(key).key_id == first.key_id
    assert is_kept(next_key(key))


async def test_a_key_that_is_not_here_is_not_rotated(place: Place, folder: Path) -> None:
    key = place("log-gate")
    create_log_key(key, ORIGIN)
    remove_key(key)
    with pytest.raises(KeyFileError, match="rotate a key where it is kept"):
        prepare_log_key(key)
    create_recipient_key(place("auditor"), "auditor")
    remove_key(place("auditor"))
    with pytest.raises(KeyFileError, match="rotate a key where it is kept"):
        rotate_recipient_key(place("auditor"))


async def test_the_store_is_let_go_when_a_key_is_missing(place: Place, folder: Path) -> None:
    log, key = folder / "gate.db", place("log-gate")
    create_log_key(key, ORIGIN)
    remove_key(key)
    for _ in range(2):
        with pytest.raises(KeyFileError):
            await open_log_writer(await SqliteStore.open(log), key, ORIGIN, RECIPIENTS)


async def test_a_recipient_goes_over_and_old_segments_open(place: Place, folder: Path) -> None:
    log, signing, key = folder / "gate.db", place("log-gate"), place("auditor")
    create_log_key(signing, ORIGIN)
    old = create_recipient_key(key, "auditor")
    await write(log, signing, 3, [old])
    recipient = rotate_recipient_key(key)
    assert recipient.name == "auditor"
    assert (
        recipient.key_id
        == load_recipient(public_file(key)).key_id
        == load_recipient_key(key).key_id
        != old.key_id
    )
    await write(log, signing, 4, [load_recipient_key(key)])
    ring = load_key_ring([key])
    assert [each.key_id for each in ring] == [recipient.key_id, old.key_id]
    assert await stanzas(log, ring) == 7
    with pytest.raises(NoKeyError):
        await stanzas(log, [load_recipient_key(key)])
    latest = rotate_recipient_key(key)
    await write(log, signing, 1, [load_recipient_key(key)])
    assert {each.key_id for each in load_key_ring([key])} == {old.key_id, recipient.key_id, latest.key_id}
    assert len(list(find_retired_keys(key))) == 2
    assert await stanzas(log, load_key_ring([key])) == 8


def test_a_ring_has_no_keys_of_others(place: Place) -> None:
    for name in ("auditor", "auditor-two", "escrow"):
        create_recipient_key(place(name), name)
        rotate_recipient_key(place(name))
    assert [each.name for each in load_key_ring([place("auditor")])] == ["auditor"] * 2
    assert len(load_key_ring([place("auditor"), place("escrow"), place("auditor")])) == 4


class FaultyStore(SqliteStore):
    """A store whose next commit fails, before it did anything or after it did all."""

    fail_before = fail_after = False

    async def commit(self, change: Change) -> None:
        if self.fail_before:
            raise LogUnavailable("failed before anything was written")
        await super().commit(change)
        if self.fail_after:
            raise LogUnavailable("the answer was lost")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[FaultyStore]:
    store = await FaultyStore.open(tmp_path / "gate.db")
    yield store
    await store.close()


@pytest.fixture
async def writer(store: FaultyStore) -> LogWriter:
    times = ticking()
    writer = await LogWriter.open_on(store, SIGNER, RECIPIENTS, lambda: next(times))
    await writer.append(entries(0, 3))
    return writer


@pytest.mark.parametrize("kept", [False, True])
async def test_a_handover_whose_fate_is_unknown(
    kept: bool, store: FaultyStore, writer: LogWriter, tmp_path: Path
) -> None:
    following = create_log_key(tmp_path / "two.key", ORIGIN)
    store.fail_before, store.fail_after = not kept, kept
    with pytest.raises(LogUnavailable):
        await writer.rotate_key(following)
    store.fail_before = store.fail_after = False
    size = await writer.recover()
    await writer.append(entries(size, 2))
    await writer.sign()
    row = await store.fetch_newest_checkpoint()
    assert row is not None
    verify_checkpoint(row.note, following.verifier_key if kept else VERIFIER_KEY)
    with pytest.raises(NoteError):
        verify_checkpoint(row.note, VERIFIER_KEY if kept else following.verifier_key)
    if not kept:
        await writer.rotate_key(following)
    await writer.close()
    keys = await follow_log_keys(tmp_path / "gate.db", VERIFIER_KEY)
    assert [each.key_id for each in keys] == [SIGNER.key_id, following.key_id]


async def test_the_old_key_does_not_open_the_log_any_more(writer: LogWriter, tmp_path: Path) -> None:
    await writer.rotate_key(create_log_key(tmp_path / "two.key", ORIGIN))
    await writer.append(entries(4, 1))
    await writer.close()
    with pytest.raises(LogDamaged):
        await LogWriter.open(tmp_path / "gate.db", SIGNER, RECIPIENTS)


async def test_what_a_log_is_not_handed_to(writer: LogWriter, tmp_path: Path) -> None:
    with pytest.raises(HandoverError, match="has the id of the old one"):
        await writer.rotate_key(SIGNER)
    with pytest.raises(HandoverError, match="is named"):
        await writer.rotate_key(create_log_key(tmp_path / "other.key", "steelyard.example/audit"))
    size = writer.size
    await writer.append(entries(size, 1))
    await writer.close()


def test_a_handover_needs_both_signatures(tmp_path: Path) -> None:
    one, two, three = (create_log_key(tmp_path / f"{name}.key", ORIGIN) for name in ("one", "two", "three"))
    note = sign_handover(one, two)
    assert verify_handover(note, one.verifier_key).key_id == two.key_id
    text = note[: note.index("\n\n") + 1]
    assert text.startswith(f"steelyard-log-key/1\n{ORIGIN}\n{ORIGIN}+")
    for signers in ((one,), (two,), (one, three), (three, two)):
        with pytest.raises(HandoverError):
            verify_handover(sign_note(text, *signers), one.verifier_key)
    for wrong in (text.replace("key/1", "key/2"), text + "more\n", text.replace(f"\n{ORIGIN}\n", "\nelse\n")):
        with pytest.raises(HandoverError):
            verify_handover(sign_note(wrong, one, two), one.verifier_key)
    for place in range(len(text)):
        flipped = note[:place] + chr(ord(note[place]) ^ 1) + note[place + 1 :]
        with pytest.raises(HandoverError):
            verify_handover(flipped, one.verifier_key)


async def test_a_key_of_another_name_writes_nothing(place: Place, folder: Path) -> None:
    """Records would be sealed to its name, and readers look for the settings'."""
    log, key = folder / "gate.db", place("log-gate")
    create_log_key(key, ORIGIN)
    await write(log, key, 1)
    before = log.read_bytes()
    for _ in range(2):  # the store is let go
        with pytest.raises(KeyFileError, match=f"signs as {ORIGIN}, and log_origin is renamed.example"):
            await open_log_writer(await SqliteStore.open(log), key, "renamed.example", RECIPIENTS)
    assert log.read_bytes() == before
