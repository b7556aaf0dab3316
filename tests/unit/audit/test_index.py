"""The index over a real log: every stanza is found, whatever is in it, and it never loses step with the log."""

import asyncio
import importlib
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.keys.recipient import create_recipient_key
from components.archive.keys.reference import last_signed_file
from components.archive.record import Delivery, Event, RecordKind, Submission
from components.archive.seal import NoKeyError, RecipientKey, open_envelopes
from components.archive.writer import Entry
from components.audit.excerpt import make_excerpt
from components.audit.index import catch_up as catch_up_module
from components.audit.index import index as index_module
from components.audit.index.database import DatabaseError, open_database
from components.audit.index.index import DeliveryState, Found
from components.audit.index.key import key_file, load_index_key
from components.audit.index.logs import IndexedLog
from components.audit.index.purge import FORMAT
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.audit.open_log import open_log
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.search import Page, search
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from tests.support.audit_site import T0_NS, Site
from tests.support.made_index import open_raw
from tests.support.typed import file_of

ALICE, BOB, EVE = "alice@metals.example/desk", "bob@metals.example", "eve@grain.example"


async def catch_up(site: Site) -> None:
    async with open_log(site.settings, site.settings.gate_log) as log:
        with open_site_index(site.settings) as index:
            await index.catch_up(log)


async def catch_up_with_all(site: Site) -> None:
    async with open_indexed(site.settings) as logs:
        with open_site_index(site.settings) as index:
            await catch_up_logs(site.settings, index, logs, ignore_progress)


def look_up(site: Site, query: str, limit: int = 1000) -> Found:
    """Find; `indexes` are the numbers of what was appended."""
    with open_site_index(site.settings) as index:
        found = index.find(compile_query(parse_query(query, T0_NS)), limit)
    return replace(found, indexes=tuple(site.numbers_of(found.indexes)))


async def find(site: Site, query: str) -> list[int]:
    await catch_up(site)
    return list(look_up(site, query).indexes)


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ("*", [0, 1, 2, 3, 5, 6, 7, 8]),
        ("copper", [0, 2, 6]),
        ("COPPER", [0, 2, 6]),
        ('"copper price"', [2]),
        ('"price copper"', []),
        ("copp*", [0, 2, 6]),
        ('"copper pri*"', [2]),
        ("copper -price", [0, 6]),
        ("copper OR tin", [0, 1, 2, 6]),
        ("NOT copper", [1, 3, 5, 7, 8]),
        ("zurich", [3]),
        ("铜价", [3]),
        ("价格", [3]),
        ("铜格", []),
        ("铜", [3]),
        ("שלום", [3]),
        ("🚀", [3]),
        ("from:alice", [0, 2, 7, 8]),
        ("from:alice@metals.example", [0, 2, 7, 8]),
        ("from:alice@grain.example", []),
        ("from:@metals.example", [0, 1, 2, 3, 7, 8]),
        ("from:grain.example", [5, 6]),
        ("to:bob", [0, 6]),
        ("to:@grain.example", [2]),
        ("with:bob", [0, 1, 3, 6]),
        ("with:alice AND with:bob", [0, 1]),
        ("from:alice from:eve", [0, 2, 5, 6, 7, 8]),
        ("from:alice AND from:eve", []),
        ("verdict:refused", [2, 6]),
        ("verdict:released copper", [0]),
        ("kind:message", [0, 1, 2, 3, 6]),
        ("kind:presence", [5]),
        ("kind:iq kind:session", [7, 8]),
        ("192.0.2.7", [8]),
        ("rule:recipient-outside", [2]),
        ("rule:Recipient*", [2, 6]),
        ("rule:recipient", []),
        ("after:2026-11-23T20:04:07", [2, 3, 5, 6, 7, 8]),
        ("before:2026-11-23T20:04:07", [0, 1]),
        ("after:2026-11-23T20:04:06 before:2026-11-23T20:04:08", [1, 2]),
        ("after:2026-11-24", []),
        ("* -from:alice -from:eve kind:message", [1, 3]),
    ],
)
async def test_a_query_finds(site: Site, query: str, indexes: list[int]) -> None:
    await site.record(
        site.say(ALICE, BOB, "Selling copper"),
        site.say(BOB, ALICE, "tin?", at_s=1),
        site.say(ALICE, EVE, "the copper price", at_s=2, action="refuse", rules=("recipient-outside",)),
        site.say(BOB, "carol@metals.example", "Zürich: 铜价格上涨 שָׁלוֹם 🚀", at_s=3),
        Delivery("e1", 3, ()),
        site.submit(f"<presence from='{EVE}'><status>away</status></presence>".encode(), at_s=4),
        site.say(EVE, BOB, "copper!", at_s=5, action="refuse", rules=("recipient-inside", "other")),
        site.submit(b"<iq from='alice@metals.example/desk' type='get' id='1'><query/></iq>", at_s=6),
        site.submit(
            b"<bind jid='alice@metals.example/desk' address='192.0.2.7'/>", kind=RecordKind.SESSION, at_s=7
        ),
    )
    assert await find(site, query) == indexes


