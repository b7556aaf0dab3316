"""A console of an auditor's own, in a browser: what she does there is signed, and somebody else signs nothing there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from components.audit.auditor import find_auditor
from components.audit.matter.looks import look_at_matter
from components.audit.review import held as held_messages
from tests.support.certificates import CertificateAuthority
from tests.support.console_browser import ConsoleInBrowser, show_console
from tests.support.held_gate import hold
from tests.unit.audit.console.test_signing import ALICE, BOB, VerifyingGate, entries, make_own_site

_TEXT = "return document.querySelector('main').innerText"
_FORMS = "return document.querySelectorAll('main form[method=post]').length"


@pytest.fixture
async def shown(
    tmp_path: Path, authority: CertificateAuthority, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ConsoleInBrowser]:
    folder = tmp_path / "site"
    folder.mkdir()
    site = await make_own_site(folder)
    monkeypatch.setattr(held_messages, "_ask", VerifyingGate([hold(site, 0, ALICE, BOB)]).answer)
    async with show_console(tmp_path, authority, site) as shown:
        await shown.log_in("anna")
        yield shown


async def test_what_an_auditor_does_in_her_own_console_is_signed_and_what_another_does_is_not(
    shown: ConsoleInBrowser,
) -> None:
    browser, site = shown.browser, shown.site
    # Berta first, while there is something to do: she sees it, and how she signs elsewhere.
    await shown.log_in("berta")
    for path, command in (("/held", "steelyard review release"), ("/review", "steelyard review close")):
        await shown.open(path)
        assert command in await browser.run(_TEXT)
        assert await browser.run(_FORMS) == 0
        assert await shown.find_barriers() == []

    await shown.log_in("anna")
    await shown.open("/held")
    await browser.wait_for(".quiet", "signed with your key")
    await browser.click("input[name=reason]")
    await browser.press(*"public")
    await browser.click("button[value=release]")
    await browser.wait_for(".nothing", "")
    await shown.open("/review")
    await browser.click(f".select[value='{site.id_of(1)}']")
    await browser.run("document.querySelector('#act').value = 'close'")
    await browser.click("#note")
    await browser.press(*"metal")
    await browser.click("#marked button.main")
    await browser.wait_until(
        "the item is gone", f"return !document.querySelector('[data-id=\"{site.id_of(1)}\"]')"
    )
    await shown.open("/matters")
    await browser.click("input[name=title]")
    await browser.press(*"Tin")
    await browser.click("main form button.main")
    await browser.wait_until("the matter is open", "return /^\\/matters\\/./.test(location.pathname)")
    matter = str(await browser.run("return location.pathname")).rpartition("/")[2]
    assert await browser.messages() == []

    found = await entries(site)
    assert [(each.act.kind.value, each.act.by, each.act.note, each.problem) for each in found] == [
        ("release", "anna", "public", ""),
        ("close", "anna", "metal", ""),
    ]
    assert (await look_at_matter(site.settings, find_auditor(site.settings, "anna"), matter)).refused == ()
