"""Words and pictures in files inside stanzas, and what stanzas say of uploads: found with the upload, as one file."""

import base64
import io
import json
from hashlib import sha256, sha512
from html import escape
from pathlib import Path

import pytest
from PIL import Image

from components.audit.index.forget import forget
from components.audit.index.logs import IndexedLog
from components.audit.index.purge import purge
from components.audit.indexed import open_site_index
from components.audit.search import Page, SearchResult, search
from components.audit.show import RecordDetail, show
from components.cli.output.record import describe_detail, print_detail
from components.cli.output.search import describe_search, print_search
from tests.support.audit_site import make_site
from tests.support.documents import make_docx
from tests.support.filed_site import FiledSite, make_filed_site

pytestmark = [pytest.mark.usefixtures("readers_here"), pytest.mark.slow]

ALICE, BOB, CAROL = "alice@metals.example/desk", "bob@metals.example", "carol@metals.example"
REPORT = make_docx("Wolfram in Rotterdam")
SHARE = "9e8b2c1d-6f5a-4c3b-8d7e-0a1b2c3d4e5f"


@pytest.fixture
async def filed(tmp_path: Path) -> FiledSite:
    return await make_filed_site(tmp_path)


async def look(filed: FiledSite, query: str) -> SearchResult:
    return await search(filed.site.settings, query, Page(1000), lambda done, total: None)


async def find(filed: FiledSite, query: str) -> set[str]:
    return {view.id for view in (await look(filed, query)).records}


async def shown(filed: FiledSite, record: str) -> RecordDetail:
    return await show(filed.site.settings, record, lambda done, total: None)


async def say(filed: FiledSite, inside: str, sender: str = ALICE, to: str = BOB, id_: str = "m") -> str:
    stanza = f"<message from='{sender}' to='{to}' type='chat' id='{id_}'>{inside}</message>"
    await filed.site.record(filed.site.submit(stanza.encode()))
    return filed.site.id_of(-1)


def inside(content: bytes, media_type: str = "application/octet-stream", cid: str = "a@bob.xmpp.org") -> str:
    data = base64.b64encode(content).decode()
    return f"<data xmlns='urn:xmpp:bob' cid='{cid}' type='{media_type}'>{data}</data>"


def picture(turn: int, size: tuple[int, int] = (120, 90)) -> bytes:
    made = Image.radial_gradient("L").rotate(turn).crop((turn, turn, 200, 256)).resize(size)
    file = io.BytesIO()
    made.save(file, "PNG")
    return file.getvalue()


def announced(content: bytes, name: str = "report.docx", more: str = "") -> str:
    """The first message of Dino (plugins/http-files, HttpFileSender.check_add_sfs_element; XEP-0447, 0446, 0300)."""
    hashes = "".join(
        f"<hash xmlns='urn:xmpp:hashes:2' algo='{algo}'>{base64.b64encode(digest).decode()}</hash>"
        for algo, digest in (("sha-256", sha256(content).digest()), ("sha-512", sha512(content).digest()))
    )
    thumbnail = (
        "<thumbnail xmlns='urn:xmpp:thumbs:1' width='4' height='3' media-type='image/png' "
        f"uri='data:image/png;base64,{base64.b64encode(picture(3, (4, 3))).decode()}'/>"
    )
    return (
        f"<file-sharing xmlns='urn:xmpp:sfs:0' id='{SHARE}'><file xmlns='urn:xmpp:file:metadata:0'>"
        f"<name>{name}</name><media_type>application/x-docx</media_type><media-type>application/x-docx</media-type>"
        f"<size>{len(content)}</size><date>2026-11-28T10:00:00Z</date>{more}{hashes}{thumbnail}</file></file-sharing>"
        "<store xmlns='urn:xmpp:hints'/>"
    )


