"""What a trader writes is shown, and never run: names, bodies, files, XHTML, rooms, resources, statuses."""

from html import escape
from pathlib import Path

from components.archive.record import Delivery
from tests.support.certificates import CertificateAuthority
from tests.support.console_browser import show_console
from tests.support.console_site import make_console_site

ATTACKS = (
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    '"><svg onload=window.hit=1>',
    "' autofocus onfocus=window.hit=1 x='",
    "javascript:window.hit=1",
    "{{ 7*7 }}{% raw %}${7*7}",
    "</title><script>window.hit=1</script>",
    "<div hx-get='/logout' hx-trigger='load' data-hx-post='/logout'>copper</div>",
    "\u202eevil\u202d copper",
    "<form action='https://evil.example/'><button>copper</button></form>",
)
XHTML = "http://www.w3.org/1999/xhtml"


def stanzas(attack: str) -> list[bytes]:
    said = escape(attack, quote=True)
    head = f"<message xmlns='jabber:client' from='alice@metals.example/{said}' to='room@rooms.metals.example/{said}'>"
    return [
        f"{head}<body>copper {said}</body><subject>{said}</subject><thread>{said}</thread>"
        f"<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='{XHTML}'><p>{said}"
        f"<img alt='{said}' src='{said}'/><a href='{said}'>copper</a></p></body></html>"
        f"<nick xmlns='http://jabber.org/protocol/nick'>{said}</nick>"
        f"<reference xmlns='urn:xmpp:reference:0' type='data'><media-sharing xmlns='urn:xmpp:sims:1'>"
        f"<file xmlns='urn:xmpp:jingle:apps:file-transfer:5'><name>{said}</name><desc>{said}</desc></file>"
        f"</media-sharing></reference></message>".encode(),
        f"<presence xmlns='jabber:client' from='alice@metals.example/{said}'>"
        f"<status>copper {said}</status></presence>".encode(),
        f"{head}<body>copper".encode() + b"\xff\xfe\xed\xa0\x80 " + said.encode() + b"</body></message>",
        f"copper {attack} not a stanza".encode(),
    ]


async def test_nothing_that_is_shown_runs(tmp_path: Path, authority: CertificateAuthority) -> None:
    (tmp_path / "site").mkdir()
    site = await make_console_site(tmp_path / "site")
    bodies = [body for attack in ATTACKS for body in stanzas(attack)]
    await site.record(*(site.submit(body, rules=(ATTACKS[0],)) for body in bodies), Delivery("e1", 99, ()))
    async with show_console(tmp_path, authority, site) as shown:
        browser = shown.browser
        await shown.log_in()
        paths = ["/search?q=copper", "/search?q=kind:presence"]
        paths += [f"/record/{site.id_of(number)}" for number in range(len(bodies))]
        for path in paths:
            await shown.open(path)
            await browser.wait_for("main", "")
            state = await browser.run(
                "return [window.hit ?? null, location.pathname, document.querySelectorAll("
                "'main script, main img, main svg:not(.chart), main [onload], main [onerror], main [hx-get],"
                ' main a[href^="javascript"], main form[action^="https"]\').length]'
            )
            assert state == [None, path.partition("?")[0], 0], path
            assert await browser.messages() == [], path
            text = await browser.run("return document.body.innerText")
            assert "\u202e" not in text
        # A query is shown, too.
        for attack in ATTACKS:
            await shown.open("/search")
            await browser.run("document.querySelector('#q').value = arguments[0]", attack)
            await browser.run("document.querySelector('.searching').submit()")
            await browser.wait_until("an answer", "return location.search.length > 2")
            assert await browser.run(
                "return [window.hit ?? null, document.querySelectorAll('main script').length]"
            ) == [
                None,
                0,
            ]
