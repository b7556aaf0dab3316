"""The index in PostgreSQL: looked after, shared, forgetful, and what its tables and statements take."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.archive.record import Delivery
from components.archive.store.postgres_url import PostgresUrl, parse_postgres_url
from components.audit.checks.index import check_index, read_index_status, rebuild_index
from components.audit.index.forget import forget
from components.audit.index.index import open_index
from components.audit.index.logs import SEARCHED
from components.audit.index.open_postgres import open_postgres
from components.audit.index.pages import digest_ids, read_places
from components.audit.index.postgres import database
from components.audit.index.postgres.database import PostgresDatabase, PostgresError
from components.audit.index.purge import purge
from components.audit.index.schema import make_tables
from components.audit.indexed import open_site_index
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.search import Page, search
from components.cli.app import run
from components.process.errors import SiteError
from tests.support.audit_site import Site, make_site
from tests.support.made_index import add_entry
from tests.support.postgres import PostgresServer

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
_CATCH_UP = """
import asyncio, sys
from pathlib import Path
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.settings.site import SiteFile

async def work(settings):
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, lambda done, total: None)

asyncio.run(work(SiteFile(Path(sys.argv[1]))))
"""


def tell_nothing(done: int, total: int) -> None:
    """Take the progress, and show nothing."""


@pytest.fixture
async def shared(tmp_path: Path, postgres_database: str) -> Site:
    site = await make_site(tmp_path, audit={"index_store": f"{postgres_database}#index"})
    await site.record(
        site.say(ALICE, BOB, "copper", rules=("other",)),
        site.say(BOB, ALICE, "tin in Zürich", at_s=1),
        site.say(ALICE, BOB, "铜价 gallium", at_s=2, action="refuse", rules=("recipient-inside",)),
        Delivery("e1", 2, (1,)),
    )
    return site


@pytest.fixture
def empty(postgres_database: str) -> Iterator[PostgresDatabase]:
    with PostgresDatabase(parse_postgres_url(f"{postgres_database}#index")) as db:
        with db.transaction("IMMEDIATE"):
            make_tables(db, "1", "")
        yield db


def find(db: PostgresDatabase, query: str) -> list[int]:
    where = compile_query(parse_query(query, 0))
    sql = f"SELECT idx FROM entry WHERE {where.sql} ORDER BY idx"
    return [idx for (idx,) in db.execute(sql, where.parameters)]


async def test_a_site_searches_there_and_leaves_no_file(shared: Site) -> None:
    result = await search(shared.settings, "copper OR 铜", Page(10), tell_nothing)
    assert [each.id for each in result.records] == [shared.id_of(0), shared.id_of(2)]
    assert (await search(shared.settings, "zurich", Page(10), tell_nothing)).matched == 1
    assert not shared.settings.audit.index.exists()
    assert (await check_index(shared.settings, tell_nothing)).differences == ()


async def test_its_state_is_told(shared: Site) -> None:
    await search(shared.settings, "copper", Page(10), tell_nothing)
    status = await read_index_status(shared.settings)
    assert status.place.startswith("postgresql://127.0.0.1") and status.place.endswith("#index")
    assert "steelyard@" not in status.place  # neither the user nor a password
    assert (status.records, status.size_bytes > 100_000) == (3, True)


async def test_who_reads_keeps_nobody_waiting_for_ever_who_makes_it_anew(
    shared: Site, empty: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await search(shared.settings, "copper", Page(10), tell_nothing)
    monkeypatch.setattr(database, "_ANEW_TIMEOUT", "50ms")
    with open_site_index(shared.settings) as index, index.look() as db:
        before = db.execute("SELECT count(*) FROM entry").fetchone()
        empty.execute("COMMENT ON SCHEMA index IS '1'")
        # Both are of one event loop: nobody could end the look while this waits.
        with pytest.raises(
            SiteError, match=r"#index cannot be used: somebody else reads it.*try again later"
        ):
            await search(shared.settings, "copper", Page(10), tell_nothing)
        assert db.execute("SELECT count(*) FROM entry").fetchone() == before
    assert (await search(shared.settings, "copper", Page(10), tell_nothing)).matched == 1


async def test_who_writes_keeps_nobody_waiting_for_ever_who_writes(
    shared: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_OPTIONS", database._OPTIONS.replace("60s", "50ms"))
    told = pytest.raises(SiteError, match=r"somebody else reads it, or works on it: try again later")
    with open_site_index(shared.settings) as index, index.change(), told:
        await search(shared.settings, "copper", Page(10), tell_nothing)
    assert (await search(shared.settings, "copper", Page(10), tell_nothing)).matched == 1


def test_it_is_looked_after_by_the_same_commands(
    shared: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEELYARD_SITE", str(shared.path))
    assert run(["audit", "search", "copper", "--json"]) == 0
    with open_site_index(shared.settings) as index, index.change() as db:
        db.execute("DELETE FROM word WHERE rowid = ?", (shared.places[1],))
    capsys.readouterr()
    assert run(["audit", "index", "check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["differences"]
    assert [each["rows"] for each in told] == ["words", "words of routes"]
    assert run(["audit", "index", "rebuild", "--json"]) == 0
    assert run(["audit", "index", "check"]) == 0


async def test_who_has_it_open_goes_on_when_it_is_made_anew(shared: Site) -> None:
    await search(shared.settings, "copper", Page(10), tell_nothing)
    with open_site_index(shared.settings) as index:
        assert index.is_there()
        with index.look() as db:
            made = db.read_making()
        await rebuild_index(shared.settings, tell_nothing)
        with index.look() as db:
            assert db.read_making() != made
        assert index.count(compile_query(parse_query("copper", 0))) == 1


async def test_several_processes_make_it_at_once(shared: Site) -> None:
    await shared.record(*(shared.say(ALICE, BOB, f"lead n{number}") for number in range(200)))
    command = (sys.executable, "-W", "error", "-c", _CATCH_UP, str(shared.path))
    processes = [await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE) for _ in range(3)]
    assert [((await each.communicate())[1], each.returncode) for each in processes] == [(b"", 0)] * 3
    assert (await check_index(shared.settings, tell_nothing)).differences == ()


async def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://erin:secret@127.0.0.1:1/steelyard#index"
    with (
        pytest.raises(
            SiteError, match=r"the index postgresql://127\.0\.0\.1:1/steelyard#index cannot be used"
        ) as told,
        open_index(parse_postgres_url(url)),
    ):
        pass
    assert "secret" not in str(told.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "components.audit.index.postgres.database", None)
    with pytest.raises(SiteError, match=r"pip install 'steelyard\[postgres\]'"):
        open_postgres(parse_postgres_url("postgresql://127.0.0.1:1/steelyard#index"))


@pytest.mark.parametrize(
    ("tables", "problem"),
    [
        ({"index_store": "archive/other.db"}, "write postgresql://user@host/database#index"),
        ({"index_store": "postgresql://h/d#index", "grants": "grants"}, "who works with grants"),
        ({"index_store": "postgresql://h/d#audit", "log": "postgresql://h/d#audit"}, "name another schema"),
    ],
)
async def test_what_does_not_go_together_is_told(
    tmp_path: Path, tables: dict[str, object], problem: str
) -> None:
    site = await make_site(tmp_path)
    changed = site.settings.audit.model_copy(
        update={name: value for name, value in tables.items() if name != "grants"}
        | ({"grants": tmp_path} if "grants" in tables else {})
    )
    assert any(problem in each for each in changed.find_problems())


def test_what_is_forgotten_leaves_the_files(empty: PostgresDatabase, postgres_server: PostgresServer) -> None:
    with empty.transaction("IMMEDIATE"):
        for place, text in enumerate(["gallium", "gallium indium", "copper"], 1):
            add_entry(empty, place, text, f"{text}.pdf")
    postgres_server.execute("CHECKPOINT")
    assert count_in_files(postgres_server, empty, b"gallium") > 0
    with empty.transaction("IMMEDIATE"):
        forget(empty, [1, 2])
    assert find(empty, "gallium") == []
    purge(empty)
    postgres_server.execute("CHECKPOINT")
    assert count_in_files(postgres_server, empty, b"gallium") == 0
    assert count_in_files(postgres_server, empty, b"copper") > 0
    assert find(empty, "copper") == [3]
    assert empty.execute("SELECT purge_due FROM made").fetchone() == (0,)
    assert [term for (term,) in empty.execute("SELECT term FROM word_vocabulary")] == ["copper"]


def count_in_files(server: PostgresServer, db: PostgresDatabase, word: bytes) -> int:
    """Count how often a word is in the files of the index's database."""
    (oid,) = db.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
    files = [file for file in (server.data / "base" / str(oid)).iterdir() if file.is_file()]
    return sum(file.read_bytes().count(word) for file in files)


