"""Logging in by an identity provider, over the network: what is refused, and what a provider may do wrong."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from joserfc.jwk import ECKey

from components.audit.console.limit import MOST_FAILURES
from components.audit.console.session import COOKIE
from tests.support.audit_site import Site, make_site
from tests.support.certificates import CertificateAuthority
from tests.support.console_site import AUDITORS, CONSOLE, KEY, Clock, Visitor, another, open_console
from tests.support.scripted_provider import Answer, ScriptedProvider, serve_provider

LOGIN_COOKIE = "__Host-steelyard-login"
DISCOVERY = "/.well-known/openid-configuration"
TOO_MUCH = b" " * 2 * 1024 * 1024

Opened = tuple[Visitor, ScriptedProvider, Site]


@pytest.fixture
async def opened(tmp_path: Path, authority: CertificateAuthority) -> AsyncIterator[Opened]:
    certificates = authority.issue(tmp_path / "certs", ["localhost"])
    clock = Clock()
    async with serve_provider(certificates / "localhost.crt", clock) as provider:
        (tmp_path / "site").mkdir()
        oidc = {"issuer": provider.issuer, "client_id": "console", "client_secret_file": "keys/oidc.secret"}
        tables = {"console": CONSOLE, "console.oidc": oidc | {"authority": str(certificates / "ca.crt")}}
        made = await make_site(tmp_path / "site", **tables)
        made.path.write_text(made.path.read_text() + AUDITORS)
        made.path.parent.joinpath("keys", "console.link").write_bytes(KEY)
        made.path.parent.joinpath("keys", "oidc.secret").write_text("s3cret\n")
        site = Site(made.path, type(made.settings)(made.path))
        async with open_console(site, clock) as visitor:
            yield visitor, provider, site


async def go_there(visitor: Visitor) -> str:
    """Ask to be sent to the provider; return where it sends."""
    answer = await visitor.ask("GET", "/login/oidc", {})
    assert answer.status == 303, await answer.text()
    return answer.headers["Location"]


async def come_back(visitor: Visitor, back: str) -> int:
    return (await visitor.ask("GET", back, {})).status


async def is_in(visitor: Visitor) -> bool:
    status, text = await visitor.get("/account")
    return status == 200 and "Anna Auditor" in text


async def test_who_comes_back_with_a_code_is_logged_in_by_a_new_session(opened: Opened) -> None:
    visitor, provider, _ = opened
    visitor.cookies[COOKIE] = "a-name-that-somebody-else-gave"
    assert await come_back(visitor, provider.log_in(await go_there(visitor))) == 200
    assert visitor.cookies[COOKIE] != "a-name-that-somebody-else-gave"
    assert visitor.cookies[LOGIN_COOKIE] == ""
    assert await is_in(visitor)
    kept = dict(visitor.cookies)
    assert (await visitor.post("/logout", {})).status == 303
    visitor.cookies = kept
    assert not await is_in(visitor), "the session's name is good after it was ended"


async def test_another_address_to_go_on_to_counts_for_nothing(opened: Opened) -> None:
    visitor, provider, _ = opened
    for elsewhere in ("//evil.example", "\\evil.example", "https://evil.example"):
        answer = await visitor.ask("GET", f"/login/oidc?next={elsewhere}", {})
        back = f"{provider.log_in(answer.headers['Location'])}&next={elsewhere}"
        page = await visitor.ask("GET", back, {})
        assert page.status == 200
        assert "evil.example" not in str(page.headers) + await page.text()


@pytest.mark.parametrize("wrong", ["no state", "another state", "no code", "another code", "an error"])
async def test_an_answer_with_something_else_in_it_is_refused_and_cannot_be_used_again(
    opened: Opened, wrong: str
) -> None:
    visitor, provider, site = opened
    back = provider.log_in(await go_there(visitor))
    state = back.rpartition("=")[2]
    said = {
        "no state": back.replace(f"&state={state}", ""),
        "another state": back + "x",
        "no code": f"/login/oidc/back?state={state}",
        "another code": back.replace("code=", "code=x"),
        "an error": f"/login/oidc/back?error=access_denied&state={state}",
    }
    assert await come_back(visitor, said[wrong]) == 403
    assert not await is_in(visitor)
    refused = [(each.actor, each.act) for each in await site.accesses()]
    assert refused == [("", "console-login-refused")]


async def test_an_answer_is_good_once_and_in_its_own_browser(opened: Opened) -> None:
    visitor, provider, _ = opened
    back = provider.log_in(await go_there(visitor))
    victim = another(visitor)
    assert await come_back(victim, back) == 403
    await go_there(victim)
    assert await come_back(victim, back) == 403, "it was taken with the cookie of another login"
    assert await come_back(visitor, back) == 200
    assert await come_back(visitor, back) == 403


async def test_codes_of_two_logins_are_not_exchanged(opened: Opened) -> None:
    visitor, provider, _ = opened
    first = provider.log_in(await go_there(another(visitor)))
    second = provider.log_in(await go_there(visitor))
    mixed = f"{first.partition('&')[0]}&{second.partition('&')[2]}"
    assert await come_back(visitor, mixed) == 403


async def test_new_keys_of_the_provider_count_at_once(opened: Opened) -> None:
    visitor, provider, _ = opened
    assert await come_back(visitor, provider.log_in(await go_there(visitor))) == 200
    provider.key = ECKey.generate_key("P-256", {"kid": "second"})
    assert await come_back(visitor, provider.log_in(await go_there(visitor))) == 200


async def goes_away(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def answers_503(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=503)


async def says_no_json(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>")


async def says_a_list(_request: web.Request) -> web.StreamResponse:
    return web.json_response([])


async def says_what_is_too_deep(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="[" * 100_000)


AWAY: dict[str, Answer] = {each.__name__: each for each in (goes_away, answers_503)}
GARBLED: dict[str, Answer] = {
    each.__name__: each for each in (says_no_json, says_a_list, says_what_is_too_deep)
}


@pytest.mark.parametrize("does", AWAY | GARBLED)
async def test_nobody_is_sent_to_a_provider_that_does_not_say_where(opened: Opened, does: str) -> None:
    visitor, provider, _ = opened
    provider.instead[DISCOVERY] = (AWAY | GARBLED)[does]
    status, text = await visitor.get("/login/oidc")
    assert (status, "does not answer now" in text) == (502, True)


@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
@pytest.mark.parametrize("does", AWAY | GARBLED)
async def test_a_provider_that_fails_is_no_failure_of_who_logs_in(
    opened: Opened, path: str, does: str
) -> None:
    visitor, provider, site = opened
    for _ in range(MOST_FAILURES + 1):
        back = provider.log_in(await go_there(visitor))
        provider.instead[path] = (AWAY | GARBLED)[does]
        status, text = await visitor.get(back)
        assert (status, "does not answer now" in text) == (502, True)
        provider.instead.clear()
    assert await site.accesses() == []
    assert await come_back(visitor, provider.log_in(await go_there(visitor))) == 200


@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/keys"])
async def test_an_answer_that_is_far_too_long_is_not_taken(opened: Opened, path: str) -> None:
    visitor, provider, _ = opened
    back = provider.log_in(await go_there(visitor))

    async def says_it_behind_blanks(request: web.Request) -> web.StreamResponse:
        provider.instead.clear()
        proper = await provider.answer(request)
        assert isinstance(proper, web.Response)
        assert isinstance(proper.body, bytes)
        return web.Response(body=TOO_MUCH + proper.body)

    provider.instead[path] = says_it_behind_blanks
    assert await come_back(visitor, back) == 502


@pytest.mark.parametrize("lost", ["keys/oidc.secret", "../certs/ca.crt"])
async def test_a_file_of_the_console_that_is_gone_is_told_in_its_log_and_to_nobody_else(
    opened: Opened, lost: str, capsys: pytest.CaptureFixture[str]
) -> None:
    visitor, provider, site = opened
    back = provider.log_in(await go_there(visitor))
    file = (site.path.parent / lost).resolve()
    file.unlink()
    status, text = await visitor.get(back)
    assert (status, "does not answer now" in text) == (502, True)
    assert file.name not in text
    assert str(file) in capsys.readouterr().out
