"""A page of the queues of two sites, one of which goes away between its desk and the first lines of its texts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from components.archive.errors import LogError
from components.audit import indexed
from components.audit.review.desk import Wanted
from components.audit.sites.desks import Reviewing
from components.audit.sites.queue import QueuePage, Start, read_page
from components.settings.site import SiteFile
from tests.support.audit_sites import Cities
from tests.support.review_cities import make_review_cities

pytestmark = pytest.mark.slow
ERIN = Reviewing(who="erin")


@pytest.fixture
async def cities(tmp_path: Path) -> Cities:
    return await make_review_cities(tmp_path)


def close_the_log_of(site: SiteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody read this site's records any more; its desk is made from the index and the audit log."""

    @asynccontextmanager
    async def open_indexed(settings: SiteFile) -> AsyncIterator[Any]:
        if settings.path.resolve() == site.path.resolve():
            raise LogError("the log went away")
        async with indexed.open_indexed(settings) as logs:
            yield logs

    monkeypatch.setattr("components.audit.sites.queue.open_indexed", open_indexed)


def names_of(page: QueuePage) -> Sequence[str]:
    return [each.at.name for each in page.shown]


async def test_a_site_that_goes_away_is_named_and_not_counted(
    cities: Cities, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = cities.shanghai.settings
    whole = await read_page(here, Wanted(), ERIN, Start(), 2)
    assert (names_of(whole), whole.found, whole.desks.faults) == (["shanghai", "london"], 5, ())
    close_the_log_of(cities.london.settings, monkeypatch)
    first = await read_page(here, Wanted(), ERIN, Start(), 2)
    # The page is a whole one again, and the next one begins behind it.
    assert (names_of(first), first.skipped, first.found) == (["shanghai"] * 2, 0, 3)
    assert [(each.name, each.reason) for each in first.desks.faults] == [("london", "the log went away")]
    rest = await read_page(here, Wanted(), ERIN, Start(after=first.next), 2)
    assert (names_of(rest), rest.skipped, rest.found, rest.next) == (["shanghai"], 2, 3, "")
    assert {each.id for each in (*first.shown, *rest.shown)} == {f"gate/{each}" for each in numbers(cities)}
    assert all(each.line for each in first.shown)


def numbers(cities: Cities) -> list[int]:
    return [int(cities.shanghai.id_of(each).rpartition("/")[2]) for each in range(3)]


async def test_each_first_line_that_is_shown_is_in_a_record(
    cities: Cities, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_the_log_of(cities.london.settings, monkeypatch)
    page = await read_page(cities.shanghai.settings, Wanted(), ERIN, Start(), 5)
    *_, newest = await cities.shanghai.accesses()
    assert [name for name, _ in page.access_ids] == ["shanghai"]
    assert newest.act == "review-queue" and len(page.shown) == newest.result_count == 3
    assert newest.query.split()[-3:] == [each.item.id for each in page.shown]
