"""A demonstration that stays up, and that no test here disturbs: who gets in, and what others could read of it."""

import asyncio
import base64
import json
import re
import ssl
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from components.link.client import LoginError
from components.settings.site import SiteFile
from components.site.init import init_site, load_passwords
from components.site.key_check import private_files
from components.site.parts import parts_of
from tests.support.demonstration import ALICE, BOB, SCIM, add_below, client, exchange, init_demonstration
from tests.support.ports import free_port
from tests.support.secrets_told import (
    find_told,
    opened_files,
    process_texts,
    processes_below,
    read_opened,
    readable_by_others,
    secret_words,
)
from tests.support.site import RunningSite, run_steelyard
from tests.support.stream import XmppStream, having, show

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

ROOT = Path(__file__).resolve().parents[2]
CAROL, DORA = "carol@metals.example", "dora@metals.example"
GEORGE = "george@grain.example"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
SAID = "Seven hundred tonnes of ferrochrome"
WITH_METRICS = ("gate", "transfer", "console", "indexer")
MORE = """
[tiles]
port = {tiles}
[feed]
port = {feed}
host = "localhost"
certificate = "certs/localhost.crt"
status_file = "run/feed.status.json"
[witness]
name = "steelyard.example/witness"
key_file = "keys/witness.key"
state = "witness"
status_file = "run/witness.status.json"
"""


def write_settings(site_toml: Path) -> None:
    """Run all that can run beside a server, with figures, and have each of them write all that it would write."""
    text = site_toml.read_text() + (MORE + SCIM).format(tiles=free_port(), feed=free_port(), port=free_port())
    for table in WITH_METRICS:
        text = add_below(text, table, f"metrics_port = {free_port()}")
    for table in ("prosody", "gate", "roster", "access", "transfer", "console", "indexer", "feed", "witness"):
        text = add_below(text, table, 'log_level = "debug"')
    site_toml.write_text(text)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningSite]:
    folder = tmp_path_factory.mktemp("shared")
    write_settings(init_demonstration(folder / "var" / "site.toml").path)
    (folder / "opened").mkdir()
    environment = opened_files(folder / "var", folder / "opened")
    async with RunningSite(folder / "var", "--demo", environment=environment) as running:
        await exchange(running.folder, SAID)
        yield running


async def test_a_second_up_is_refused_and_the_first_goes_on(site: RunningSite) -> None:
    assert site.process is not None
    result = run_steelyard("up", "--demo", "--once", "--site", site.site)
    assert result.returncode == 2
    assert result.stderr == (
        f"steelyard: the site in {site.folder} is up already (process {site.process.pid}); stop that one first\n"
    )
    checked = run_steelyard("check", "--site", site.site)
    assert checked.returncode == 0, checked.stdout
    assert "up: prosody answers, the gate records" in checked.stdout
    await exchange(site.folder)


async def test_a_client_gets_in_by_the_sites_own_authority_and_its_password_only(
    site: RunningSite, tmp_path: Path
) -> None:
    made = site.folder
    other = init_site(tmp_path / "other" / "site.toml", demo=True).settings.prosody.certificates / "ca.crt"
    with pytest.raises(LoginError, match="certificate is not valid"):
        await client(made, ALICE, authority=other).connect()
    with pytest.raises(LoginError, match="does not accept the password"):
        await client(made, ALICE, password="guess").connect()
    with pytest.raises(LoginError, match="does not accept the password"):
        await client(made, "mallory@metals.example", password="guess").connect()
    await exchange(made)


def secrets_of(folder: Path) -> dict[str, str]:
    public = [*folder.glob("keys/*.pub"), *folder.glob("certs/*.crt"), folder / "site.toml"]
    return secret_words(private_files(SiteFile(folder / "site.toml")), public)


async def fetch_figures(folder: Path) -> str:
    settings = SiteFile(folder / "site.toml")
    ports = {each.setting: each.port for part in parts_of(settings) for each in part.ports}
    async with aiohttp.ClientSession() as session:
        texts = []
        for table in WITH_METRICS:
            async with session.get(f"http://127.0.0.1:{ports[f'{table}.metrics_port']}/metrics") as answer:
                texts.append(await answer.text())
    return "\n".join(texts)