async def test_a_search_counts_and_keeps_the_newest(site: Site) -> None:
    await site.record(
        *(site.say(ALICE, BOB, f"copper {number}") for number in range(10)), Delivery("e1", 4, ())
    )
    await catch_up(site)
    assert look_up(site, "copper", limit=3) == Found((7, 8, 9), matched=10, submissions=10, log_size=13)


async def test_an_empty_log_is_indexed(site: Site) -> None:
    await catch_up(site)
    assert look_up(site, "*") == Found((), matched=0, submissions=0, log_size=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "query"),
    [
        (b"", "*"),
        (b"\x00\xff\xfe not xml but copper", "copper kind:other"),
        (b"<message from='alice@metals.example'><body>copper", "copper from:alice kind:message"),
        (b"<message><body>\x1b[2J copper\x1b[0m</body></message>", "copper"),
        (b"<message><body>cop\xe2\x80\x8bper</body></message>", "copper"),
        (b"<message><body>" + b"y" * 12_000_000 + b" copper</body></message>", "copper"),
        (b"<message><body>" + b"tin " * 200_000 + b"copper</body></message>", "copper"),
        (b"<message>" + b"<x>" * 5000 + b"copper" + b"</x>" * 5000 + b"</message>", "copper"),
        (b"<message><html><body xmlns='http://www.w3.org/1999/xhtml'>cop<b>per</b></body></html></message>", "copper"),
        (b"<message><body>tin</body><replace xmlns='urn:xmpp:message-correct:0' id='1'/></message>", "tin"),
        ("<message><body>\u202eפָּז copper</body></message>".encode(), "פז copper"),
        (b"<message><body>'; DROP TABLE submission; --</body></message>", '"drop table"'),
    ],
    ids=[
        "empty", "bytes", "cut", "controls", "invisible", "huge", "long", "deep", "markup", "correction", "rtl", "sql",
    ],
)  # fmt: skip
async def test_whatever_was_recorded_is_found(site: Site, body: bytes, query: str) -> None:
    await site.record(site.say(BOB, EVE, "nickel"), site.submit(body), site.say(BOB, EVE, "nickel"))
    assert await find(site, query if query != "*" else "NOT nickel") == [1]


async def test_records_that_cannot_be_parsed_are_found_by_their_words(site: Site) -> None:
    largest = site.say(ALICE, BOB, "copper")._replace(seq=2**64 - 1, received_at_ns=2**64 - 1)
    await site.record_payloads(
        [Entry(RecordKind.STANZA, b"{}\n copper"), Entry(RecordKind.STANZA, b"copper \xff\x00")]
    )
    await site.record(largest, Delivery("e1", 2**64 - 1, (2**64 - 1,)), site.say(ALICE, BOB, "copper"))
    assert sorted(await find(site, "copper")) == [0, 1, 2, 4]
    assert await find(site, "copper kind:other") == [0, 1]


async def test_deliveries_tell_what_became_of_a_submission(site: Site) -> None:
    def states(*seqs: int, epoch: str = "e1") -> list[DeliveryState]:
        with open_site_index(site.settings) as index:
            return [index.delivery(epoch, seq) for seq in seqs]

    carried_out, bounced, unknown = DeliveryState.CARRIED_OUT, DeliveryState.BOUNCED, DeliveryState.UNKNOWN
    await site.record(*(site.say(ALICE, BOB, "copper") for _ in range(6)), Delivery("e1", 2, (1,)))
    await catch_up(site)
    assert states(0, 1, 2, 3) == [carried_out, bounced, carried_out, unknown]
    # A later word counts for what came before it; an older one that comes late takes nothing back.
    await site.record(Delivery("e1", 4, (3,)), Delivery("e2", 0, ()), Delivery("e1", 3, (5,)))
    await catch_up(site)
    assert states(0, 1, 2, 3, 4, 5) == [carried_out, bounced, carried_out, bounced, carried_out, bounced]
    assert states(0, 1, epoch="e2") == [carried_out, unknown]


