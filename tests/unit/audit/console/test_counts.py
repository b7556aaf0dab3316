"""Timelines, facets and the overview: exact, within what one may see, and drawn so that nothing in them is markup."""

import re
from datetime import date, timedelta
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest

from components.audit.console.charts import draw_timeline, gather_bars
from components.audit.facets import DayCount
from tests.support.audit_site import REFUSAL, Site
from tests.support.console_site import make_console_site, open_console

pytestmark = pytest.mark.slow

DAY_S = 86_400
ALICE, BOB, GEORGE, HANNA = (
    "alice@metals.example/d",
    "bob@metals.example",
    "george@grain.example/d",
    "hanna@grain.example",
)


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = await make_console_site(tmp_path)
    await site.record(
        site.say(ALICE, BOB, "copper one"),
        site.say(ALICE, BOB, "copper two", at_s=DAY_S, action="refuse", error=REFUSAL, rules=("border",)),
        site.say(BOB, "alice@metals.example", "copper three", at_s=3 * DAY_S),
        site.say(GEORGE, HANNA, "copper grain", at_s=3 * DAY_S, action="hold", rules=("grainy",)),
    )
    return site


def facets_of(page: str) -> dict[str, int]:
    """What the facets of a page say, by the links' conditions."""
    found = re.findall(r'<li><a href="([^"]+)">.*?<span class="quiet">([\d,]+)</span>', page)
    return {
        unescape(href).rpartition("+")[2].replace("%3A", ":").replace("%40", "@"): int(n) for href, n in found
    }


async def test_facets_and_days_are_those_of_the_result(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        _, page = await visitor.get("/search?q=copper")
        assert facets_of(page) == {
            "from:alice@metals.example": 2,
            "from:bob@metals.example": 1,
            "from:george@grain.example": 1,
            "verdict:release": 2,
            "verdict:refuse": 1,
            "verdict:hold": 1,
            "rule:border": 1,
            "rule:grainy": 1,
        }
        assert re.findall(r'data-from="([^"]+)" data-to="[^"]+" aria-label="[^"]+: (\d+)"', page) == [
            ("2026-11-23", "1"),
            ("2026-11-24", "1"),
            ("2026-11-25", "0"),
            ("2026-11-26", "2"),
        ]
        # Each leads to as many as it says.
        for href in re.findall(r'<li><a href="([^"]+)">', page):
            _, narrowed = await visitor.get(unescape(href))
            said = re.search(r"(\d+) of 5 records match", narrowed)
            assert (
                said is not None
                and int(said[1])
                == facets_of(page)[unescape(href).rpartition("+")[2].replace("%3A", ":").replace("%40", "@")]
            )


async def test_counts_know_nothing_of_other_enterprises(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("greta")
        _, page = await visitor.get("/search?q=copper")
        assert "1 of 1 records match" in page
        assert "metals" not in page.replace("copper from:alice@metals.example", "") and "border" not in page
        assert page.count("data-from=") == 1
        _, overview = await visitor.get("/overview")
        assert "metals.example" not in overview and "gate" not in overview
        assert re.findall(r'class="figure">(?:<a [^>]+>)?(\d+)', overview)[:3] == ["1", "0", "1"]


async def test_the_overview_tells_of_the_line(site: Site) -> None:
    run = site.path.parent / "run"
    run.mkdir(exist_ok=True)
    alarm = '{"name": "canary-lost", "times": 2, "last_at_ns": 1795464245000000000}'
    (run / "gate.status.json").write_text(f'{{"state": "connected", "pid": 1, "alarms": [{alarm}]}}')
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        _, page = await visitor.get("/overview")
        assert "canary-lost" in page and "has not told its status yet" in page
    assert [each.act for each in await site.accesses()] == ["console-login", "overview"]


def test_many_days_are_gathered_and_none_is_lost() -> None:
    first = date(2020, 1, 1)
    days = [DayCount(first + timedelta(days=3 * n), (("release", n), ("refuse", 1))) for n in range(500)]
    bars = gather_bars(days)
    assert len(bars) <= 90
    assert sum(bar.records for bar in bars) == sum(day.records for day in days)
    assert sum(bar.verdicts[1] for bar in bars) == 500
    assert all(left.last + timedelta(days=1) == right.first for left, right in pairwise(bars))


def test_what_is_drawn_is_escaped() -> None:
    hostile = '"><script>'
    days = [DayCount(date(2020, 1, 1), (("hold", 1),))]
    drawn = draw_timeline(days, hostile, lambda first, last: hostile, lambda day, number: hostile)
    assert "<script" not in drawn and 'href="&#34;&gt;&lt;script&gt;"' in drawn