@pytest.mark.parametrize("reads_words", [False, True])
def test_somebody_who_reads_what_was_forgotten_makes_it_due_again(
    empty: PostgresDatabase, postgres_database: str, monkeypatch: pytest.MonkeyPatch, reads_words: bool
) -> None:
    monkeypatch.setattr(database, "_READER_TIMEOUT", "10ms")
    with empty.transaction("IMMEDIATE"):
        add_entry(empty, 1, "gallium")
    url = parse_postgres_url(f"{postgres_database}#index")
    with PostgresDatabase(url) as reader, reader.transaction("DEFERRED"):
        seen = reader.execute("SELECT count(*) FROM word" if reads_words else "SELECT 1").fetchone()
        with empty.transaction("IMMEDIATE"):
            forget(empty, [1])
        purge(empty)
        assert empty.execute("SELECT purge_due FROM made").fetchone() == (1,)
        assert seen == (1,)
        assert reader.execute("SELECT count(*) FROM word").fetchone() == (1,)
    purge(empty)
    assert empty.execute("SELECT purge_due FROM made").fetchone() == (0,)


def test_words_and_names_of_any_length_are_found(empty: PostgresDatabase) -> None:
    long, longer = "x" * 499, "x" * 5_000
    many = " ".join(f"{number:x}" * 3 for number in range(90_000))
    texts = [f"{longer}a {longer}b", f"{long} {longer}a", " ".join("铜" * 20_000), many]
    with empty.transaction("IMMEDIATE"):
        for place, words in enumerate(texts, 1):
            empty.execute("INSERT INTO entry VALUES (?, 0, 0, 0, 0, 0)", (place,))
            empty.execute("INSERT INTO word (rowid, text, look) VALUES (?, ?, '')", (place, words))
    assert empty.execute("SELECT rowid FROM word WHERE words IS NULL").fetchall() == [(4,)]
    assert find(empty, f"{longer}a") == [1, 2]
    assert find(empty, f'"{longer}a {longer}b"') == [1]
    assert find(empty, f"{longer}*") == [1, 2]
    assert find(empty, f"{long}*") == [1, 2]
    assert find(empty, f"{long}y*") == []
    assert find(empty, "铜" * 300) == [3]
    assert find(empty, f"{long} w/2 {longer}a") == [2]
    assert find(empty, "ababab") == find(empty, '"ababab acacac"') == [4]
    assert find(empty, "NOT ababab") == [1, 2, 3]
    assert find(empty, '"ababab adadad"') == []
    assert find(empty, "ababab w/3 adadad") == [4]
    assert find(empty, "(ababab OR 铜) AND NOT aaaaaa*") == [3]


