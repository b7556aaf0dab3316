"""The console attacked: sessions, links, forms, addresses, floods, and what a refusal gives away."""

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from components.archive.opener import RecordOpener
from components.audit.console import middleware
from components.audit.console.app import ROUTES, Route
from components.audit.console.headers import COMMON
from components.audit.console.limit import MOST_AT_ONCE, Pace
from components.audit.console.login.ceremony import Ceremonies
from components.audit.console.looks import Looks
from components.audit.console.session import COOKIE, Sessions
from components.audit.console.visit import Visit
from components.audit.review import held as held_messages
from tests.support.audit_site import Site
from tests.support.console_site import Clock, another, make_console_site, open_console
from tests.support.held_gate import HoldingGate
from tests.support.process import wait_until

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
GEORGE, HANNA = "george@grain.example/desk", "hanna@grain.example"
ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/record/gate/1",
    "/\\evil.example",
    "/record/gate/1\r\nLocation: https://evil.example/",
    "/record/gate/1/../../../evil",
    "javascript:hit()",
    "/record/gate/1?next=//evil.example",
)


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(held_messages, "_ask", HoldingGate([]).answer)
    site = await make_console_site(tmp_path)
    await site.record(
        site.say(ALICE, BOB, "copper one", rules=("off-channel",)),
        site.say(ALICE, BOB, "copper two", at_s=1),
        site.say(GEORGE, HANNA, "wheat", at_s=2),
    )
    return site


def fill(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: "gate" if found[1] == "log" else "1", path)


async def test_a_session_that_somebody_else_put_there_is_not_gone_on_with(site: Site) -> None:
    async with open_console(site) as attacker:
        await attacker.log_in("greta")
        planted = dict(attacker.cookies)
        victim = another(attacker)
        for name in (planted[COOKIE], "made-up-name", ""):
            victim.cookies = {COOKIE: name}
            await victim.log_in("anna")
            assert victim.cookies[COOKIE] not in ("", name, "made-up-name")
        # Whoever planted it has nothing of it: it is over, and it never was the victim's.
        attacker.cookies = planted
        assert (await attacker.get("/account"))[0] == 303
        assert "Anna Auditor" in (await victim.get("/account"))[1]


async def test_a_link_that_is_opened_many_times_at_once_logs_in_once(site: Site) -> None:
    async with open_console(site) as visitor:
        token = visitor.token("anna")
        tries = [another(visitor).post("/login/link", {"token": token}) for _ in range(6)]
        statuses = Counter(answer.status for answer in await asyncio.gather(*tries))
        assert (statuses, len(visitor.console.sessions)) == ({303: 1, 403: 5}, 1)
    acts = Counter(each.act for each in await site.accesses())
    assert acts == {"console-login": 1, "console-login-refused": 5}


@pytest.mark.slow
async def test_no_answer_but_of_static_files_is_kept_or_framed(site: Site) -> None:
    async with open_console(site) as visitor:
        for who in ("", "anna"):
            if who:
                await visitor.log_in(who)
            for route in ROUTES:
                if route.path.startswith("/static/"):
                    continue
                answer = await visitor.ask(route.method, fill(route.path), {"Origin": visitor.origin}, {})
                told = {name: answer.headers.get(name) for name in COMMON}
                assert told == dict(COMMON), route.path


@pytest.mark.slow
async def test_no_form_leads_to_another_host(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        for where in ELSEWHERE:
            for route in ROUTES:
                if route.method != "POST" or route.path == "/logout":
                    continue
                fields = dict.fromkeys(
                    ("back", "next", "go_to", "matter", "id", "zone", "title", "reason"), where
                )
                if route.path == "/purpose":
                    fields["matter"] = ""
                answer = await visitor.post(fill(route.path), fields)
                location = answer.headers.get("Location", "/")
                assert re.fullmatch(r"/(?![/\\])[\w/-]*", location), (route.path, location)
                assert answer.headers.getall("Location", [location]) == [location]


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "(" * 3000,
        "(" * 1500 + "copper" + ")" * 1500,
        "NOT " * 1200 + "copper",
        "copper OR " * 400 + "copper",
        '"' + "copper " * 600 + '"',
        "/(a+)+$(b|b)*/",
        "/" + "(" * 900 + "/",
        "copper~" * 300,
        "w/5 " * 500,
        "\ud800 \x00 \x1b[2J copper",
        "date:9999999999999-01-01..x from: ..",
        "size:99999999999999999999999tb..",
    ],
    ids=range(12),
)
async def test_a_huge_or_broken_query_is_answered_and_nothing_fails(site: Site, query: str) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        asked = quote(query.encode("utf-8", "surrogatepass"))
        for path in (f"/search?q={asked}", f"/conversation/{site.id_of(0)}?q={asked}"):
            assert (await visitor.get(path))[0] in (200, 400), query[:20]
        began = await visitor.post(
            "/exports", {"query": query.encode("utf-8", "replace").decode(), "format": "csv"}
        )
        assert began.status in (303, 400)
        assert visitor.console.metrics.failed == 0


