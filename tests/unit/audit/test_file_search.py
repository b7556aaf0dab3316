"""Files in the search: by name, type and content's hash, with the messages that carry a link to them."""

import base64
import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import KeyFileError
from components.audit.index import rows
from components.audit.index.carried import CarriedRow
from components.audit.indexed import is_of_others
from components.audit.search import Page, SearchResult, search
from components.audit.show import show
from components.cli.output.record import describe_detail, print_detail
from components.process.errors import SiteError
from tests.support.filed_site import FiledSite, make_filed_site
from tests.support.typed import file_of

pytestmark = [pytest.mark.usefixtures("readers_here"), pytest.mark.slow]


@pytest.fixture
async def filed(tmp_path: Path) -> FiledSite:
    return await make_filed_site(tmp_path)


async def find(filed: FiledSite, query: str) -> list[str]:
    return [view.id for view in (await look(filed, query)).records]


async def look(filed: FiledSite, query: str) -> SearchResult:
    return await search(filed.site.settings, query, Page(1000), lambda done, total: None)


REPORT, PICTURE = b"%PDF-1.4 the report", b"\x89PNG\r\n\x1a\n a picture"


async def test_files_are_found_with_the_messages_that_carry_their_links(filed: FiledSite) -> None:
    report = await filed.send("Annual Report 2026.pdf", REPORT, "application/pdf; charset=binary")
    picture = await filed.send("铜价.png", PICTURE, "image/png", owner="bob@metals.example", at_s=2)
    message = await filed.say(f"here it is: {report.link}", at_s=1)
    other = await filed.say("annual report, without a file", at_s=3)
    both, reports, pictures = (
        [report.record, message, picture.record],
        [report.record, message],
        [picture.record],
    )
    digest = sha256(REPORT).hexdigest()
    expected: Iterable[tuple[str, list[str]]] = (
        ("has:file", both),
        ("kind:file", [report.record, picture.record]),
        ("kind:file has:file", [report.record, picture.record]),
        ("-has:file kind:message", [other]),
        ("file:report", reports),
        ("file:REPORT", reports),
        ("file:rep*", reports),
        ('file:"annual rep*"', reports),
        ("file:annual.report", reports),
        ('file:"report annual"', []),
        ("file:2026 file:铜价", both),
        ("file:铜", pictures),
        ("file:here", []),
        ("type:application/pdf", reports),
        ("type:APPLICATION/*", reports),
        ("type:image/*", pictures),
        ("type:image/png OR type:application/pdf", both),
        (f"hash:{digest}", reports),
        (f"hash:{digest[:8]}", reports),
        (f"hash:{digest[:8].upper()}", reports),
        ("hash:00000000", []),
        ("from:alice", [report.record, message, other]),
        ("from:bob has:file", [picture.record]),
        ("report", [report.record, message, other]),  # its name is in the link
    )
    for query, records in expected:
        assert await find(filed, query) == records, query


async def test_what_readers_got_of_a_picture_is_found_by_its_hash(filed: FiledSite) -> None:
    copy = sha256(b"without its place").hexdigest()
    sent = await filed.send("hall.jpg", b"with its place", delivered_sha256=copy)
    message = await filed.say(sent.link, at_s=1)
    await filed.send("other.jpg", b"another")
    for digest in (copy, sha256(b"with its place").hexdigest()):
        assert await find(filed, f"hash:{digest[:8]}") == [sent.record, message]


async def test_a_link_in_any_spelling_that_the_gate_finds_counts(filed: FiledSite) -> None:
    sent = await filed.send("a.bin", b"content")
    quoted = "".join(f"%{ord(char):02x}" if char == "/" else char for char in sent.link)
    messages = [await filed.say(text) for text in (quoted, f"see http:\\\\host\\{sent.link.split('/f/')[1]}")]
    forged = sent.link.replace("/f/", "/f/x")
    await filed.say(forged)
    assert await find(filed, "kind:message has:file") == messages


async def test_a_refused_message_shows_the_file_that_it_was_about(filed: FiledSite) -> None:
    sent = await filed.send("offer.txt", b"content")
    refused = await filed.say(sent.link, action="refuse", rules=("file-reach",))
    assert await find(filed, "file:offer verdict:refused") == [refused]


async def test_what_was_decided_on_a_file_and_found_in_it_is_searched(filed: FiledSite) -> None:
    decided: dict[str, Any] = {
        "action": "refuse",
        "rules": "no-programs other",
        "found_type": "application/x-dosexec",
    }
    sent = await filed.send("offer.pdf", b"MZ", "application/pdf", **decided)
    await filed.send("other.pdf", b"%PDF", "application/pdf", action="release", rules="")
    for query in ("verdict:refused has:file", "rule:no-programs", "rule:oth*", "type:application/x-dosexec"):
        assert await find(filed, query) == [sent.record], query


async def test_what_was_done_with_a_file_is_no_file(filed: FiledSite) -> None:
    sent = await filed.send("offer.txt", b"content")
    details: dict[str, str | int] = {
        "file": "00" * 16,
        "owner": "alice@metals.example",
        "address": "192.0.2.7",
    }
    fetched = await filed.record("fetched", details, at_s=1)
    cut_off = await filed.record(
        "cut-off", {**details, "blob": "0/" + "0" * 64, "file_name": "other.txt"}, at_s=2
    )
    assert await find(filed, "has:file") == [sent.record]
    assert await find(filed, "kind:file") == [sent.record, f"transfer/{fetched}", f"transfer/{cut_off}"]
    assert await find(filed, "192.0.2.7 -from:alice") == [f"transfer/{fetched}"]
    assert await find(filed, "file:other") == []


