"""Converse.js in a browser: a trader logs in on a page, which finds the line by itself."""

import json
import sys
from pathlib import Path

import pytest

from components.settings.prosody import WebSettings
from tests.support.browser import open_browser, serve_page
from tests.support.certificates import CertificateAuthority
from tests.support.line import Line
from tests.support.observer import read_log
from tests.support.ports import free_port
from tests.support.prosody import PASSWORD
from tests.support.stream import XmppStream, message

ALICE, BOB = "alice@metals.example", "bob@metals.example"
CONVERSE = Path(sys.prefix) / "share" / "converse.js-14.0.0"
OPTIONS = {
    "view_mode": "fullscreen",
    "authentication": "login",
    "discover_connection_methods": True,
    "assets_path": "/files/",
    "i18n": "en",
    "play_sounds": False,
    "clear_cache_on_logout": True,
}
PAGE = f"""<!DOCTYPE html><html><head><meta charset="utf-8">
<link rel="stylesheet" href="/files/converse.min.css">
<script type="module" src="/files/converse.min.js"></script></head>
<body><script type="module">converse.initialize({json.dumps(OPTIONS)});</script></body></html>"""


@pytest.mark.parametrize(
    ("ways", "transport"),
    [({"bosh_path": ""}, "websocket"), ({"websocket_path": ""}, "bosh"), ({}, "websocket")],
    ids=["websocket", "bosh", "both"],
)
async def test_a_trader_logs_in_by_a_page(
    tmp_path: Path, authority: CertificateAuthority, ways: dict[str, str], transport: str
) -> None:
    certificates = authority.issue(tmp_path / "certs", ["metals.example", "rooms.metals.example"])
    web = WebSettings.model_validate({"port": free_port(), "public_port": 443, **ways})
    line = Line(tmp_path, [ALICE, BOB], certificates=certificates, web=web)
    line.prosody.befriend(ALICE, BOB)
    async with line, serve_page(PAGE, CONVERSE) as url:
        bob = await XmppStream.login(line.prosody.address, f"{BOB}/desk", tls=authority.client_context())
        await bob.come_online()
        names = {"metals.example:443": f"127.0.0.1:{web.port}"}
        async with open_browser(tmp_path, certificates / "metals.example.crt", names) as browser:
            await browser.open(url)
            await browser.type("input[name=jid]", ALICE)
            await browser.type("input[name=password]", PASSWORD)
            await browser.click("converse-login-form [type=submit]")
            await browser.click(f"[data-jid='{BOB}'] a, a[data-jid='{BOB}']")
            await browser.type("textarea.chat-textarea", "Copper 3 months at 9,123.50")
            await browser.enter("textarea.chat-textarea")
            got = await bob.expect(message("Copper 3 months at 9,123.50"))
            sender = got.get("from", "")
            bob.send(
                f"<message to='{sender}' type='chat' id='answer'><body>Done at 9,123.50</body></message>"
            )
            await browser.wait_for(".chat-msg__text", "Done at 9,123.50")
            asked = await browser.run(
                "return performance.getEntriesByType('resource').map(each => each.name)"
            )
            assert any("/http-bind" in url for url in asked) is (transport == "bosh")
        recorded = (await read_log(line.gate)).ids()
        assert recorded[got.get("id", "")] == recorded["answer"] == 1
