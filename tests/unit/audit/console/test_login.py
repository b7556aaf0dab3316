"""Who gets into the console, for how long, and that each try is a record."""

from pathlib import Path

import pytest

from components.audit.console.limit import MOST_FAILURES, WINDOW_S
from components.audit.console.login.link import LIFETIME_S, LinkClaim, LinkError, open_claim, seal_claim
from components.audit.console.session import COOKIE
from components.audit.console.state import ConsoleState
from tests.support.audit_site import Site
from tests.support.console_site import KEY, Clock, another, make_console_site, open_console


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_console_site(tmp_path)


async def test_a_link_logs_in_once_and_is_recorded(site: Site) -> None:
    async with open_console(site) as visitor:
        token = visitor.token("anna")
        first = await visitor.post("/login/link", {"token": token})
        assert first.status == 303
        cookie = first.headers["Set-Cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Strict"} <= set(cookie.split("; ")[1:])
        status, text = await visitor.get("/account")
        assert (status, "Anna Auditor" in text) == (200, True)
        again = await another(visitor).post("/login/link", {"token": token})
        assert (again.status, "Set-Cookie" in again.headers) == (403, False)
    looks = [(each.actor, each.act, each.query, each.result_count) for each in await site.accesses()]
    assert looks == [
        ("anna", "console-login", "link from 127.0.0.1", 1),
        ("", "console-login-refused", "link from 127.0.0.1", 0),
    ]


async def test_a_used_link_stays_used_after_a_restart(site: Site) -> None:
    async with open_console(site) as visitor:
        token = visitor.token("anna")
        assert (await visitor.post("/login/link", {"token": token})).status == 303
    async with open_console(site) as visitor:
        assert (await visitor.post("/login/link", {"token": token})).status == 403


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: "9" + token,
        lambda token: token.replace(".", "", 1),
        lambda token: token + "." + token,
        lambda token: "é" + token,
        lambda token: "x" * 5000,
    ],
)
async def test_a_changed_link_is_refused(site: Site, change: object) -> None:
    async with open_console(site) as visitor:
        token = change(visitor.token("anna"))  # type: ignore[operator]
        assert (await visitor.post("/login/link", {"token": token})).status == 403


async def test_a_link_ends_and_names_a_listed_auditor(site: Site) -> None:
    clock = Clock()
    async with open_console(site, clock) as visitor:
        token = visitor.token("anna")
        clock.now_s += LIFETIME_S
        assert (await visitor.post("/login/link", {"token": token})).status == 403
        assert (await visitor.post("/login/link", {"token": visitor.token("nobody")})).status == 403


def test_claims_of_other_keys_do_not_open() -> None:
    sealed = seal_claim(b"another key" * 9, LinkClaim("anna", 2_000_000_000, "n"))
    with pytest.raises(LinkError):
        open_claim(KEY, sealed, 0)


async def test_failures_make_an_address_wait_and_stop_being_recorded(site: Site) -> None:
    clock = Clock()
    async with open_console(site, clock) as visitor:
        for _ in range(MOST_FAILURES):
            assert (await visitor.post("/login/link", {"token": "1.2.3.4"})).status == 403
        refused = await visitor.post("/login/link", {"token": visitor.token("anna")})
        assert (refused.status, refused.headers["Retry-After"]) == (429, "61")
        clock.now_s += WINDOW_S + 1
        assert (await visitor.post("/login/link", {"token": visitor.token("anna")})).status == 303
    assert len(await site.accesses()) == MOST_FAILURES + 1


async def test_a_session_ends_when_idle_and_after_its_hours(site: Site) -> None:
    clock = Clock()
    async with open_console(site, clock) as visitor:
        await visitor.log_in("anna")
        for _ in range(8 * 5 - 1):
            clock.now_s += 12 * 60
            assert (await visitor.get("/account"))[0] == 200
        clock.now_s += 12 * 60
        assert (await visitor.get("/account"))[0] == 303
        await visitor.log_in("anna")
        clock.now_s += 15 * 60
        assert (await visitor.get("/account"))[0] == 303


async def test_logging_out_ends_it(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        kept = dict(visitor.cookies)
        assert (await visitor.post("/logout", {})).status == 303
        visitor.cookies = kept
        assert (await visitor.get("/account"))[0] == 303


async def test_who_is_no_longer_listed_is_out(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("greta")
        kept = site.path.read_text()
        site.path.write_text(kept.replace('id = "greta"', 'id = "other"'))
        visitor.console.site = type(site.settings)(site.path)
        assert (await visitor.get("/account"))[0] == 303


async def test_each_login_has_a_session_name_of_its_own(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        before = visitor.cookies[COOKIE]
        await visitor.log_in("anna")
        assert visitor.cookies[COOKIE] != before
        visitor.cookies[COOKIE] = before
        assert (await visitor.get("/account"))[0] == 303


def test_what_is_not_the_consoles_file_is_told(tmp_path: Path) -> None:
    for text in ("[]", "{}", '{"used_links": 1, "passkeys": []}', "{"):
        (tmp_path / "console.json").write_text(text)
        with pytest.raises(ValueError):
            ConsoleState.open(tmp_path / "console.json")
