"""A newcomer's first minutes: a trader on the chat page in one tab, and the auditor in the next."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio

from components.link.client import TraderClient
from components.settings.site import SiteFile
from components.site.demo_conversation import ALICE, BOB, GEORGE
from components.site.demo_media import make_media
from components.site.init import load_passwords
from tests.support.browser import Browser, open_browser
from tests.support.demonstration import init_demonstration
from tests.support.process import PATIENCE_S
from tests.support.site import RunningSite

pytestmark = pytest.mark.asyncio(loop_scope="module")

ATTACKS = (
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    '"><svg onload=window.hit=1>',
    "' autofocus onfocus=window.hit=1 x='",
    "> `<script>window.hit=1</script>`",
    "xmpp:bob@metals.example?message;body=</a><img src=x onerror=window.hit=1>",
    "/me <b onmouseover=window.hit=1>waves</b>",
)
_LISTEN = """
window.violations = [];
addEventListener("securitypolicyviolation", (stopped) => {
  violations.push(`${stopped.violatedDirective} ${stopped.blockedURI}`);
});
"""
_STRANGE = "return document.querySelectorAll('converse-root script, [onload], [onerror], [onfocus]').length"
_FIELD = "textarea.chat-textarea"


@dataclass
class Newcomer:
    """Somebody who has run the demonstration: what it has printed, and a browser."""

    settings: SiteFile
    said: str
    browser: Browser

    @property
    def chat(self) -> str:
        """The link to the chat page."""
        return find_link(self.said, "http://chat.localhost")

    async def be(self, jid: str) -> None:
        """Choose somebody on the chat page."""
        await self.browser.open(self.chat)
        await self.browser.click(f"a.person[href*='{jid.partition('@')[0]}']")

    async def turn_to(self, jid: str) -> None:
        """Open the conversation with a contact."""
        await self.browser.click(f"[data-jid='{jid}'] a, a[data-jid='{jid}']")

    async def write(self, text: str) -> None:
        """Write into the conversation that is open."""
        await self.browser.type(_FIELD, text)
        await self.browser.enter(_FIELD)

    async def become_auditor(self) -> str:
        """Open the other link, and log in; returns the origin of the console."""
        link = find_link(self.said, "https://localhost")
        await self.browser.open(link)
        await self.browser.click("#link-login button")
        await self.browser.wait_for("a.brand", "Steelyard")
        return link.partition("/login")[0]

    async def find(self, search: str, text: str) -> None:
        """Search until a text is found, which is when a checkpoint covers it: a page that is open finds no more."""
        async with asyncio.timeout(PATIENCE_S):
            await self.browser.open(search)
            while text not in await self.browser.run("return document.querySelector('main').textContent"):
                await self.browser.open(search)

    async def find_complaints(self) -> tuple[list[str], list[str]]:
        """Return what the security policy stopped, and the hosts of others that the page has asked."""
        violations = await self.browser.run("return window.violations")
        asked = await self.browser.run(
            "return performance.getEntriesByType('resource').map(each => new URL(each.name).hostname)"
        )
        return violations, sorted(set(asked) - {"chat.localhost", "localhost"})


def find_link(said: str, begin: str) -> str:
    found = re.search(rf"^  ({re.escape(begin)}:\S+)$", said, re.MULTILINE)
    assert found, said
    return found[1]


@dataclass
class Demonstration:
    """A demonstration that is up, as `make run` starts it: its settings, and what it has printed."""

    settings: SiteFile
    said: str


@asynccontextmanager
async def demonstrate(folder: Path) -> AsyncIterator[Demonstration]:
    """Run a demonstration in a folder."""
    settings = init_demonstration(folder / "var" / "site.toml")
    async with RunningSite(folder / "var", "--demo") as site:
        yield Demonstration(settings, site.said())


@asynccontextmanager
async def visit(shown: Demonstration, folder: Path) -> AsyncIterator[Newcomer]:
    """Open a browser that has been nowhere, and trusts the demonstration's authority."""
    settings = shown.settings
    assert settings.transfer and settings.console
    chat = urlsplit(find_link(shown.said, "http://chat.localhost")).netloc
    others = (settings.transfer.port, settings.console.port)
    names = {
        name: f"127.0.0.1:{name.rpartition(':')[2]}"
        for name in (chat, *(f"localhost:{port}" for port in others))
    }
    certificate = settings.prosody.certificates / "localhost.crt"
    async with open_browser(folder / "browser", certificate, names) as browser:
        await browser.command("Page.addScriptToEvaluateOnNewDocument", source=_LISTEN)
        yield Newcomer(settings, shown.said, browser)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shown(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Demonstration]:
    """One demonstration for all: each test has a browser of its own, and says things that no other test says."""
    async with demonstrate(tmp_path_factory.mktemp("shown")) as shown:
        yield shown


