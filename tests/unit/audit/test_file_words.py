"""Words in files, and pictures that look alike: found with messages that carry their links, gone with the record."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from components.audit.index.contents import note_read
from components.audit.index.forget import forget
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.purge import purge
from components.audit.indexed import open_site_index
from components.audit.reading.content import ContentState, ReadContent
from components.audit.view import RecordView
from components.cli.output.search import describe_search, print_search
from tests.support.documents import make_docx, make_pdf
from tests.support.filed_site import FiledSite, find, look, make_filed_site, read_again
from tests.support.made_index import open_raw, read_pages

pytestmark = [pytest.mark.usefixtures("readers_here"), pytest.mark.slow]


@pytest.fixture
async def filed(tmp_path: Path) -> FiledSite:
    return await make_filed_site(tmp_path)


def hits(view: RecordView) -> list[tuple[str, bool]]:
    return [(file.record, file.is_hit) for file in view.files]


def picture(shade: int, size: tuple[int, int] = (400, 300), kind: str = "PNG") -> bytes:
    made = (
        Image.radial_gradient("L")
        .rotate(shade * 17)
        .crop((shade * 9, shade * 5, 200 + shade, 256))
        .resize(size)
    )
    file = io.BytesIO()
    made.convert("RGB").save(file, kind)
    return file.getvalue()


async def test_words_in_files_are_found_and_marked(
    filed: FiledSite, capsys: pytest.CaptureFixture[str]
) -> None:
    offer = await filed.send("offer.docx", make_docx("Wolfram in Rotterdam 铜价上涨"))
    message = await filed.say(f"wolfram, see {offer.link}", at_s=1)
    bare = await filed.say(offer.link, at_s=2)
    other = await filed.say("wolfram without a file", at_s=3)
    assert await find(filed, "wolfram") == [offer.record, message, bare, other]
    assert await find(filed, '"wolfram in rotterdam"') == [offer.record, message, bare]
    assert await find(filed, "铜价") == [offer.record, message, bare]
    assert await find(filed, "rott* from:alice kind:message") == [message, bare]
    assert await find(filed, "wolfram -rotterdam") == [other]
    found = await look(filed, "rotterdam")
    assert [hits(view) for view in found.records] == [[(offer.record, True)]] * 3
    assert [hits(view) for view in (await look(filed, "file:offer")).records] == [[(offer.record, False)]] * 3
    assert [file.state for view in found.records for file in view.files] == [ContentState.READ] * 3
    print_search(found, "gate")
    shown = capsys.readouterr().out
    assert shown.count("(in the file)") == 3
    assert "Wolfram in Rotterdam" in shown
    told = json.loads(json.dumps(describe_search(found)))
    assert [file["in_the_file"] for record in told["records"] for file in record["kept_files"]] == [True] * 3
    assert told["files_unread"] == 0


@pytest.mark.slow
async def test_a_hit_far_within_a_file_is_shown(filed: FiledSite, capsys: pytest.CaptureFixture[str]) -> None:
    await filed.send("long.txt", b"copper tin zinc " * 40_000 + b"the wolfram deal")
    print_search(await look(filed, '"wolfram deal"'), "gate")
    assert "wolfram deal" in capsys.readouterr().out


async def test_a_file_that_was_sent_twice_is_read_once(
    filed: FiledSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make_docx("wolfram")
    sent = [await filed.send(name, content, at_s=number) for number, name in enumerate(("a.docx", "b.docx"))]
    assert await find(filed, "wolfram") == [each.record for each in sent]
    with open_raw(filed.site.settings) as database:
        assert database.execute("SELECT count(*) FROM content").fetchone() == (1,)


async def test_what_cannot_be_read_is_counted_and_found_by_its_name(filed: FiledSite) -> None:
    damaged = await filed.send("damaged.pdf", b"%PDF-1.4 damaged")
    silent = await filed.send("silent.bin", b"\0\1\2\3", at_s=1)
    found = await look(filed, "has:file")
    assert [file.state for view in found.records for file in view.files] == ["failed", "silent"]
    assert found.files_unread == 1
    assert [view.id for view in found.records] == [damaged.record, silent.record]


async def test_a_file_that_is_not_there_now_is_read_later(filed: FiledSite) -> None:
    sent = await filed.send("a.docx", make_docx("wolfram"))
    folder = filed.transfer.files
    folder.rename(folder.with_suffix(".away"))
    assert (await look(filed, "wolfram")).files_unread == 1
    folder.rmdir() if folder.exists() else None
    folder.with_suffix(".away").rename(folder)
    assert await find(filed, "wolfram") == [sent.record]
    assert (await look(filed, "wolfram")).files_unread == 0


async def test_pictures_that_look_alike_are_found(filed: FiledSite) -> None:
    first = await filed.send("goods.png", picture(1), "image/png")
    small = await filed.send("small.jpg", picture(1, (100, 75), "JPEG"), "image/jpeg", at_s=1)
    other = await filed.send("other.png", picture(5), "image/png", at_s=2)
    text = await filed.send("a.txt", b"no picture", at_s=3)
    message = await filed.say(small.link, at_s=4)
    for record in (first.record, small.record, message):
        assert await find(filed, f"similar:{record}") == [first.record, small.record, message]
    assert await find(filed, f"similar:{other.record}") == [other.record]
    assert await find(filed, f"similar:{text.record}") == []
    assert await find(filed, "similar:transfer/99999") == await find(filed, "similar:nothing/1") == []
    assert await find(filed, f"type:image/* -similar:{first.record}") == [other.record]


async def test_nothing_of_a_destroyed_file_stays_in_the_index(filed: FiledSite) -> None:
    gone = await filed.send("gone-name.docx", make_docx("wolframite"))
    shared = [await filed.send("copy.docx", make_docx("rotterdam"), at_s=number) for number in (1, 2)]
    await find(filed, "*")
    with open_site_index(filed.site.settings) as index:
        with index.change() as db:
            forget(db, [_place(gone.record), _place(shared[0].record)])
        purge(index._db)
    content = read_pages(filed.site.settings)
    assert b"rotterdam" in content
    assert b"wolframite" not in content
    assert b"gone" not in content
    assert await find(filed, "wolframite") == []
    assert await find(filed, "rotterdam") == [shared[1].record]
    with open_raw(filed.site.settings) as database:
        for table in ("word", "content_word"):
            database.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)")


def _place(record: str) -> int:
    place = IndexedLog.TRANSFER.place(int(record.partition("/")[2]))
    assert find_record(place) == (IndexedLog.TRANSFER, int(record.partition("/")[2]))
    return place


async def test_what_was_read_after_its_record_was_destroyed_is_not_kept(filed: FiledSite) -> None:
    sent = await filed.send("a.docx", make_docx("wolframite"))
    await find(filed, "*")
    with open_site_index(filed.site.settings) as index, index.change() as db:
        (content,) = db.execute("SELECT id FROM content").fetchone()
        forget(db, [_place(sent.record)])
        note_read(db, content, ReadContent(ContentState.READ, "wolframite", ("wolframite", "")), "reader")
        assert db.execute("SELECT count(*) FROM content").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM content_word").fetchone() == (0,)


async def test_another_reader_reads_again_in_the_indexer_and_no_look_waits_for_it(filed: FiledSite) -> None:
    sent = await filed.send("a.pdf", make_pdf("wolfram in the harbour of Rotterdam"))
    assert await find(filed, "wolfram") == [sent.record]
    with open_raw(filed.site.settings) as database:
        database.execute("UPDATE content SET reader = 'another'")
    assert await find(filed, "wolfram") == [sent.record]
    with open_raw(filed.site.settings) as database:
        assert database.execute("SELECT reader FROM content").fetchone() == ("another",)
    await read_again(filed)
    assert await find(filed, "wolfram") == [sent.record]
    with open_raw(filed.site.settings) as database:
        assert database.execute("SELECT reader FROM content").fetchone() not in (("another",), ("",))
        database.execute("INSERT INTO content_word (content_word, rank) VALUES ('integrity-check', 1)")
