"""What stands between the network and the pages: headers, hosts, tokens, other sites, roles."""

import hashlib
import re
from pathlib import Path

import pytest

from components.audit.console.app import ROUTES
from components.audit.console.headers import COMMON
from components.audit.console.render import STATIC, address_of
from tests.support.audit_site import Site
from tests.support.console_site import Visitor, make_console_site, open_console

HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""Of dist/htmx.min.js in htmx.org@2.0.11, from the npm registry."""


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_console_site(tmp_path)


def fill(path: str) -> str:
    """Return an address of a route."""
    return re.sub(r"\{(\w+)\}", lambda found: "gate" if found[1] == "log" else "1", path)


async def test_nothing_is_shown_to_who_is_not_logged_in(site: Site) -> None:
    async with open_console(site) as visitor:
        for route in ROUTES:
            if route.is_public:
                continue
            response = await visitor.ask(route.method, fill(route.path), {"Origin": visitor.origin}, None)
            assert (response.status, response.headers["Location"]) == (303, "/login"), route.path
    assert await site.accesses() == []


async def test_every_answer_has_the_headers(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        paths = (
            "/login",
            "/search?q=copper",
            "/search?q=%22",
            "/nowhere",
            "/record/gate/99",
            address_of("console.js"),
        )
        for path in paths:
            response = await visitor.ask("GET", path, {})
            for name, value in COMMON.items():
                if name != "Cache-Control" or "/static/" not in path:
                    assert response.headers.getall(name) == [value], (path, name)


async def test_a_policy_that_lets_nothing_else_in() -> None:
    policy = dict(part.split(" ", 1) for part in COMMON["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


async def test_pages_need_nothing_that_the_policy_forbids(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        for path in ("/login", "/search", "/search?q=copper", "/account"):
            _, text = await visitor.get(path)
            assert not re.search(
                r"\sstyle=|\son[a-z]+=|javascript:|<style|<script(?![^>]*\ssrc=)|https?://", text
            )


async def test_htmx_is_the_one_that_was_taken_in_and_evaluates_nothing(site: Site) -> None:
    content = (STATIC / "htmx-2.0.11.min.js").read_bytes()
    assert hashlib.sha256(content).hexdigest() == HTMX_SHA256
    assert "Zero-Clause BSD" in (STATIC / "htmx-2.0.11.LICENSE").read_text()
    async with open_console(site) as visitor:
        _, text = await visitor.get("/login")
    assert '"allowEval": false' in text
    assert '"includeIndicatorStyles": false' in text


async def test_another_name_for_the_console_is_not_answered(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        response = await visitor.ask("GET", "/account", {"Host": "evil.example"})
        assert response.status == 421
        assert "Anna" not in await response.text()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_forms_of_other_sites_are_refused(site: Site, headers: dict[str, str]) -> None:
    async with open_console(site) as visitor:
        token = visitor.token("anna")
        refused = await visitor.post("/login/link", {"token": token}, **headers)
        assert refused.status == 403
        await visitor.log_in("anna")
        refused = await visitor.post("/preferences", {"language": "de"}, **headers)
        assert refused.status == 403


async def test_browsers_that_hide_the_origin_say_that_it_is_the_same(site: Site) -> None:
    async with open_console(site) as visitor:
        fields = {"token": visitor.token("anna")}
        sent = await visitor.post(
            "/login/link", fields, **{"Origin": "null", "Sec-Fetch-Site": "same-origin"}
        )
        assert sent.status == 303


@pytest.mark.parametrize("csrf", ["", "x", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
async def test_forms_without_the_sessions_token_are_refused(site: Site, csrf: str) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        for route in ROUTES:
            if route.method == "POST" and not route.is_public:
                response = await visitor.post(fill(route.path), {"csrf": csrf})
                assert response.status == 403, route.path


async def test_the_token_of_another_session_is_refused(site: Site) -> None:
    async with open_console(site) as visitor:
        other = Visitor(visitor.client, visitor.console)
        await other.log_in("greta")
        await visitor.log_in("anna")
        assert (await visitor.post("/preferences", {"csrf": other.csrf})).status == 403


async def test_other_sites_cannot_make_an_auditor_look(site: Site) -> None:
    await site.record(site.say("alice@metals.example", "bob@metals.example", "copper"))
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        before = len(await site.accesses())
        for where in ("cross-site", "same-site"):
            assert (await visitor.get("/search?q=copper", Sec_Fetch_Site=where))[0] == 403
            assert (await visitor.get("/record/gate/1", Sec_Fetch_Site=where))[0] == 403
        assert len(await site.accesses()) == before


async def test_static_files_are_a_fixed_list(site: Site) -> None:
    async with open_console(site) as visitor:
        assert (await visitor.get(address_of("console.css")))[0] == 200
        for path in ("/static/0/console.css", "/static/x/../../app.py", "/static/x/%2e%2e%2fapp.py"):
            assert (await visitor.get(path))[0] == 404