async def test_without_the_key_of_links_files_are_found_alone(filed: FiledSite) -> None:
    sent = await filed.send("offer.txt", b"content")
    message = await filed.say(sent.link, at_s=1)
    assert await find(filed, "file:offer") == [sent.record, message]
    filed.transfer.link_key_file.rename(filed.transfer.link_key_file.with_suffix(".away"))
    assert await find(filed, "file:offer") == [sent.record]
    filed.transfer.link_key_file.with_suffix(".away").rename(filed.transfer.link_key_file)
    assert await find(filed, "file:offer") == [sent.record, message]


async def test_who_may_not_read_the_key_of_links_leaves_the_index_as_it_is(
    filed: FiledSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two users, one with the key and one without, would otherwise make it anew in turns."""
    sent = await filed.send("offer.txt", b"content")
    message = await filed.say(sent.link, at_s=1)
    assert await find(filed, "file:offer") == [sent.record, message]

    def refuse(_site: object) -> None:
        raise KeyFileError("the key: cannot be read (Permission denied)")

    with monkeypatch.context() as for_another:
        for_another.setattr("components.audit.indexed.load_file_links", refuse)
        for_another.setattr("components.audit.indexed.is_of_others", lambda _file: True)
        with pytest.raises(SiteError, match=r"cannot be read .*; run this as root"):
            await find(filed, "file:offer")
    assert await find(filed, "file:offer") == [sent.record, message]


def test_a_file_is_of_others_if_it_is_there_and_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "link.key"
    assert not is_of_others(key)
    key.touch()
    assert not is_of_others(key)
    monkeypatch.setattr("os.access", lambda _file, mode: mode == os.F_OK)  # root may read anything
    assert is_of_others(key)


async def test_an_order_of_both_logs_is_that_of_time(filed: FiledSite) -> None:
    first = await filed.send("1.txt", b"1", at_s=1)
    second = await filed.say("second", at_s=2)
    third = await filed.send("3.txt", b"3", at_s=3)
    assert await find(filed, "*") == [first.record, second, third.record]
    newest = await search(filed.site.settings, "*", Page(2), lambda done, total: None)
    assert [view.id for view in newest.records] == [second, third.record]
    assert (newest.matched, newest.submissions) == (3, 3)


async def test_another_transfer_log_is_indexed_anew(filed: FiledSite) -> None:
    message = await filed.say("copper")
    await filed.send("old.txt", b"old")
    await filed.send("older.txt", b"older")
    assert len(await find(filed, "file:old*")) == 2
    for file in file_of(filed.log.store).parent.glob("transfer.db*"):
        file.unlink()
    (file_of(filed.log.key_file).parent / "log-transfer.signed").unlink(missing_ok=True)
    for file in file_of(filed.log.key_file).parent.glob("log-transfer*last*"):
        file.unlink()
    new = await filed.send("new.txt", b"new")
    assert await find(filed, "file:old*") == []
    assert await find(filed, "file:new") == [new.record]
    assert await find(filed, "copper") == [message]


async def test_stanzas_with_files_inside_them_are_found(filed: FiledSite) -> None:
    content = bytes(range(90))
    data = base64.b64encode(content).decode()
    digest = sha256(REPORT).digest()
    hash_ = f"<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>{base64.b64encode(digest).decode()}</hash>"
    picture = f"<data xmlns='urn:xmpp:bob' cid='smile@bob.xmpp.org' type='image/png'>{data}</data>"
    described = (
        "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'>"
        f"<name>Annual report.pdf</name><media-type>application/pdf</media-type>{hash_}</file></file-sharing>"
    )
    link = "<x xmlns='jabber:x:oob'><url>https://elsewhere.example/report.pdf</url></x>"
    found = {}
    for name, inside in (("picture", picture), ("described", described), ("link", link)):
        body = f"<message from='a@metals.example' to='b@metals.example'><body>hi</body>{inside}</message>"
        await filed.site.record(filed.site.submit(body.encode()))
        found[name] = filed.site.id_of(-1)
    inside_hash = sha256(content).hexdigest()
    for query, expected in (
        ("has:file", ["picture", "described"]),
        ("type:image/*", ["picture"]),
        ("type:application/pdf", ["described"]),
        ("file:smile", ["picture"]),
        ('file:"annual report"', ["described"]),
        (f"hash:{inside_hash[:8]}", ["picture"]),
        (f"hash:{digest.hex()}", ["described"]),
        ("hi -has:file", ["link"]),
        ("hi", ["picture", "described", "link"]),
    ):
        assert await find(filed, query) == [found[name] for name in expected], query


async def test_a_stanza_that_cannot_be_looked_into_is_counted(
    filed: FiledSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_place: int, _stanza: bytes) -> list[CarriedRow]:
        raise RecursionError

    monkeypatch.setattr(rows, "read_carried", stumble)
    message = await filed.say("copper")
    result = await look(filed, "copper")
    assert ([view.id for view in result.records], result.unreadable) == ([message], 1)


async def test_a_message_is_shown_with_the_uploads_that_it_links_to(
    filed: FiledSite, capsys: pytest.CaptureFixture[str]
) -> None:
    report = await filed.send("report.pdf", REPORT, "application/pdf")
    message = await filed.say(f"here it is: {report.link}")
    detail = await show(filed.site.settings, message, lambda done, total: None)
    (upload,) = detail.view.files
    assert (upload.record, upload.name, upload.sha256) == (
        report.record,
        "report.pdf",
        sha256(REPORT).hexdigest(),
    )
    assert describe_detail(detail)["kept_files"][0]["record"] == report.record
    print_detail(detail)
    assert f"{report.record}  report.pdf, application/pdf, 19 bytes" in capsys.readouterr().out
