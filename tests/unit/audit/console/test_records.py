"""Records of every kind on every page that shows records: files, events, looks and alarms, as people read them."""

import asyncio
import re
from html import unescape
from pathlib import Path

import pytest

from components.archive.record import Access, Alarm, Delivery, Event, Record, RecordKind
from components.audit.console.health import read_health
from components.process.status import Status, StatusFile
from tests.support.audit_site import REFUSAL, T0_NS, Site
from tests.support.console_site import make_console_site, open_console
from tests.support.filed_site import TRANSFER, FiledSite, file_site

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
REACTION = (
    f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}' type='chat'>"
    "<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>👍</reaction><reaction>🎉</reaction></reactions>"
    "</message>"
)
"""From Dino and others: the emojis are its only text."""
OMEMO = (
    f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}' type='chat'><body>[encrypted]</body>"
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='7'><key rid='8'>S0VZ</key><iv>SVY=</iv></header>"
    "<payload>UEFZ</payload></encrypted></message>"
)
BOB_SENT = (
    f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}' type='chat'><body>copper inside</body>"
    "<data xmlns='urn:xmpp:bob' cid='sha1+8f35fef110ffc5df08d579a50083ff9308fb6242@bob.xmpp.org'"
    " type='text/plain'>Y29wcGVy</data></message>"
)


@pytest.fixture
async def filed(tmp_path: Path) -> FiledSite:
    return file_site(await make_console_site(tmp_path, transfer=TRANSFER))


def text_of(page: str) -> str:
    """What a person reads on a page."""
    return unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.slow
@pytest.mark.usefixtures("readers_here")
async def test_a_file_is_shown_wherever_it_is_found(filed: FiledSite) -> None:
    sent = await filed.send("Assay <1>.txt", b"copper 99.99 percent", "text/plain", found_type="text/x-assay")
    unknown = await filed.send("copper.bin", b"\0\1\2")
    await filed.say(f"here it is: {sent.link}", at_s=1)
    message = filed.site.id_of(-1)
    async with open_console(filed.site) as visitor:
        await visitor.log_in("anna")
        for query in ("copper", "has:file", "kind:file", "file:assay"):
            status, page = await visitor.get(f"/search?q={query}")
            assert (status, "Assay <1>.txt text/x-assay 20 B" in text_of(page)) == (200, True), query
        assert "99.99 percent" in text_of((await visitor.get("/search?q=copper"))[1])
        status, page = await visitor.get(f"/conversation/{message}")
        assert (status, "Assay <1>.txt text/x-assay 20 B" in text_of(page)) == (200, True)
        for record, file in ((sent.record, sent), (unknown.record, unknown), (message, sent)):
            status, page = await visitor.get(f"/record/{record}")
            assert (status, f"steelyard files export {file.record}" in text_of(page)) == (200, True), record


async def test_a_file_in_a_stanza_is_named_as_the_command_takes_it(filed: FiledSite) -> None:
    await filed.site.record(filed.site.submit(BOB_SENT.encode()))
    record = filed.site.id_of(-1)
    async with open_console(filed.site) as visitor:
        await visitor.log_in("anna")
        status, page = await visitor.get(f"/record/{record}")
    assert (status, f"steelyard files export {record}.1" in text_of(page)) == (200, True)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Alarm("gate-stopped", (("reason", "disk"), ("seconds", 4)), T0_NS), ("gate-stopped", "reason disk")),
        (
            Event(RecordKind.FILE, "refused", (("file_name", "a\nowner: b"),), T0_NS),
            (r"file_name a\nowner: b",),
        ),
        (Event(RecordKind.RULES, "began", (("names", "1"),), T0_NS), ("rules began", "names 1")),
        (Access("anna", "search", "copper", T0_NS, 3, 1), ("anna", "search", "copper")),
        (Delivery("e1", 3, ()), ("e1",)),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_what_is_no_message_is_shown_by_its_details(
    tmp_path: Path, record: Record, words: tuple[str, ...]
) -> None:
    site = await make_console_site(tmp_path)
    await site.record(record)
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        status, page = await visitor.get(f"/record/{site.id_of(-1)}")
    assert status == 200
    assert [each for each in words if each not in text_of(page)] == []
    # Said once, as details; there is no text that somebody wrote.
    assert '<blockquote class="said-text">' not in page


async def test_what_clients_show_besides_a_text_is_read_line_by_line_and_once(tmp_path: Path) -> None:
    site = await make_console_site(tmp_path)
    await site.record(
        site.say(ALICE, BOB, "copper"),
        site.submit(REACTION.encode(), at_s=1),
        site.submit(OMEMO.encode(), at_s=2, action="refuse", error=REFUSAL),
    )
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        status, page = await visitor.get(f"/conversation/{site.id_of(0)}")
    assert status == 200
    assert r"\n" not in text_of(page)
    assert page.count("👍") == page.count("🎉") == 1
    assert "S0VZ\nSVY=\nUEFZ" in page


@pytest.mark.parametrize("state", ["connected", "running", "following", "behind", "stuck", "disconnected"])
async def test_a_process_works_when_its_own_state_says_so(tmp_path: Path, state: str) -> None:
    site: Site = await make_console_site(tmp_path, indexer={"status_file": "run/indexer.status.json"})
    file = tmp_path / "run" / "indexer.status.json"
    StatusFile(file, lambda: Status(state, {}), asyncio.Event()).write()
    (indexer,) = [each for each in read_health(site.settings).processes if each.name == "indexer"]
    assert indexer.is_well == (state in ("connected", "running", "following"))
