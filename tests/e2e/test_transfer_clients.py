"""Files between real clients: each asks for its slot, checks the certificate of the host, and shows what came."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.settings.prosody import WebSettings
from components.site.demo_media import make_media
from tests.e2e.test_converse import CONVERSE, PAGE
from tests.e2e.test_transfer import ALICE, BOB, DIRECTORY
from tests.support.browser import Browser, open_browser, serve_page
from tests.support.certificates import CertificateAuthority
from tests.support.machine import make_machine
from tests.support.ports import free_port
from tests.support.process import wait_until
from tests.support.prosody import PASSWORD
from tests.support.stream import Element
from tests.support.terminal_clients import Poezio, Profanity
from tests.support.transfer_site import FILES, TransferSite

PICTURE = next(file for file in make_media() if file.media_type == "image/png")
BODY, OOB_URL = "{jabber:client}body", "{jabber:x:oob}x/{jabber:x:oob}url"


class Desk:
    """A site that takes files, a machine on which its clients run, and a file in it."""

    def __init__(self, site: TransferSite, root: Path, authority: Path) -> None:
        self.site = site
        self.root = root
        self.authority = authority
        self.machine = make_machine(root / "machine", authority, [FILES])
        self.picture = root / PICTURE.name
        self.picture.write_bytes(PICTURE.content)

    def profanity(self, jid: str) -> Profanity:
        address = self.site.prosody.address
        client = Profanity(self.root / jid, jid, address, self.authority, trusts_system=True)
        return client.inside(self.machine)

    def poezio(self, jid: str) -> Poezio:
        return Poezio(self.root / jid, jid, self.site.prosody.address, self.authority).inside(self.machine)

    async def slixmpp(self, jid: str, file: Path, *to: str) -> asyncio.subprocess.Process:
        """Start slixmpp, which sends a file to somebody, or saves the one that comes as this."""
        host, port = self.site.prosody.address
        script: tuple[str | Path, ...] = (
            sys.executable,
            "-m",
            "tests.support.slixmpp_files",
            jid,
            host,
            str(port),
            file,
            *to,
        )
        return await asyncio.create_subprocess_exec(*self.machine, *script, stdout=asyncio.subprocess.PIPE)

    async def send(self, jid: str, to: str) -> str:
        """Have slixmpp send the picture, and return its link."""
        sending = await self.slixmpp(jid, self.picture, to)
        url, _ = await sending.communicate()
        assert sending.returncode == 0
        return url.decode().strip()

    def names(self) -> dict[str, str]:
        """Return where a browser finds the site."""
        assert self.site.web is not None
        files = self.site.transfer.port
        ports = {"metals.example:443": self.site.web.port, f"{FILES}:{files}": files}
        return {name: f"127.0.0.1:{port}" for name, port in ports.items()}


@pytest.fixture
async def desk(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Desk]:
    web = WebSettings.model_validate({"port": free_port(), "public_port": 443})
    async with TransferSite(tmp_path / "site", (ALICE, BOB), DIRECTORY, authority, web=web) as site:
        site.prosody.befriend(ALICE, BOB)
        yield Desk(site, tmp_path, tmp_path / "site" / "certs" / "ca.crt")


def with_link(stanza: Element) -> bool:
    return (stanza.findtext(BODY) or "").startswith("https://")


def read_saved(path: Path) -> list[bytes]:
    """Return the files at a path: later versions of Profanity make a folder of it."""
    found = path.iterdir() if path.is_dir() else [path]
    return [each.read_bytes() for each in found if each.is_file()]


async def test_profanity_sends_and_saves(desk: Desk) -> None:
    watcher = await desk.site.login(BOB)
    async with desk.profanity(ALICE) as alice, desk.profanity(BOB) as bob:
        await alice.open(BOB)
        await alice.say(f"/sendfile {desk.picture}")
        got = await watcher.expect(with_link)
        await bob.open(ALICE)
        await bob.expect(f"https://{FILES}:{desk.site.transfer.port}/f/")
        assert got.findtext(OOB_URL) == got.findtext(BODY)
        saved = desk.root / "saved.png"
        await bob.say(f"/url save {got.findtext(BODY)} {saved}")
        assert await wait_until(lambda: PICTURE.content in read_saved(saved)), bob.screen


async def test_slixmpp_sends_and_saves(desk: Desk) -> None:
    saved = desk.root / "saved.png"
    receiving = await desk.slixmpp(BOB, saved)
    assert receiving.stdout is not None
    assert await receiving.stdout.readline() == b"online\n"
    assert (await desk.send(ALICE, BOB)).startswith(f"https://{FILES}:")
    await receiving.communicate()
    assert receiving.returncode == 0
    assert saved.read_bytes() == PICTURE.content


async def test_poezio_shows_the_link(desk: Desk) -> None:
    async with desk.poezio(BOB) as bob:
        await bob.show_contacts()
        url = await desk.send(ALICE, BOB)
        await bob.show(ALICE)
        await bob.expect(url[:60])


async def test_converse_sends_and_shows(desk: Desk) -> None:
    watcher, names = await desk.site.login(BOB), desk.names()
    async with serve_page(PAGE, CONVERSE) as page:
        async with open_browser(desk.root, None, names, desk.machine) as browser:
            await log_in(browser, page, ALICE)
            await browser.click(f"[data-jid='{BOB}'] a, a[data-jid='{BOB}']")
            await browser.wait_until(
                "a button for files", "return document.querySelector('input.fileupload')"
            )
            await browser.give_file("input.fileupload", desk.picture)
            got = await watcher.expect(with_link)
            assert got.findtext(OOB_URL) == got.findtext(BODY)
            await see_picture(browser, got.findtext(BODY) or "")
        url = await desk.send(ALICE, BOB)
        async with open_browser(desk.root / "bob", None, names, desk.machine) as browser:
            await log_in(browser, page, BOB)
            await browser.click(f"[data-jid='{ALICE}'] a, a[data-jid='{ALICE}']")
            await see_picture(browser, url)


async def log_in(browser: Browser, page: str, jid: str) -> None:
    await browser.open(page)
    await browser.type("input[name=jid]", jid)
    await browser.type("input[name=password]", PASSWORD)
    await browser.click("converse-login-form [type=submit]")


async def see_picture(browser: Browser, url: str) -> None:
    """Wait until the picture of a link is drawn: the browser has fetched it, and read its size out of it."""
    script = "return [...document.images].find(each => each.src === arguments[0])?.naturalWidth"
    assert await browser.wait_until(f"the picture {url}", script, url) == 480


@pytest.mark.parametrize(("is_trusted", "seen"), [(True, "drawn"), (False, "nothing")])
async def test_a_browser_fetches_from_a_host_that_its_system_trusts(
    desk: Desk, is_trusted: bool, seen: str
) -> None:
    url = await desk.send(ALICE, BOB)
    script = """
        const picture = new Image();
        picture.onload = () => { window.seen = "drawn" };
        picture.onerror = () => { window.seen = "nothing" };
        picture.src = arguments[0];
    """
    async with serve_page("<!DOCTYPE html><title>A page</title>", CONVERSE) as page:
        machine = desk.machine if is_trusted else ()
        async with open_browser(desk.root, None, desk.names(), machine) as browser:
            await browser.open(page)
            await browser.run(script, url)
            assert await browser.wait_until("an end", "return window.seen") == seen