async def test_what_is_too_long_is_refused_before_it_is_read(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        assert (await visitor.get("/search?q=" + "a" * 60_000))[0] == 400
        assert (await visitor.post("/matters", {"title": "a" * 30_000})).status == 413
        assert (await visitor.post("/matters", {"title": "a" * 300_000})).status == 413
        many = [("csrf", visitor.csrf), *(("record", "gate/1") for _ in range(201)), ("matter", "x")]
        answer = await visitor.ask("POST", "/matters/exhibits", {"Origin": visitor.origin}, many)
        assert answer.status == 400
    assert {each.act for each in await site.accesses()} == {"console-login"}


async def test_a_form_that_does_not_end_is_not_waited_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "_BODY_TIMEOUT_S", 0.01)
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        port, cookie = visitor.client.port, f"{COOKIE}={visitor.cookies[COOKIE]}"
        for path in ("/login/link", "/matters"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = {
                "Host": visitor.origin.removeprefix("https://"), "Origin": visitor.origin, "Cookie": cookie,
                "Content-Type": "application/x-www-form-urlencoded", "Content-Length": "50",
            }  # fmt: skip
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            writer.write(f"POST {path} HTTP/1.1\r\n{lines}\r\ntoken=".encode())
            assert b" 408 " in await reader.readline()
            writer.close()
        assert (await visitor.get("/account"))[0] == 200


async def test_one_auditor_asks_only_so_often_over_all_sessions(site: Site) -> None:
    clock = Clock()
    async with open_console(site, clock) as visitor:
        await visitor.log_in("anna")
        visitor.console.pace = Pace(6, clock)
        again = another(visitor)
        await again.log_in("anna")
        statuses = [(await each.get("/account"))[0] for each in (visitor, again) * 4]
        assert statuses == [200] * 5 + [429] * 3
        refused = await visitor.ask("GET", "/search?q=copper", {})
        assert (refused.status, refused.headers["Retry-After"]) == (429, "61")
        greta = another(visitor)
        await greta.log_in("greta")
        assert (await greta.get("/account"))[0] == 200
        clock.now_s += 61
        assert (await visitor.get("/account"))[0] == 200
    # What is refused is no look.
    assert "search" not in {each.act for each in await site.accesses()}


async def test_one_auditor_has_only_so_many_requests_under_way(site: Site) -> None:
    goes_on, waiting = asyncio.Event(), list[str]()

    async def wait(visit: Visit) -> Any:
        waiting.append(visit.who.id)
        await goes_on.wait()
        return visit.go_to("/account")

    async with open_console(site, routes=(*ROUTES, Route("GET", "/slow", wait))) as visitor:
        await visitor.log_in("anna")
        asked = [asyncio.create_task(visitor.get("/slow")) for _ in range(MOST_AT_ONCE)]
        assert await wait_until(lambda: len(waiting) == MOST_AT_ONCE)
        assert (await visitor.get("/account"))[0] == 429
        greta = another(visitor)
        await greta.log_in("greta")
        assert (await greta.get("/account"))[0] == 200
        goes_on.set()
        assert {status for status, _ in await asyncio.gather(*asked)} == {303}
        assert (await visitor.get("/account"))[0] == 200


async def test_exports_keep_nobody_from_searching(site: Site) -> None:
    goes_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def stand() -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(goes_on.wait(), loop))

    async with open_console(site) as visitor:
        console = visitor.console
        under_way = [asyncio.create_task(console.exporting.take(stand)) for _ in range(9)]
        await visitor.log_in("anna")
        assert (await visitor.get("/search?q=copper"))[0] == 200
        goes_on.set()
        await asyncio.gather(*under_way)