async def test_no_secret_is_on_a_command_line_in_an_environment_in_a_log_or_in_a_figure(
    site: RunningSite,
) -> None:
    """Everything logs at debug level; what was said is looked for, too."""
    assert site.process is not None
    words = secrets_of(site.folder)
    assert len(set(words.values())) > 20, "few secrets were looked for"
    places = dict(process_texts(processes_below(site.process.pid)))
    assert len(places) > 2 * len(parts_of(SiteFile(site.site)))
    assert find_told(words, places) == []
    texts = {file.name: file.read_text(errors="replace") for file in (site.folder / "logs").iterdir()}
    texts["the figures"] = await fetch_figures(site.folder)
    readable = readable_by_others(site.folder)
    texts |= {str(file): (site.folder / file).read_text(errors="replace") for file in readable}
    assert len(texts) > 20
    assert find_told({**words, SAID: "what was said"}, texts) == []


async def test_others_read_what_says_nothing_and_none_of_the_rest(site: RunningSite) -> None:
    """One walk over everything that a site has after a minute's work."""
    page = (ROOT / "docs" / "security.md").read_text()
    section = page.partition("## 7.")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `([^`]+)` \|", section.partition("### What others may read")[2], re.MULTILINE)
    found = readable_by_others(site.folder)
    assert found
    unnamed = [str(file) for file in sorted(found) if not any(file.match(each) for each in told)]
    assert not unnamed, "\n".join(unnamed)
    unused = [each for each in told if not any(file.match(each) for file in found)]
    assert unused == []


async def test_what_was_said_lies_in_the_clear_in_the_servers_own_archive_alone(site: RunningSite) -> None:
    """Whoever may read the files of a site, and has no auditor's key."""
    said = SAID.encode()
    files = [each for each in site.folder.rglob("*") if each.is_file()]
    found = {str(each.relative_to(site.folder)) for each in files if said in each.read_bytes()}
    assert found
    assert {
        each for each in found if "/archive/" not in each or not each.startswith("prosody/data/")
    } == set()
    assert [each for each in files if each.name.startswith("gate.db")]


async def test_each_process_reads_the_secrets_that_the_table_says(site: RunningSite) -> None:
    """What each Python really opened is compared with docs/security.md, section 7."""
    page = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| `(components\.[a-z.]+)` \| ([^|]*) \|([^|]*)\|$", page, re.MULTILINE)
    always, then = ({row[0]: set(re.findall(r"`([^`]+)`", row[column])) for row in rows} for column in (1, 2))
    private = {str(file.relative_to(site.folder)) for file in private_files(SiteFile(site.site))}
    private.add("prosody/prosody.cfg.lua")
    opened = await asyncio.to_thread(read_opened, site.folder, site.folder.parent / "opened")
    running = {part.module for part in parts_of(SiteFile(site.site)) if part.runs}
    assert running == always.keys()
    read = {module: opened[module] & private for module in running}
    # What is read when somebody looks may have been read already, or not yet.
    assert {module: read[module] - then[module] for module in running} == always


async def log_in(folder: Path, jid: str) -> XmppStream:
    server = SiteFile(folder / "site.toml").prosody
    tls = ssl.create_default_context(cafile=str(server.certificates / "ca.crt"))
    passwords = load_passwords(SiteFile(folder / "site.toml"))
    address = ("127.0.0.1", server.c2s_port)
    return await XmppStream.login(address, jid, password=passwords[jid], tls=tls)


@pytest.mark.parametrize("name", [CAROL, f"{CAROL}/phone", "metals.example", "gate.steelyard.example", BOB])
async def test_an_insider_speaks_in_nobody_elses_name(site: RunningSite, name: str) -> None:
    """Whoever a stanza says that it is from: its reader and the record have the account that was logged in."""
    alice, bob = await log_in(site.folder, ALICE), await log_in(site.folder, BOB)
    try:
        await bob.come_online()
        text = f"Sold by {uuid.uuid4().hex}"
        alice.send(f"<message from='{name}' to='{bob.jid}' type='chat'><body>{text}</body></message>")
        came = await bob.expect(lambda each: each.findtext("{jabber:client}body") == text)
        assert came.get("from") == alice.jid
    finally:
        await alice.close()
        await bob.close()
    found = run_steelyard("audit", "search", f'"{text}"', "--json", "--site", site.site)
    assert [each["from"] for each in json.loads(found.stdout)["records"]] == [alice.jid]


async def test_an_insider_shows_nobody_anothers_words(site: RunningSite) -> None:
    """What clients would show as a colleague's word, or under a time of before, comes back and reaches nobody."""
    said = f"<message xmlns='jabber:client' from='{CAROL}/desk' to='{BOB}'><body>Sold.</body></message>"
    passed_on = f"<forwarded xmlns='urn:xmpp:forward:0'>{said}</forwarded>"
    forged = {
        "copy": f"<received xmlns='urn:xmpp:carbons:2'>{passed_on}</received>",
        "archived": f"<result xmlns='urn:xmpp:mam:2' id='1'>{passed_on}</result>",
        "told": "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='urn:xmpp:bookmarks:1'/></event>",
        "invited": f"<x xmlns='http://jabber.org/protocol/muc#user'><invite from='{CAROL}'/></x>",
        "late": "<body>Sold.</body><delay xmlns='urn:xmpp:delay' from='metals.example' stamp='2026-01-05T09:00:00Z'/>",
    }
    alice, bob = await log_in(site.folder, ALICE), await log_in(site.folder, BOB)
    try:
        await bob.come_online()
        for name, payload in forged.items():
            alice.send(f"<message id='{name}' to='{BOB}' type='chat'>{payload}</message>")
            answer = await alice.expect(having(id=name))
            assert "as servers and rooms do" in show(answer)
        alice.send(
            f"<message id='counted' to='{BOB}' type='chat'><body>Copper?</body>"
            f"<stanza-id xmlns='urn:xmpp:sid:0' by='{BOB}' id='forged'/></message>"
        )
        came = await bob.expect(lambda each: each.get("id") == "counted")
        assert "'forged'" not in show(came).replace('"', "'")
        assert not [each for each in bob.received if each.get("id") in forged]
        await bob.request(
            "set",
            "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><before/></set></query>",
        )
        kept = [show(each) for each in bob.received if each.find("{urn:xmpp:mam:2}result") is not None]
        assert [each for each in kept if "counted" in each]
        assert "forged" not in "".join(kept)
    finally:
        await alice.close()
        await bob.close()


async def test_an_account_of_one_domain_is_none_of_another(site: RunningSite) -> None:
    """Whatever a client addresses to another domain of the server: two firms may both have an Alice."""
    server = SiteFile(site.site).prosody
    tls = ssl.create_default_context(cafile=str(server.certificates / "ca.crt"))
    password = load_passwords(SiteFile(site.site))[GEORGE]
    credentials = base64.b64encode(f"\0george\0{password}".encode()).decode()
    login = f"<auth xmlns='{SASL}' mechanism='PLAIN' to='grain.example'>{credentials}</auth>"
    answers = []
    for before in ("", f"<abort xmlns='{SASL}'/>", f"<abort xmlns='{SASL}' to='grain.example'/>"):
        stream = XmppStream(("127.0.0.1", server.c2s_port), "metals.example", tls=tls)
        await stream.open()
        for xml in filter(None, (before, login)):
            stream.send(xml)
            answer = await stream.take()
        answers.append(answer[0].tag if len(answer) else answer.tag)
        stream.abort()
    assert answers == [f"{{{SASL}}}not-authorized"] * 3
    stream = await log_in(site.folder, GEORGE)
    assert stream.jid.startswith(f"{GEORGE}/")
    await stream.close()


async def test_who_guesses_a_password_has_to_wait_and_keeps_nobody_else_out(site: RunningSite) -> None:
    server = SiteFile(site.site).prosody
    tls = ssl.create_default_context(cafile=str(server.certificates / "ca.crt"))
    stream = XmppStream(("127.0.0.1", server.c2s_port), "metals.example", tls=tls)
    await stream.open()
    right = load_passwords(SiteFile(site.site))[DORA]
    conditions = []
    for password in (*(f"guess {number}" for number in range(20)), right):
        credentials = base64.b64encode(f"\0dora\0{password}".encode()).decode()
        stream.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{credentials}</auth>")
        answer = await stream.take()
        assert answer.tag == f"{{{SASL}}}failure"
        conditions.append(answer[0].tag.partition("}")[2])
    await stream.close()
    assert conditions == ["not-authorized"] * 20 + ["temporary-auth-failure"]
    await exchange(site.folder)