async def test_catching_up_goes_on_where_it_stopped(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up_module, "RECORDS_PER_TRANSACTION", 7)
    monkeypatch.setattr(catch_up_module, "RECORDS_PER_FETCH", 3)
    seen: list[tuple[int, int]] = []
    async with open_log(site.settings, site.settings.gate_log) as log:
        for total in (20, 21, 35):
            have = len(site.places)
            await site.record(*(site.say(ALICE, BOB, f"copper n{number}") for number in range(have, total)))
            with open_site_index(site.settings) as index:
                await index.catch_up(log, lambda done, total: seen.append((done, total)))
            assert look_up(site, "copper").indexes == tuple(range(total))
    # Each of the three writers has a segment of its own, which begins and ends with a record.
    assert seen == [(7, 22), (14, 22), (21, 22), (22, 22), (25, 25), (32, 41), (39, 41), (41, 41)]


async def test_a_failure_keeps_whole_transactions(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up_module, "RECORDS_PER_TRANSACTION", 4)
    monkeypatch.setattr(catch_up_module, "RECORDS_PER_FETCH", 2)
    await site.record(*(site.say(ALICE, BOB, "copper") for _ in range(12)))
    async with open_log(site.settings, site.settings.gate_log) as log:
        fetch = log.reader.fetch

        async def fail_late(first: int, count: int) -> list[object]:
            if first == 6:
                raise OSError("the disk went away")
            return await fetch(first, count)  # type: ignore[return-value]

        monkeypatch.setattr(log.reader, "fetch", fail_late)
        with open_site_index(site.settings) as index, pytest.raises(OSError, match="went away"):
            await index.catch_up(log)
    assert look_up(site, "copper").indexes == (0, 1, 2)  # and the record by which their segment began
    assert await find(site, "copper") == list(range(12))


async def test_another_log_is_indexed_anew(site: Site) -> None:
    await site.record(*(site.say(ALICE, BOB, "copper") for _ in range(3)), Delivery("e1", 1, ()))
    assert await find(site, "copper") == [0, 1, 2]
    for file in file_of(site.settings.gate_log.store).parent.glob("gate.db*"):
        file.unlink()
    last_signed_file(site.settings.gate_log.key_file).unlink()
    site.places.clear()
    await site.record(*(site.say(ALICE, BOB, "tin", epoch="e9") for _ in range(5)))
    assert await find(site, "copper") == []
    assert await find(site, "tin") == [0, 1, 2, 3, 4]
    with open_site_index(site.settings) as index:
        assert index.delivery("e1", 0) == DeliveryState.UNKNOWN


async def test_a_log_that_lost_its_end_is_indexed_anew(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, "tin"))
    kept = {file: file.read_bytes() for file in file_of(site.settings.gate_log.store).parent.glob("gate.db*")}
    await site.record(site.say(ALICE, BOB, "copper"))
    assert await find(site, "copper") == [1]
    for file in file_of(site.settings.gate_log.store).parent.glob("gate.db*"):
        file.unlink()
    for file, content in kept.items():
        file.write_bytes(content)
    assert await find(site, "copper") == []
    assert await find(site, "tin") == [0]


async def test_another_format_is_indexed_anew_and_told(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    await catch_up(site)
    with open_raw(site.settings) as database:
        database.execute("DELETE FROM entry")
        database.execute("ALTER TABLE state RENAME next_index TO something_else")
    monkeypatch.setattr(index_module, "FORMAT", FORMAT + 1)
    assert capsys.readouterr().err == ""
    assert await find(site, "copper") == [0]
    told = f"the index {site.settings.audit.index} is made by another version of Steelyard: it is built again"
    assert told in capsys.readouterr().err
    assert await find(site, "copper") == [0]
    assert capsys.readouterr().err == ""


async def test_an_index_of_before_this_fold_is_built_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.record(site.say(ALICE, BOB, "sidele\u3164tter"))
    with sqlite3.connect(site.settings.audit.index) as database:
        database.executescript(FORMAT_5)
    database.close()
    assert await find(site, "sideletter") == [0]
    assert "made by another version" in capsys.readouterr().err
    monkeypatch.setattr(index_module, "FOLD_VERSION", "another")
    assert await find(site, "sideletter") == [0]
    assert "made by another version" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"this is no database" * 1000, b"SQLite format 3\x00" + b"\xff" * 8192])
