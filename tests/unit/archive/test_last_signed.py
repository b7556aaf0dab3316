"""A log that was set back to an older state is not written to, unless its loss was accepted, which is recorded."""

import shutil
from pathlib import Path

import pytest

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.last_signed import LastSigned
from components.archive.log.note import encode_verifier_key
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.record import Alarm, RecordKind, parse_record
from components.archive.store.open import StoreName, open_source, open_store
from components.archive.writer import LogWriter
from components.verifier.log import verify_log
from tests.support.stores import (
    AUDITOR,
    ORIGIN,
    SIGNER,
    START_NS,
    VERIFIER_KEY,
    entries,
    recorded_alarms,
    ticking,
)
from tests.support.verified import kinds

VKEY = encode_verifier_key(VERIFIER_KEY)


@pytest.fixture
def last(tmp_path: Path) -> LastSigned:
    return LastSigned(tmp_path / "log-gate.last")


async def open_guarded(name: StoreName, last: LastSigned, at_ns: int = START_NS) -> LogWriter:
    store = await open_store(name)
    return await LogWriter.open_on(store, SIGNER, [AUDITOR.recipient], ticking(at_ns), last_signed=last)


async def append(name: StoreName, last: LastSigned, count: int, at_ns: int = START_NS) -> None:
    writer = await open_guarded(name, last, at_ns)
    await writer.append(entries(writer.size, count))
    await writer.close()


async def newest_note(name: StoreName) -> str:
    reader = await LogReader.open(name)
    note = (await reader.checkpoint()).decode()
    await reader.close()
    return note


async def accept(last: LastSigned, name: StoreName | None) -> None:
    """Let the next writer go on with the log as it is now."""
    source = None if name is None else await open_source(name)
    await last.accept(source)
    if source is not None:
        await source.close()


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("log-gate.*")]


async def test_each_signed_checkpoint_is_kept(store_name: StoreName, last: LastSigned) -> None:
    writer = await open_guarded(store_name, last)
    assert last.path.read_text() == await newest_note(store_name)  # of the empty log
    for count in (1, 300, 5):
        await writer.append(entries(writer.size, count))
        await writer.sign()
        assert last.path.read_text() == await newest_note(store_name)
    await writer.close()
    assert last.path.read_text() == await newest_note(store_name)
    await append(store_name, last, 3)  # an undamaged log goes on
    assert last.path.read_text() == await newest_note(store_name)


async def test_a_log_that_was_set_back_is_refused(tmp_path: Path, last: LastSigned) -> None:
    log, older = tmp_path / "gate.db", tmp_path / "older.db"
    await append(log, last, 10)
    shutil.copy(log, older)
    await append(log, last, 10)
    shutil.copy(older, log)
    before = last.path.read_bytes()
    with pytest.raises(
        LogDamaged, match=r"an older state: 24 records were signed, and it has 12 of them"
    ) as told:
        await append(log, last, 10)
    assert "steelyard restore" in str(told.value)
    assert last.path.read_bytes() == before
    assert f"\n{12}\n" in await newest_note(log)


async def test_a_log_set_back_with_all_that_tells_of_it_goes_on(tmp_path: Path, last: LastSigned) -> None:
    """Whoever commands this machine can set back both. Only what was kept elsewhere contradicts the log then."""
    log, older, older_last = tmp_path / "gate.db", tmp_path / "older.db", tmp_path / "older.last"
    await append(log, last, 10)
    shutil.copy(log, older)
    shutil.copy(last.path, older_last)
    await append(log, last, 10)
    elsewhere = last.path.read_text()
    shutil.copy(older, log)
    shutil.copy(older_last, last.path)
    await append(log, last, 20)
    assert verify_log(log, VKEY).ok
    assert kinds(verify_log(log, VKEY, known_checkpoints=[elsewhere])) == ["checkpoint-forked"]


async def test_a_log_that_is_gone_is_not_begun_anew(store_name: StoreName, last: LastSigned) -> None:
    last.keep(f"{ORIGIN}\n7\n{'A' * 43}=\n\n— signature\n")
    with pytest.raises(LogDamaged, match="7 records were signed, and it has 0"):
        await append(store_name, last, 1)
    store = await open_store(store_name)
    assert await store.fetch_meta() == {}
    await store.close()


async def test_a_log_that_was_set_back_and_has_grown_is_refused(tmp_path: Path, last: LastSigned) -> None:
    """Such as one that was written to without its guard, or on another machine."""
    log, older = tmp_path / "gate.db", tmp_path / "older.db"
    await append(log, last, 10)
    shutil.copy(log, older)
    elsewhere = LastSigned(Path(shutil.copy(last.path, tmp_path / "elsewhere.last")))
    await append(log, last, 10)
    await append(older, elsewhere, 5000)
    with pytest.raises(LogDamaged, match="it is another log than the 24 records that were signed"):
        await append(older, last, 1)
    await append(log, last, 1)