@asynccontextmanager
async def logged_in(settings: SiteFile, jid: str) -> AsyncIterator[TraderClient]:
    server = settings.prosody
    password = load_passwords(settings)[jid]
    client = TraderClient(jid, password, server.address, server.c2s_port, server.certificates / "ca.crt")
    await client.connect()
    try:
        yield client
    finally:
        await client.close()


async def expect(client: TraderClient, wanted: str) -> str:
    """Wait for a message from Alice that has these words."""
    while True:
        received = await client.receive(60.0)
        if received.sender.startswith(ALICE) and wanted in received.body:
            return received.body


async def test_a_trader_in_one_tab_and_the_auditor_in_the_next(shown: Demonstration, tmp_path: Path) -> None:
    async with visit(shown, tmp_path) as here, logged_in(here.settings, BOB) as bob:
        browser = here.browser
        await here.be(ALICE)
        await browser.wait_for(".who", "You are Alice Arden")
        await here.turn_to(BOB)
        await here.write("Zinc, 40 lots at 2,871?")
        await expect(bob, "Zinc, 40 lots")
        bob.write(ALICE, "Zinc it is: 2,871 done")
        await browser.wait_for(".chat-msg__text", "Zinc it is")
        # The key is not in the address any more, and nothing outlives the tab.
        assert await browser.run("return [location.hash, document.cookie]") == ["", ""]
        assert (
            await browser.run("return Object.keys(localStorage).filter(each => !each.endsWith('-jid'))") == []
        )

        await browser.click("#stranger")
        await browser.wait_for(".chatbox-title", GEORGE)
        await here.write("Zinc for you too?")
        await browser.wait_for(".chat-msg__error", "your own enterprise")
        assert await here.find_complaints() == ([], [])

        # A reload goes on in the same tab; somebody else is one click away.
        await browser.open(f"{here.chat.partition('#')[0]}as/{ALICE}")
        await here.turn_to(BOB)
        await browser.wait_for(".chat-msg__text", "Zinc it is")
        await browser.click(".who a[href='/']")
        await browser.click("a.person[href*='bob']")
        await browser.wait_for(".who", "You are Bob Baker")
        await here.turn_to(ALICE)
        await browser.wait_for(".chat-msg__text", "Zinc, 40 lots at 2,871?")
        assert await here.find_complaints() == ([], [])
        assert [each for each in await browser.messages() if "Content Security" in each] == []

        console = await here.become_auditor()
        for query, text in (("zinc", "Zinc it is"), ("zinc verdict:refuse", "Zinc for you too?")):
            await here.find(f"{console}/search?q={query}", text)


async def test_a_page_without_the_key_lets_nobody_in(shown: Demonstration, tmp_path: Path) -> None:
    async with visit(shown, tmp_path) as here:
        origin = here.chat.partition("#")[0]
        await here.browser.open(origin)
        await here.browser.wait_until("the warning", "return !document.querySelector('#keyless').hidden")
        await here.browser.open(f"{origin}as/{ALICE}#{'x' * 43}")
        await here.browser.wait_for("#fault", "an earlier start of this one")
        assert "converse-session" not in "".join(await here.browser.run("return Object.keys(sessionStorage)"))


async def hear_from(sender: TraderClient, to: str) -> None:
    """Write until a receipt comes: a page that has only just logged in sends none for what comes first."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with suppress(TimeoutError):
                await sender.send_chat(to, "Are you there?", timeout_s=5.0)
                return


async def test_nothing_that_is_written_runs(shown: Demonstration, tmp_path: Path) -> None:
    """Bodies, nicknames and the names of files, as they come and as they are sent."""
    async with visit(shown, tmp_path) as here, logged_in(here.settings, BOB) as bob:
        browser = here.browser
        await here.be(ALICE)
        await here.turn_to(BOB)
        await hear_from(bob, ALICE)
        delivered = 0
        for attack in ATTACKS:
            nick = ET.Element("{http://jabber.org/protocol/nick}nick")
            nick.text = attack
            delivered += (await bob.send_chat(ALICE, attack, payload=nick, timeout_s=60.0)).delivered
            await here.write(attack)
        assert delivered >= len(ATTACKS) - 1, "they have to arrive to be tried"
        picture = tmp_path / "<img src=x onerror=window.hit=1>.png"
        picture.write_bytes(make_media()[0].content)
        await browser.give_file("converse-chat-toolbar input[type=file]", picture)
        assert "onerror" in await expect(bob, "/f/")
        bob.write(ALICE, "That was all")
        await browser.wait_for(".chat-msg__text", "That was all")
        for attack in ATTACKS[:4]:
            await browser.wait_for(".chat-msg__text", attack)
        assert await browser.run("return window.hit ?? null") is None
        assert await browser.run(_STRANGE) == 0
        assert await here.find_complaints() == ([], [])