async def test_exports_go_their_own_way_and_only_some_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, goes_on = list[Looks](), asyncio.Event()

    async def take(self: Looks, look: Any) -> Any:
        taken.append(self)
        if self is visitor.console.exporting:
            await goes_on.wait()
            raise OSError("nothing was written")
        return await original(self, look)

    original = Looks.take
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        monkeypatch.setattr(Looks, "take", take)
        began = [await visitor.post("/exports", {"query": "copper", "format": "csv"}) for _ in range(5)]
        assert [each.status for each in began] == [303, 303, 303, 400, 400]
        await asyncio.sleep(0)
        assert taken == [visitor.console.exporting] * 3
        goes_on.set()


def test_sessions_of_one_auditor_end_their_own() -> None:
    sessions = Sessions(900, 8 * 3600, Clock())
    victim = sessions.begin("anna", "en", "UTC")
    names = [sessions.begin("greta", "en", "UTC") for _ in range(3_000)]
    assert sessions.find(victim) is not None
    assert [sessions.find(name) is not None for name in (names[0], names[-21], names[-20], names[-1])] == [
        False,
        False,
        True,
        True,
    ]
    assert len(sessions) == 21


def test_logins_that_one_address_begins_end_its_own() -> None:
    ceremonies = Ceremonies[str](Clock())
    victim = ceremonies.begin("a challenge", "192.0.2.1")
    flood = [ceremonies.begin("flood", "192.0.2.66") for _ in range(5_000)]
    assert ceremonies.end(victim) == "a challenge"
    assert [ceremonies.end(flood[at]) for at in (0, -51, -50, -1)] == [None, None, "flood", "flood"]


async def test_nothing_of_a_request_comes_into_the_consoles_log(site: Site) -> None:
    async def fail(visit: Visit) -> Any:
        raise ValueError(visit.argument("q"))

    hostile = 'x%0a{"event":"serving"}%1b[31m'
    with capture_logs() as lines:
        async with open_console(site, routes=(*ROUTES, Route("GET", "/broken", fail))) as visitor:
            await visitor.log_in("anna")
            for path in (
                f"/broken?q={hostile}",
                f"/search?q={hostile}",
                f"/{hostile}",
                f"/record/gate/{hostile}",
            ):
                await visitor.get(path)
            await visitor.post("/login/link", {"token": "x\n[31m serving"})
    assert [line["event"] for line in lines] == ["failed", "alarm"]
    assert "serving" not in str(lines) and "\x1b" not in str(lines)


async def test_a_query_with_line_ends_is_one_line_of_the_history(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        assert (await visitor.get("/search?q=copper%0aaudit/99%20mallory%0d%1b[2K"))[0] == 200
    (look,) = [each for each in await site.accesses() if each.act == "search"]
    assert look.query.isprintable()


async def test_what_is_of_others_is_not_even_opened(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a refusal takes tells nothing: the same is done for what is not there and for what is not theirs."""
    fetched = list[tuple[int, int]]()
    original = RecordOpener.fetch

    async def fetch(self: RecordOpener, first: int, count: int) -> Any:
        fetched.append((first, count))
        return await original(self, first, count)

    async with open_console(site) as visitor:
        await visitor.log_in("greta")
        own = site.id_of(2)
        assert "wheat" in (await visitor.get(f"/record/{own}"))[1]
        monkeypatch.setattr(RecordOpener, "fetch", fetch)
        done = {}
        for record in (site.id_of(0), site.id_of(1), "gate/0", "gate/987654321", "gate/999999999999999999"):
            fetched.clear()
            status, page = await visitor.get(f"/record/{record}")
            # What the index reads of the logs to go on from is about what is new there, and the same for all.
            places = [first for first, _ in fetched]
            done[record] = (status, len(fetched), page.replace(record, "ID"))
            assert int(record.partition("/")[2]) not in places
        assert len(set(done.values())) == 1
        assert done["gate/0"][0] == 400