def test_a_key_may_be_longer_than_a_page_holds(empty: PostgresDatabase) -> None:
    """What people write as a thread, a media type or an address is indexed, however long it is."""
    long = "".join(f"{number:04x}" for number in range(3_000))
    with empty.transaction("IMMEDIATE"):
        for table in ("thread (name)", "talk_with (a, b)", "account (local, domain)"):
            columns = table.count(",") + 1
            marks = ", ".join("?" * columns)
            empty.execute(f"INSERT INTO {table} VALUES ({marks})", (long,) * columns)
        empty.execute(
            "INSERT OR IGNORE INTO carried VALUES (1, 1, 'x', ?, ?, 1, '', '', ?, ?, NULL)", (long,) * 4
        )
    assert empty.execute("SELECT count(*) FROM thread WHERE name = ?", (long,)).fetchone() == (1,)


def test_texts_with_a_nul_are_kept_without_it(empty: PostgresDatabase) -> None:
    with empty.transaction("IMMEDIATE"):
        empty.execute("INSERT INTO thread (name) VALUES (?)", ("a\0b",))
        empty.executemany("INSERT INTO thread (name) VALUES (?)", [("c\0d",)])
    assert empty.execute("SELECT name FROM thread ORDER BY id").fetchall() == [("a\ufffdb",), ("c\ufffdd",)]


def test_a_transaction_that_fails_leaves_nothing(empty: PostgresDatabase) -> None:
    with pytest.raises(PostgresError, match="nowhere"), empty.transaction("IMMEDIATE"):
        add_entry(empty, 1, "copper")
        empty.execute("SELECT 1 FROM nowhere")
    assert find(empty, "*") == []


def test_rows_are_read_as_they_are_asked_for(
    empty: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_ROWS_PER_FETCH", 2)
    with empty.transaction("IMMEDIATE"):
        empty.executemany("INSERT INTO unread VALUES (?)", [(number,) for number in range(9)])
    with empty.transaction("DEFERRED"):
        rows = iter(empty.stream("SELECT idx FROM unread WHERE idx > ? ORDER BY idx", (3,)))
        assert [next(rows), next(rows), next(rows)] == [(4,), (5,), (6,)]
        assert empty.execute("SELECT count(*) FROM unread").fetchone() == (9,)
        assert list(rows) == [(7,), (8,)]


async def test_two_indexes_beside_each_other_in_one_database(postgres_database: str) -> None:
    urls: list[PostgresUrl] = [parse_postgres_url(f"{postgres_database}#{name}") for name in ("one", "other")]
    for url in urls:
        with PostgresDatabase(url) as db, db.transaction("IMMEDIATE"):
            make_tables(db, "1", "")
            add_entry(db, 1, url.log)
    with open_index(urls[0]) as one, one.look() as look:
        where = compile_query(parse_query("other", 0))
        assert list(read_places(look, where, SEARCHED)) == []
        assert digest_ids(look, where, SEARCHED)
    with PostgresDatabase(urls[0]) as db:
        db.drop()
        assert db.read_version() == 0
    with PostgresDatabase(urls[1]) as db:
        assert find(db, "other") == [1]