async def test_an_accepted_loss_is_recorded(store_name: StoreName, tmp_path: Path, last: LastSigned) -> None:
    await append(store_name, last, 10)
    newest = await newest_note(store_name)
    last.keep(newest.replace("\n12\n", "\n99\n"))
    await accept(last, store_name)
    writer = await open_guarded(store_name, last)
    first = writer.signed_size
    assert last.path.read_text() == await newest_note(store_name)
    await writer.close()
    await append(store_name, last, 1)

    reader = await LogReader.open(store_name)
    records = await RecordOpener(reader, ORIGIN, [AUDITOR]).fetch(0, 99)
    alarms = [record for record in records if record.leaf.kind == RecordKind.ALARM]
    assert len(alarms) == 1
    assert alarms[0].payload is not None
    alarm = parse_record(RecordKind.ALARM, alarms[0].payload)
    assert isinstance(alarm, Alarm)
    assert alarm.name == "records-lost"
    assert (dict(alarm.details)["signed_size"], dict(alarm.details)["size"]) == (99, 12)
    assert first > alarms[0].index
    await reader.close()
    assert names(tmp_path) == ["log-gate.last"]


async def test_what_is_accepted_is_one_loss_only(tmp_path: Path, last: LastSigned) -> None:
    log, older = tmp_path / "gate.db", tmp_path / "older.db"
    await append(log, last, 10)
    shutil.copy(log, older)
    await append(log, last, 10)
    await accept(last, log)
    await append(log, last, 10)  # nothing was lost after all
    shutil.copy(older, log)
    with pytest.raises(LogDamaged, match="an older state"):
        await append(log, last, 1)


async def test_a_lost_log_may_begin_anew_when_that_is_accepted(tmp_path: Path, last: LastSigned) -> None:
    log = tmp_path / "gate.db"
    await append(log, last, 10)
    log.unlink()
    await accept(last, None)
    await append(log, last, 1)
    reader = await LogReader.open(log)
    assert RecordKind.ALARM in [stored.leaf.kind for stored in await reader.fetch(0, 99)]
    await reader.close()


async def test_a_writer_killed_between_the_alarm_and_its_signature_records_it_again(
    tmp_path: Path, last: LastSigned, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "gate.db"
    await append(log, last, 10)
    last.keep((await newest_note(log)).replace("\n12\n", "\n99\n"))
    await accept(last, log)

    async def die(_writer: LogWriter) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LogWriter, "_sign", die)
        with pytest.raises(KeyboardInterrupt):
            await open_guarded(log, last)
    await append(log, last, 1)
    reader = await LogReader.open(log)
    assert [stored.leaf.kind for stored in await reader.fetch(0, 99)].count(RecordKind.ALARM) == 2
    await reader.close()


async def test_what_cannot_be_kept_stops_the_log(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    last = LastSigned(tmp_path / "folder" / "log-gate.last")
    writer = await open_guarded(tmp_path / "gate.db", last)
    await writer.append(entries(0, 3))
    last.path.unlink()
    (tmp_path / "folder").rmdir()
    with pytest.raises(LogUnavailable, match=r"log-gate\.last: cannot be written"):
        await writer.sign()
    (tmp_path / "folder").mkdir()
    await writer.sign()
    assert last.path.read_text() == await newest_note(tmp_path / "gate.db")
    await writer.close()


@pytest.mark.parametrize("content", [b"rubbish", b"\xff\xfe", b"steelyard.example/gate\n-1\nx\n\n"])
async def test_a_file_that_is_no_checkpoint_is_refused(
    tmp_path: Path, last: LastSigned, content: bytes
) -> None:
    await append(tmp_path / "gate.db", last, 1)
    last.path.write_bytes(content)
    with pytest.raises(LogDamaged, match=r"log-gate\.last: not a checkpoint"):
        await append(tmp_path / "gate.db", last, 1)


async def test_a_log_without_its_last_checkpoint_is_refused_until_that_is_accepted(
    store_name: StoreName, tmp_path: Path, last: LastSigned
) -> None:
    await append(store_name, last, 10)
    last.path.unlink()
    for _ in range(2):
        with pytest.raises(LogDamaged, match=r"log-gate\.last is gone.*--accept-loss"):
            await append(store_name, last, 1)
    await accept(last, store_name)
    await append(store_name, last, 1)
    assert await recorded_alarms(store_name) == [("last-signed-missing", {"size": 12})]
    assert last.path.read_text() == await newest_note(store_name)
    assert names(tmp_path) == ["log-gate.last"]


async def test_a_log_that_was_made_and_not_begun_needs_none(store_name: StoreName, last: LastSigned) -> None:
    """Its writer was killed before it came to keep the first one."""
    await (await open_guarded(store_name, last)).close()
    last.path.unlink()
    await append(store_name, last, 3)
    assert await recorded_alarms(store_name) == []


async def test_an_empty_log_that_is_gone_is_not_begun_anew(tmp_path: Path, last: LastSigned) -> None:
    log = tmp_path / "gate.db"
    await (await open_guarded(log, last)).close()
    log.unlink()
    with pytest.raises(LogDamaged, match="it is gone"):
        await append(log, last, 1)
