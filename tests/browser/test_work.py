"""Work in the console's pages, in a browser: reviews, decisions on what is held, matters and exports."""

import asyncio
import base64
import io
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.audit.review import held as held_messages
from components.settings.site import SiteFile
from tests.support.certificates import CertificateAuthority
from tests.support.console_browser import ConsoleInBrowser, show_console
from tests.support.console_site import make_console_site
from tests.support.held_gate import HoldingGate, hold
from tests.unit.policy.content.rules import write_rule

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
_TAB, _ENTER = "\ue004", "\ue007"
BLIND = write_rule(
    "blind", "flag", kind="lexicon", terms={"en": ["secret"]}, must_match=["secret"], hide_names=True
)
_FETCH = """
const path = document.querySelector("a[href^='/exports/']").getAttribute("href");
const bytes = new Uint8Array(await (await fetch(path)).arrayBuffer());
return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
"""

# Texts that do not fit into their place, and are not shown whole; but for what is there for screen readers alone.
_CUT_OFF = """
return [...document.querySelectorAll("main *")].filter(e => !e.closest(".unseen") && e.scrollWidth > e.clientWidth + 1
  && ["hidden", "clip"].includes(getComputedStyle(e).overflowX)).map(e => e.textContent)
"""


@pytest.fixture
async def shown(
    tmp_path: Path, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ConsoleInBrowser]:
    folder = tmp_path / "site"
    folder.mkdir()
    site = await make_console_site(folder)
    (folder / "policy.toml").write_text(BLIND)
    site.path.write_text(site.path.read_text().replace("[gate]\n", '[gate]\npolicy = "policy.toml"\n', 1))
    site.settings = SiteFile(site.path)
    await site.record(
        site.say(ALICE, BOB, "off the record, copper", rules=("off-channel",)),
        site.say(ALICE, BOB, "the secret of copper", at_s=1, rules=("blind",)),
        site.say(ALICE, BOB, "a tip for two", at_s=2, action="hold", rules=("tips",)),
        site.say(ALICE, BOB, "copper, a tip", at_s=3, action="hold", rules=("tips",)),
    )
    gate = HoldingGate([hold(site, 2, ALICE, BOB, needed=2), hold(site, 3, ALICE, BOB)])
    monkeypatch.setattr(held_messages, "_ask", gate.answer)
    async with show_console(tmp_path, authority, site) as shown:
        await shown.log_in()
        yield shown


async def mark(shown: ConsoleInBrowser, *numbers: int) -> None:
    """Mark records by their boxes."""
    for number in numbers:
        await shown.browser.click(f".select[value='{shown.site.id_of(number)}']")


async def test_items_are_claimed_noted_and_closed_together(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await shown.open("/review")
    await browser.wait_for(".count, .quiet", "4")
    await mark(shown, 0)
    await browser.click("#marked button.main")
    await browser.wait_until("one item fewer", "return document.querySelectorAll('[data-item]').length === 3")
    await shown.open("/review?state=")
    await browser.wait_for(".marks", "with anna")
    # All by the keyboard: two items, a note, closed.
    await browser.press("j", "m", "j", "m", "e")
    await browser.wait_for("[data-count]", "2")
    await browser.press(*"known joke")
    await browser.run("document.querySelector('#act').value = 'close'")
    await browser.run("document.querySelector('#disposition').value = 'false-positive'")
    async with browser.new_page():
        await browser.press(_ENTER)
    await shown.open("/review?state=closed")
    await browser.wait_for(".marks", "known joke")
    assert await browser.run("return document.querySelectorAll('[data-item]').length") == 2
    assert await browser.messages() == []


async def test_names_are_hidden_until_a_reason_is_stated(shown: ConsoleInBrowser) -> None:
    browser, item = shown.browser, shown.site.id_of(1)
    text = "return document.querySelector('main').innerText"
    await shown.open("/review?queue=rule/blind")
    await browser.wait_for(".line", "Names are hidden")
    assert "alice" not in (await browser.run(text)).lower()
    await browser.click(f"a[href='/record/{item}']")
    await browser.wait_for(".told", "Names are hidden")
    assert "alice" not in (await browser.run(text)).lower()
    assert await shown.find_barriers() == []
    await browser.type("#purpose-reason", "to ask the sender")
    await browser.click("#purpose button")
    await browser.wait_for(".facts", "alice@metals.example")
    look = (await shown.site.accesses())[-1]
    assert (look.act, look.query, look.reason) == ("show", item, "to ask the sender")


async def test_what_is_held_is_decided_on_with_a_reason(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await shown.open("/held")
    await browser.wait_for(".text", "copper, a tip")
    reason = "[data-id='{}'] input[name=reason]"
    release = "[data-id='{}'] button[value=release]"
    single, double = shown.site.id_of(3), shown.site.id_of(2)
    # Without a reason the browser sends nothing.
    await browser.click(release.format(single))
    assert await browser.run("return document.querySelectorAll('[data-item]').length") == 2
    await browser.type(reason.format(single), "it is public")
    await browser.click(release.format(single))
    await browser.wait_until("one fewer", "return document.querySelectorAll('[data-item]').length === 1")
    await browser.type(reason.format(double), "public, too")
    await browser.click(release.format(double))
    await browser.wait_for(".quiet", "anna: release")
    assert await browser.messages() == []


async def test_an_export_is_begun_fetched_and_verified(shown: ConsoleInBrowser, tmp_path: Path) -> None:
    browser = shown.browser
    await shown.open("/exports?q=copper")
    await browser.run("document.querySelector('#format').value = 'html'")
    await browser.type("#reason", "ordered by the court")
    await browser.click("form[action='/exports'] button")
    await browser.wait_for("#exports a", "")
    await browser.wait_for("#exports", "3 of 3")
    packed = await browser.run(f"return (async () => {{ {_FETCH} }})()")
    folder = tmp_path / "fetched"
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed))) as archive:
        archive.extractall(folder)
    keys = [log.verifier_key_file for log in (shown.site.settings.gate_log, shown.site.settings.audit_log)]
    (program,) = folder.rglob("verify.py")
    command: list[str | Path] = [sys.executable, program, "export", program.parent]
    command += [part for key in keys for part in ("--key", key)]
    verified = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    looks = [(each.actor, each.act, each.reason) for each in await shown.site.accesses()]
    assert ("anna", "export", "ordered by the court") in looks


