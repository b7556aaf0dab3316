"""What pages show, to whom, and that each look is a record of who is logged in, whatever the browser does."""

import asyncio
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from components.archive.record import Delivery
from components.audit.console import visit as visits
from components.audit.console.render import _load_zone, find_zone
from tests.support.audit_site import REFUSAL, Site
from tests.support.audit_sites import name_sites
from tests.support.console_site import another, make_console_site, open_console
from tests.support.typed import file_of

ALICE, BOB, GEORGE, HANNA = (
    "alice@metals.example/desk",
    "bob@metals.example",
    "george@grain.example/desk",
    "hanna@grain.example",
)


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = await make_console_site(tmp_path)
    await site.record(
        site.say(ALICE, BOB, "copper one"),
        site.say(GEORGE, HANNA, "copper grain", at_s=1),
        site.say(ALICE, BOB, "copper two", at_s=2, action="refuse", error=REFUSAL, rules=("border",)),
        Delivery("e1", 2, ()),
    )
    return site


def text_of(page: str) -> str:
    """What a person reads on a page."""
    return unescape(re.sub(r"<[^>]+>", "", page))


async def test_a_search_is_the_auditors_own_look(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        status, page = await visitor.get("/search?q=copper")
        assert (status, "3 of 4 records match." in text_of(page)) == (200, True)
        assert page.index("copper</mark> two") < page.index("copper</mark> one")
        assert "21:04:05" in page and "+01:00" in page  # in Berlin, where the auditor's browser is
    (_, look) = await site.accesses()
    assert (look.actor, look.act, look.query, look.result_count) == ("anna", "search", '"copper"', 3)


@pytest.mark.parametrize("others", [(), ("london", "paris")], ids=["one site", "several"])
async def test_pages_say_that_they_cover_one_site_of_several(site: Site, others: tuple[str, ...]) -> None:
    name_sites(site, **{each: Path("/nowhere/site.toml") for each in others})
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        pages = [await visitor.get(path) for path in ("/search", "/search?q=copper", "/exports")]
    assert [status for status, _ in pages] == [200] * 3
    assert [", ".join(("london", "paris")) in text_of(page) for _, page in pages] == [bool(others)] * 3


async def test_a_wrong_query_points_at_the_place(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        status, page = await visitor.get("/search?q=copper%20AND%20(")
        assert status == 400
        assert 'aria-invalid="true"' in page
    assert [each.act for each in await site.accesses()] == ["console-login"]


async def test_a_record_is_shown_with_its_proof_in_words(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        status, page = await visitor.get(f"/record/{site.id_of(2)}")
        said = text_of(page)
        assert status == 200
        for words in (
            "Proved",
            "The content is what was recorded.",
            "It has not moved.",
            "copper two",
            "border",
        ):
            assert words in said
        assert REFUSAL.text in said
        assert "&lt;message" in page
    assert [each.act for each in await site.accesses()] == ["console-login", "show"]


async def test_what_is_not_proved_is_said_so(site: Site) -> None:
    site.settings.gate_log.verifier_key_file.unlink()
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        _, page = await visitor.get(f"/record/{site.id_of(0)}")
        assert "Not proved" in text_of(page)


async def test_records_of_others_are_as_those_that_there_are_not(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")  # audit/1
        await visitor.log_in("greta")
        status, page = await visitor.get(f"/record/{site.id_of(1)}")
        assert (status, "copper grain" in page) == (200, True)
        absent = await visitor.get("/record/gate/9999")
        for number in (0, 2):
            foreign = await visitor.get(f"/record/{site.id_of(number)}")
            assert foreign[0] == absent[0]
            assert foreign[1].replace(site.id_of(number), "gate/9999") == absent[1]
        for name in ("gate/0", "audit/1", "audit/9999"):
            other = await visitor.get(f"/record/{name}")
            assert other[1].replace(name, "gate/9999") == absent[1]


async def test_who_has_no_such_role_sees_nothing(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("oscar")
        for path in ("/search?q=copper", f"/record/{site.id_of(0)}"):
            assert (await visitor.get(path))[0] == 403
    assert [each.act for each in await site.accesses()] == ["console-login"]


async def test_a_look_is_recorded_although_the_browser_goes_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()
    take = visits.Visit.look

    async def look_and_go(visit: visits.Visit, make: Any) -> object:
        looking: asyncio.Task[object] = asyncio.create_task(take(visit, make))
        await asyncio.sleep(0)
        begun.set()
        return await looking

    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        monkeypatch.setattr(visits.Visit, "look", look_and_go)
        begun.clear()
        asking = asyncio.create_task(visitor.get("/search?q=copper"))
        await begun.wait()
        asking.cancel()
        await asyncio.wait([asking])
    assert [each.act for each in await site.accesses()] == ["console-login", "search"]


async def test_what_cannot_be_recorded_is_not_shown(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        file_of(site.settings.audit_log.key_file).unlink()
        for path in ("/search?q=copper", f"/record/{site.id_of(0)}"):
            status, page = await visitor.get(path)
            assert status == 503
            assert "copper</mark>" not in page and "copper one" not in page
        # Nor does anybody log in.
        late = another(visitor)
        response = await late.post("/login/link", {"token": late.token("anna")})
        assert (response.status, "Set-Cookie" in response.headers) == (503, False)


async def test_the_language_and_the_zone_are_kept_for_the_session(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        fields = {"language": "ko", "zone": "Asia/Seoul", "theme": "dark"}
        assert (await visitor.post("/preferences", fields)).status == 303
        _, page = await visitor.get("/search?q=copper")
        assert 'lang="ko" data-theme="dark"' in page
        assert "05:04:05" in page and "+09:00" in page
        for zone in ("../../etc/passwd", "Berlin", "", "\0", "Z" * 100):
            fields = {"language": "xx", "zone": zone, "theme": "<script>"}
            assert (await visitor.post("/preferences", fields)).status == 400
            _, page = await visitor.get("/account")
            assert 'lang="ko" data-theme="dark"' in page and 'value="Asia/Seoul"' in page


def test_what_browsers_say_of_their_zone_does_not_fill_the_memory() -> None:
    before = _load_zone.cache_info().currsize
    assert {find_zone("Z" * 65 + str(number)).key for number in range(1000)} == {"UTC"}
    assert _load_zone.cache_info().currsize == before
    assert {find_zone(f"Nowhere/{number}").key for number in range(1000)} == {"UTC"}
    assert _load_zone.cache_info().currsize <= 256
    assert find_zone("Europe/Berlin").key == "Europe/Berlin"


async def test_pages_go_on_to_older_records(site: Site) -> None:
    await site.record(*(site.say(ALICE, BOB, f"zinc {number}", at_s=9 + number) for number in range(60)))
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        _, first = await visitor.get("/search?q=zinc")
        older = re.search(r'data-next href="([^"]+)"', first)
        assert older is not None
        _, second = await visitor.get(unescape(older[1]))
        assert (first.count("data-item"), second.count("data-item")) == (50, 10)
        assert "data-next" not in second


async def test_a_conversation_is_read_around_a_record_within_what_one_may_see(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        status, page = await visitor.get(f"/conversation/{site.id_of(2)}?q=copper")
        said = text_of(page)
        assert status == 200
        assert said.index("copper one") < said.index("copper two")
        assert page.count('id="hit"') == 1 and "<mark>copper</mark>" in page and "copper grain" not in said
        whole = await visitor.get("/conversation?with=alice@metals.example+bob@metals.example")
        assert (whole[0], "copper two" in text_of(whole[1])) == (200, True)
        for wrong in (
            "/conversation?with=",
            "/conversation?with=a+b+c",
            f"/conversation/{site.id_of(2)}?at=soon",
        ):
            assert (await visitor.get(wrong))[0] == 400
        greta = another(visitor)
        await greta.log_in("greta")
        status, page = await greta.get(f"/conversation/{site.id_of(1)}")
        assert (status, "copper grain" in text_of(page)) == (200, True)
        _, absent = await greta.get("/conversation/gate/9999")
        for number in (0, 2, 3):
            status, page = await greta.get(f"/conversation/{site.id_of(number)}")
            assert (status, page.replace(site.id_of(number), "gate/9999")) == (400, absent)