def attached(url: str, to: str, share: str = SHARE) -> str:
    """The second message of Dino (HttpFileSender.send_file; XEP-0066, 0367, 0447)."""
    url = escape(url, quote=True)
    return (
        f"<body>{url}</body><x xmlns='jabber:x:oob'><url>{url}</url></x>"
        f"<attach-to xmlns='urn:xmpp:message-attaching:1' id='{to}'/><sources xmlns='urn:xmpp:sfs:0' id='{share}'>"
        f"<url-data xmlns='http://jabber.org/protocol/url-data' target='{url}'/></sources>"
    )


async def test_words_in_files_inside_stanzas_are_found_and_marked(
    filed: FiledSite, capsys: pytest.CaptureFixture[str]
) -> None:
    document = await say(filed, f"<body>see</body>{inside(REPORT)}")
    uri = base64.b64encode("Der Wolframpreis".encode("utf-16")).decode()
    text = await say(filed, f"<body>data:text/plain;base64,{uri}</body>")
    assert await find(filed, "wolfram") == {document}
    assert await find(filed, "wolfram*") == {document, text}
    assert await find(filed, '"wolfram in rotterdam" has:file') == {document}
    found = await look(filed, "rotterdam")
    ((file,),) = (view.files for view in found.records)
    assert (file.record, file.is_hit, file.state, file.sha256) == (
        f"{document}.1",
        True,
        "read",
        sha256(REPORT).hexdigest(),
    )
    print_search(found, "gate")
    assert "(in the file) Wolfram in Rotterdam" in capsys.readouterr().out
    told = json.loads(json.dumps(describe_search(found)))
    assert [each["in_the_file"] for each in told["records"][0]["kept_files"]] == [True]


async def test_pictures_inside_stanzas_are_found_by_their_looks(filed: FiledSite) -> None:
    upload = await filed.send("goods.png", picture(7, (400, 300)), "image/png")
    avatar = await say(
        filed,
        f"<data xmlns='urn:xmpp:avatar:data'>{base64.b64encode(picture(7)).decode()}</data>",
    )
    other = await say(filed, inside(picture(60), "image/png"))
    for record in (upload.record, avatar):
        assert await find(filed, f"similar:{record}") == {avatar, upload.record}
    assert await find(filed, f"similar:{other}") == {other}


async def test_previews_of_a_few_pixels_are_not_alike(filed: FiledSite) -> None:
    one, other = [await say(filed, inside(picture(turn, (8, 1)), "image/png")) for turn in (3, 5)]
    assert await find(filed, "type:image/png") == {one, other}
    assert await find(filed, f"similar:{one}") == set()


async def test_a_content_that_was_uploaded_and_is_in_a_stanza_is_read_once_and_goes_with_the_last(
    filed: FiledSite,
) -> None:
    upload = await filed.send("report.docx", REPORT)
    stanza = await say(filed, inside(REPORT))
    assert await find(filed, "rotterdam") == {stanza, upload.record}
    path = filed.site.settings.audit.index
    with open_site_index(filed.site.settings) as index:
        with index.change() as db:
            assert db.execute("SELECT count(*) FROM content").fetchone() == (1,)
            forget(db, [IndexedLog.TRANSFER.place(int(upload.record.partition("/")[2]))])
        purge(index._db)
    assert await find(filed, "rotterdam") == {stanza}
    with open_site_index(filed.site.settings) as index, index.change() as db:
        # Another reader has to find it in the stanza: the blob went with the upload.
        db.execute("UPDATE content SET reader = '', blob = 'gone'")
    assert await find(filed, "rotterdam") == {stanza}
    with open_site_index(filed.site.settings) as index:
        with index.change() as db:
            forget(db, [int(stanza.partition("/")[2])])
        purge(index._db)
    assert b"rotterdam" not in b"".join(file.read_bytes() for file in path.parent.glob("index.db*"))


async def test_a_site_without_uploads_reads_files_inside_stanzas(tmp_path: Path) -> None:
    site = await make_site(tmp_path)
    body = f"<message from='{ALICE}' to='{BOB}'>{inside(REPORT)}</message>"
    await site.record(site.submit(body.encode()))
    found = await search(site.settings, "rotterdam", Page(10), lambda done, total: None)
    assert [view.id for view in found.records] == [site.id_of(-1)]