async def test_a_matter_is_made_of_what_is_marked(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await shown.open("/matters")
    await browser.type("#title", "Copper")
    await browser.click("form[action='/matters'] button")
    await browser.wait_for("h1", "Copper")
    id_ = (await browser.url()).rpartition("/")[2]
    await shown.open("/search?q=record")
    await mark(shown, 0)
    await browser.type("#marked #matter", id_)
    await browser.type("#marked #note", "odd")
    await browser.click("#marked button")
    await browser.wait_for(".talk", "off the record, copper")
    await browser.wait_for(".talk", "odd")
    assert await browser.messages() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_page_of_work_has_barriers(shown: ConsoleInBrowser, theme: str) -> None:
    browser = shown.browser
    await shown.open("/account")
    await browser.run("document.querySelector('#theme').value = arguments[0]", theme)
    await browser.click("form[action='/preferences'] button")
    await browser.wait_until(
        "the theme", "return document.documentElement.dataset.theme === arguments[0]", theme
    )
    await shown.open("/matters")
    await browser.type("#title", "Copper")
    await browser.click("form[action='/matters'] button")
    await browser.wait_for("h1", "Copper")
    assert await shown.find_barriers() == []
    for path in ("/matters", "/exports", "/review", "/held", "/overview", "/account"):
        await shown.open(path)
        await browser.wait_for("main h1", "")
        assert await shown.find_barriers() == [], path


async def test_no_page_is_wider_than_a_narrow_window(shown: ConsoleInBrowser) -> None:
    """As wide as a telephone, or a window at 300 percent (WCAG 2.2, 1.4.10)."""
    browser = shown.browser
    await browser.command(
        "Emulation.setDeviceMetricsOverride", width=400, height=860, deviceScaleFactor=1, mobile=False
    )
    await shown.open("/account")
    await browser.type("#purpose-reason", "a test")
    async with browser.new_page():
        await browser.click("#purpose button")
    said = shown.site.id_of(0)
    paths = [
        "/search",
        "/search?q=copper",
        f"/record/{said}",
        f"/conversation/{said}?seen_by=bob@metals.example",
    ]
    for path in (*paths, "/matters", "/exports", "/review", "/held", "/overview", "/account"):
        await shown.open(path)
        await browser.wait_for("main", "")
        wider = await browser.run("return document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, path
        assert await browser.run(_CUT_OFF) == [], path


async def test_every_section_is_reached_by_the_keyboard_alone(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    places = {
        "r": "/review",
        "h": "/held",
        "m": "/matters",
        "e": "/exports",
        "d": "/overview",
        "s": "/search",
    }
    for key, path in places.items():
        await browser.press("g", key)
        await browser.wait_until(path, "return location.pathname === arguments[0]", path)
        await browser.wait_for("main", "")
        # The first Tab leads past the menu.
        await browser.press(_TAB)
        assert await browser.run("return document.activeElement.className") == "skip"
        await browser.press(_ENTER)
        assert await browser.run("return document.activeElement.id") == "main"
        # Whatever can be clicked is reached by Tab, and shows that it is.
        unreachable = await browser.run(
            "return [...document.querySelectorAll('main a, main button, main input, main select, main textarea')]"
            ".filter(e => e.offsetParent && e.type !== 'hidden' && e.tabIndex < 0).length"
        )
        assert unreachable == 0, path


async def test_what_is_printed_is_the_content_alone(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    hidden = (
        "return [...document.querySelectorAll('.bar, .searching, .facets, .foot, .select, .picked-bar, .skip')]"
        ".filter(e => getComputedStyle(e).display !== 'none').length"
    )
    await shown.open("/search?q=copper")
    await browser.wait_for(".count", "of")
    assert await browser.run(hidden) > 0
    await browser.command("Emulation.setEmulatedMedia", media="print")
    assert await browser.run(hidden) == 0
    assert "off the record, copper" in await browser.run("return document.body.innerText")
    assert await browser.run("return getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
