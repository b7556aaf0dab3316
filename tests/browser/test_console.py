"""The console in a browser: found, read and proved, by mouse and by keyboard, and by nobody who may not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.archive.record import Delivery
from tests.support.audit_site import REFUSAL
from tests.support.certificates import CertificateAuthority
from tests.support.console_browser import ConsoleInBrowser, show_console
from tests.support.console_site import make_console_site

ALICE, BOB, GEORGE = "alice@metals.example/desk", "bob@metals.example", "george@grain.example"
_TAB, _ENTER, _ESCAPE = "\ue004", "\ue007", "\ue00c"


@pytest.fixture
async def shown(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[ConsoleInBrowser]:
    (tmp_path / "site").mkdir()
    site = await make_console_site(tmp_path / "site")
    await site.record(
        site.say(ALICE, BOB, "Copper cathodes, 25 t, 9410 USD/t, firm until 16:00."),
        site.say(BOB, "alice@metals.example", "I take the copper at 9395, today.", at_s=60),
        site.say(
            ALICE,
            GEORGE,
            "Do you buy copper too?",
            at_s=120,
            action="refuse",
            error=REFUSAL,
            rules=("border",),
        ),
        site.say(BOB, "alice@metals.example", "Lunch?", at_s=86_400),
        Delivery("e1", 3, ()),
    )
    async with show_console(tmp_path, authority, site) as shown:
        yield shown


async def test_found_and_proved(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await shown.log_in()
    await browser.type("#q", "copper")
    await browser.click(".searching button")
    await browser.wait_for(".count", "3 of 5")
    assert await browser.run("return [...document.querySelectorAll('mark')].map(e => e.textContent)") == [
        "copper",
        "copper",
        "Copper",
    ]
    assert await shown.find_barriers() == []
    await browser.click(f"a[href='/record/{shown.site.id_of(1)}']")
    await browser.wait_for("h2", "Proved")
    await browser.wait_for(".said-text", "I take the copper at 9395, today.")
    assert await shown.find_barriers() == []
    assert await browser.messages() == []
    looks = [(each.actor, each.act, each.query) for each in await shown.site.accesses()][1:]
    assert looks == [("anna", "search", '"copper"'), ("anna", "show", shown.site.id_of(1))]


async def test_by_the_keyboard_alone(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await shown.log_in()
    await browser.press("/", *"copper", _ENTER)
    await browser.wait_for(".count", "3 of 5")
    at = "return document.activeElement.dataset.id ?? document.activeElement.textContent"
    await browser.press("j")
    assert await browser.run(at) == shown.site.id_of(2)
    await browser.press("j", "j", "j", "k")
    assert await browser.run(at) == shown.site.id_of(1)
    await browser.press("m")
    marked = "return [...document.querySelectorAll('.select:checked')].map(e => e.value)"
    assert await browser.run(marked) == [shown.site.id_of(1)]
    # The bar for what is marked lies above the days, which stay in place, too.
    levels = "return ['#marked', '.day'].map(e => Number(getComputedStyle(document.querySelector(e)).zIndex))"
    bar, day = await browser.run(levels)
    assert bar > day
    await browser.press("n")
    assert await browser.run(at) == "copper"
    await browser.press("N")
    assert await browser.run(at) == "copper"
    await browser.press("?")
    assert await browser.run("return document.querySelector('#help').open")
    assert await shown.find_barriers() == []
    await browser.press(_ESCAPE, "k", _ENTER)
    await browser.wait_for("h2", "Proved")
    await browser.press("g", "s")
    await browser.wait_for("h2", "How to ask")


async def test_nothing_without_a_login_nor_after_it(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    for path in ("/search?q=copper", f"/record/{shown.site.id_of(0)}", "/account"):
        await shown.open(path)
        await browser.wait_for("h1", "Log in")
        assert "copper" not in (await browser.run("return document.body.innerText")).lower()
    assert await shown.find_barriers() == []
    await shown.log_in()
    await browser.click(".bar-end form button")
    await browser.wait_for("h1", "Log in")
    await shown.open("/search?q=copper")
    await browser.wait_for("h1", "Log in")


async def test_a_link_is_good_once_and_stays_in_no_history(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await shown.log_in()
    assert "#" not in await browser.url()
    assert await browser.run("return document.cookie") == ""
    assert (
        "Europe" in (zone := await browser.run("return Intl.DateTimeFormat().resolvedOptions().timeZone"))
        or zone
    )


async def test_a_passkey_is_added_and_logs_in(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await browser.open("about:blank")
    await browser.add_authenticator()
    await shown.log_in()
    await shown.open("/account")
    await browser.type("#passkey-name", "Anna's laptop")
    await browser.click("#passkey-add button")
    await browser.wait_for("td", "Anna's laptop")
    assert await shown.find_barriers() == []
    await browser.click(".bar-end form button")
    await browser.click("#passkey-login button")
    await browser.wait_for(".bar-end", "Anna Auditor")
    acts = [each.act for each in await shown.site.accesses()]
    assert acts == ["console-login", "console-passkey-added", "console-login"]
    # Without the passkey the same device does not get in.
    await shown.open("/account")
    await browser.click("form[action='/passkey/remove'] button")
    await browser.wait_for("p", "You have none yet.")
    await browser.click(".bar-end form button")
    await browser.click("#passkey-login button")
    await browser.wait_for("#passkey-fault", "was not accepted")


@pytest.mark.parametrize("language", ["de", "zh", "ko"])
async def test_other_languages_and_colours(shown: ConsoleInBrowser, language: str) -> None:
    browser = shown.browser
    await shown.log_in()
    for theme in ("light", "dark"):
        await shown.open("/account")
        script = "for (const [id, value] of arguments[0]) document.getElementById(id).value = value"
        await browser.run(script, [["language", language], ["theme", theme]])
        await browser.click("form[action='/preferences'] button")
        await browser.wait_until(
            "the theme", "return document.documentElement.dataset.theme === arguments[0]", theme
        )
        await shown.open("/search?q=copper")
        assert await browser.run("return document.documentElement.lang") == language
        assert await shown.find_barriers() == []


async def test_days_are_dragged_over_and_conversations_read(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await shown.log_in()
    await shown.open("/search?q=copper%20OR%20lunch")
    await browser.wait_for(".count", "4 of 5")
    days = await browser.run("return [...document.querySelectorAll('.chart a')].map(e => e.dataset.from)")
    assert days == ["2026-11-23", "2026-11-24"]
    await browser.drag(".chart a:last-of-type .area-of", ".chart a:last-of-type .area-of")
    await browser.wait_for(".count", "1 of 5")
    await shown.open("/search?q=lunch%20OR%20copper")
    await browser.drag(".chart a:first-of-type .area-of", ".chart a:last-of-type .area-of")
    await browser.wait_until(
        "a range", "return decodeURIComponent(location.search).includes('2026-11-23..2026-11-24')"
    )
    await browser.wait_for(".count", "4 of 5")
    await shown.open(f"/conversation/{shown.site.id_of(1)}?q=copper")
    await browser.wait_for("#hit", "I take the copper")
    assert await browser.run("return document.activeElement.id") != "hit"
    await browser.press("n")
    assert await browser.run("return document.activeElement.textContent") == "Copper"
    assert await shown.find_barriers() == []
    await shown.open("/overview")
    await browser.wait_for("h1", "the last 30 days")
    assert await shown.find_barriers() == []
    assert await browser.messages() == []