async def test_the_two_messages_of_dino_and_the_upload_are_one_file(
    filed: FiledSite, capsys: pytest.CaptureFixture[str]
) -> None:
    desc = "<desc>cathodes, second lot</desc>"
    first = await say(filed, announced(REPORT, "Angebot.docx", desc), id_="m1")
    upload = await filed.send("a1b2.docx", REPORT)
    second = await say(filed, attached(upload.link, "m1"), id_="m2")
    other = await say(filed, "<body>cathodes</body>")
    whole = {first, second, upload.record}
    for query in (
        "file:angebot",
        "file:a1b2",
        "rotterdam",
        f"hash:{sha256(REPORT).hexdigest()}",
        "cathodes lot",
    ):
        assert await find(filed, query) == whole, query
    assert await find(filed, "cathodes") == {*whole, other}
    for record in whole:
        (file,) = (await shown(filed, record)).view.files
        (said,) = file.said
        assert (file.record, said.record, said.name, said.description, said.differs) == (
            upload.record,
            first,
            "Angebot.docx",
            "cathodes, second lot",
            False,
        )
    print_detail(await shown(filed, second))
    printed = " ".join(capsys.readouterr().out.split())
    assert f"{first} calls it Angebot.docx: cathodes, second lot" in printed
    assert "another file" not in printed


async def test_a_hash_that_is_not_the_uploads_is_shown(
    filed: FiledSite, capsys: pytest.CaptureFixture[str]
) -> None:
    first = await say(filed, announced(b"something else"), id_="m1")
    upload = await filed.send("a.docx", REPORT)
    second = await say(filed, attached(upload.link, "m1"))
    detail = await shown(filed, second)
    (described,) = describe_detail(detail)["kept_files"][0]["described"]
    assert described["is_other_hash"] is True
    assert described["sha256"] == sha256(b"something else").hexdigest()
    print_detail(detail)
    assert "another file by its SHA-256" in " ".join(capsys.readouterr().out.split())
    assert await find(filed, f"hash:{sha256(REPORT).hexdigest()}") == {first, second, upload.record}


@pytest.mark.parametrize(
    ("share", "to", "sender", "recipient", "is_joined"),
    [
        (SHARE, "the-rooms-own-id", ALICE, BOB, True),
        ("", "m1", ALICE, BOB, True),
        ("", "m2", ALICE, BOB, False),
        ("another", "m1", ALICE, BOB, False),
        (SHARE, "m1", f"{CAROL}/x", BOB, False),
        (SHARE, "m1", ALICE, CAROL, False),
    ],
)
async def test_only_what_the_same_person_said_there_is_of_the_file(
    filed: FiledSite, share: str, to: str, sender: str, recipient: str, is_joined: bool
) -> None:
    first = await say(filed, announced(REPORT), id_="m1")
    upload = await filed.send("a1b2.bin", REPORT)
    second = await say(filed, attached(upload.link, to, share), sender, recipient)
    expected = {second, upload.record} | ({first} if is_joined else set())
    assert await find(filed, "file:a1b2") == expected


async def test_what_an_upload_is_called_where_it_is_linked_is_shown_and_gone_with_the_record(
    filed: FiledSite,
) -> None:
    upload = await filed.send("a1b2.bin", REPORT)
    sources = (
        f"<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='{upload.link}'/></sources>"
    )
    sharing = announced(REPORT, "Kupfer.docx").replace(
        "</file></file-sharing>", f"</file>{sources}</file-sharing>"
    )
    message = await say(filed, sharing)
    assert await find(filed, "file:kupfer") == {message, upload.record}
    with open_site_index(filed.site.settings) as index, index.change() as db:
        forget(db, [int(message.partition("/")[2])])
        assert db.execute("SELECT count(*) FROM description").fetchone() == (0,)
    assert await find(filed, "file:kupfer") == set()
    assert await find(filed, "file:a1b2") == {upload.record}