async def test_a_damaged_index_is_replaced(site: Site, content: bytes) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    site.settings.audit.index.write_bytes(content)
    assert await find(site, "copper") == [0]


async def test_only_its_owner_reads_the_index(site: Site) -> None:
    async with open_log(site.settings, site.settings.gate_log) as log:
        with open_site_index(site.settings) as index:
            await index.catch_up(log)
            files = list(site.settings.audit.index.parent.glob("index.db*"))
            assert {file.name[8:] for file in files} == {"", "-wal", "-shm", ".key", ".lock"}
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_without_the_auditors_key_the_index_opens_for_nobody(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    await catch_up(site)
    path = site.settings.audit.index
    content = b"".join(file.read_bytes() for file in path.parent.glob("index.db*"))
    assert b"copper" not in content
    assert b"alice" not in content
    stranger = RecipientKey("stranger", X25519PrivateKey.generate())
    with pytest.raises(NoKeyError):
        open_envelopes(key_file(path).read_bytes(), b"steelyard-index/1\n", [stranger], "it")
    for key in (None, bytes(32)):
        with pytest.raises(DatabaseError):
            open_database(path, key)


async def test_an_index_under_a_lost_key_is_built_again_and_told(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    await catch_up(site)
    key_file(site.settings.audit.index).write_bytes(b"[]")
    assert await find(site, "copper") == [0]
    told = "damaged, or under a key that none of the auditors' keys opens: it is built again from the log"
    assert told in capsys.readouterr().err
    assert await find(site, "copper") == [0]
    assert capsys.readouterr().err == ""


async def test_who_comes_with_the_key_of_another_site_leaves_the_index_as_it_is(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    await catch_up(site)
    index = site.settings.audit.index
    before = index.read_bytes(), key_file(index).read_bytes()
    own = file_of(site.settings.audit.key_files[0])
    kept = own.read_bytes()
    create_recipient_key(tmp_path / "other.key", "auditor")
    own.write_bytes((tmp_path / "other.key").read_bytes())
    with pytest.raises(SiteError, match="keys of another site, so it is left as it is"):
        await find(site, "copper")
    assert (index.read_bytes(), key_file(index).read_bytes()) == before
    own.write_bytes(kept)
    assert await find(site, "copper") == [0]
    assert capsys.readouterr().err == ""


def test_the_key_of_an_index_outlives_a_rotation(tmp_path: Path) -> None:
    old, new = (RecipientKey(name, X25519PrivateKey.generate()) for name in ("old", "new"))
    key = load_index_key(tmp_path / "index.db", [old])
    assert load_index_key(tmp_path / "index.db", [new, old]) == key
    assert load_index_key(tmp_path / "index.db", [new]) == key
    assert load_index_key(tmp_path / "index.db", [old]) == key


async def test_a_deleted_index_is_built_again(site: Site) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    await catch_up(site)
    for file in site.settings.audit.index.parent.glob("index.db*"):
        file.unlink()
    assert await find(site, "copper") == [0]


async def test_a_record_that_is_gone_from_the_log_does_not_stop_the_index(site: Site) -> None:
    await site.record(*(site.say(ALICE, BOB, "copper") for _ in range(4)))
    with closing(sqlite3.connect(site.settings.gate_log.store)) as database, database:
        database.execute("DELETE FROM record WHERE idx IN (?, ?)", (site.places[1], site.places[3]))
    database.close()
    assert await find(site, "copper") == [0, 2]
    assert await find(site, "copper") == [0, 2]


# The tables that have other columns now.
FORMAT_5 = """
CREATE TABLE state (next_index INTEGER NOT NULL, last_leaf BLOB NOT NULL, purge_due INTEGER NOT NULL);
CREATE TABLE folded (idx INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE VIRTUAL TABLE word
USING fts5 (text, content='folded', content_rowid='idx', columnsize=0, tokenize='ascii');
INSERT INTO state VALUES (1, x'', 0);
INSERT INTO folded VALUES (0, 'sidele tter');
INSERT INTO word (rowid, text) VALUES (0, 'sidele tter');
PRAGMA user_version = 5;
"""

CATCH_UP = """
import asyncio, sys
from pathlib import Path
from components.audit.index import catch_up
from components.audit.indexed import open_site_index
from components.audit.open_log import open_log
from components.settings.site import SiteFile
async def main():
    catch_up.RECORDS_PER_TRANSACTION = 10
    settings = SiteFile(Path(sys.argv[1]))
    async with open_log(settings, settings.gate_log) as log:
        print("ready", flush=True)
        sys.stdin.readline()
        with open_site_index(settings) as opened:
            await opened.catch_up(log)
asyncio.run(main())
"""


@pytest.mark.slow
async def test_several_processes_catch_up_at_once(site: Site) -> None:
    records: list[Submission] = [site.say(ALICE, BOB, f"copper n{number}") for number in range(600)]
    await site.record(*records[:400])
    command = (sys.executable, "-W", "error", "-c", CATCH_UP, str(site.path))
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
    await site.record(*records[400:])
    outputs = [(await process.communicate())[0] for process in processes]
    assert [(process.returncode, output) for process, output in zip(processes, outputs, strict=True)] == [
        (0, b"")
    ] * 4
    assert await find(site, "copper") == list(range(600))
    assert await find(site, "n599") == [599]


async def test_what_was_done_with_the_line_is_found(site: Site) -> None:
    details = (("by", "anna@metals.example"), ("reason", "left the desk"), ("who", BOB))
    await site.record(Event(RecordKind.ADMISSION, "revoked", details, 1_795_464_245_000_000_000))
    for query in ("kind:event", "from:anna", f"to:{BOB}", '"left the desk"', "admission revoked"):
        assert await find(site, query) == [0], query
    assert await find(site, "kind:event from:bob") == []


def stumble(text: object) -> None:
    """Raise as a mistake of ours would, where it comes upon this word."""
    if "tripwire" in str(text):
        raise IndexError("this is not what the stanza says")


@pytest.mark.parametrize(
    "where", ["components.audit.stanza.texts_of", "components.audit.query.words.fold_text"]
)
async def test_what_our_own_code_stumbles_over_is_found_by_its_ids_and_counted(
    site: Site, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    module, _, name = where.rpartition(".")
    target = importlib.import_module(module)
    original = getattr(target, name)

    def stumbling(given: object) -> object:
        stumble(given.text if hasattr(given, "text") else given)
        return original(given)

    monkeypatch.setattr(target, name, stumbling)
    body = f"<message from='{ALICE}' to='{BOB}' id='m1'><body>copper tripwire</body></message>".encode()
    refused = site.submit(body)._replace(action="refuse", rules=("undecidable",))
    await site.record(site.say(BOB, EVE, "copper"), refused, site.say(BOB, EVE, "tin"))
    assert await find(site, "rule:undecidable") == [1]
    assert await find(site, "tin") == [2]
    with open_site_index(site.settings) as index:
        assert site.numbers_of(index.unread()) == [1]
    result = await search(
        site.settings, "rule:undecidable copper OR rule:undecidable", Page(10), lambda done, total: None
    )
    assert [view.id for view in result.records] == [site.id_of(1)]
    assert result.unreadable == 1
    excerpt = "".join(piece.text for piece in make_excerpt(result.records[0].reading.text, result.query))
    assert "copper tripwire" in excerpt
    if module == "components.audit.stanza":
        assert not result.records[0].reading.readable
        # Its addresses are still read, and what was said as it came.
        assert await find(site, "from:alice copper") == [1]


async def test_an_index_that_does_not_fit_to_a_later_log_is_whole_again(site: Site) -> None:
    """It is emptied of the logs before that one, too; where all of them fit, each is asked once."""
    asked: list[IndexedLog] = []
    catch_up_one = catch_up_module.Follower.catch_up

    async def counted(follower: catch_up_module.Follower, *given: Any) -> bool:
        asked.append(follower.which)
        return await catch_up_one(follower, *given)

    await site.record(site.say(ALICE, BOB, "Selling copper"))
    await search(site.settings, "copper", Page(), ignore_progress)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catch_up_module.Follower, "catch_up", counted)
        await catch_up_with_all(site)
        assert asked == [IndexedLog.GATE, IndexedLog.AUDIT]
        with open_site_index(site.settings) as index, index.change() as db:
            db.execute("UPDATE state SET last_leaf = ? WHERE log = ?", (b"another", IndexedLog.AUDIT))
        asked.clear()
        await catch_up_with_all(site)
        assert asked == [IndexedLog.GATE, IndexedLog.AUDIT] * 2
    assert look_up(site, "copper").indexes == (0,)
