"""Logging in with other people's identity provider."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.certificates import CertificateAuthority
from tests.support.console_browser import ConsoleInBrowser, show_console


@pytest.fixture
async def shown(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[ConsoleInBrowser]:
    (tmp_path / "site").mkdir()
    async with show_console(tmp_path, authority, has_provider=True) as shown:
        yield shown


async def say_who(shown: ConsoleInBrowser, name: str) -> None:
    """Log in at the provider, as somebody."""
    browser = shown.browser
    await shown.open("/login")
    await browser.click("a[href='/login/oidc']")
    await browser.type("input[name=login]", name)
    await browser.type("input[name=password]", "any")
    await browser.click("button[type=submit]")
    await browser.wait_for("button[type=submit]", "Continue")
    await browser.click("button[type=submit]")


async def test_an_auditor_logs_in_by_the_provider(shown: ConsoleInBrowser) -> None:
    await say_who(shown, "anna")
    await shown.browser.wait_for(".bar-end", "Anna Auditor")
    await shown.browser.wait_for("h2", "How to ask")
    (look,) = await shown.site.accesses()
    assert (look.actor, look.act, look.query) == ("anna", "console-login", "oidc from 127.0.0.1")


async def test_who_is_no_auditor_stays_out(shown: ConsoleInBrowser) -> None:
    await say_who(shown, "mallory")
    await shown.browser.wait_for("p", "This login is not valid")
    (look,) = await shown.site.accesses()
    assert (look.actor, look.act) == ("", "console-login-refused")
    await shown.open("/search")
    await shown.browser.wait_for("h1", "Log in")


async def test_an_answer_that_was_not_asked_for_is_refused(shown: ConsoleInBrowser) -> None:
    browser = shown.browser
    await shown.open("/login/oidc/back?code=any&state=any")
    await browser.wait_for("p", "This login is not valid")
