"""Pages of a result: each record once, in the order of time, and a digest that anybody can make again."""

from hashlib import sha256

import pytest

from components.audit.search import Order, Page, find_ids, search
from components.process.errors import SiteError
from tests.support.audit_site import Site
from tests.support.rounds import mostly_slow

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"


def quiet(_done: int, _total: int) -> None:
    pass


async def say_all(site: Site, times_s: list[float]) -> list[str]:
    """Return the ids in the order of time, those of one time in that of the log."""
    await site.record(*(site.say(ALICE, BOB, "copper", at_s=at_s) for at_s in times_s))
    ids = [site.id_of(number) for number in range(len(times_s))]
    return [id_ for _, _, id_ in sorted(zip(times_s, range(len(times_s)), ids, strict=True))]


@pytest.mark.parametrize("limit", mostly_slow([2, 1, 3, 7, 50]))
@pytest.mark.parametrize("order", Order)
async def test_pages_follow_each_other_without_a_gap(site: Site, order: Order, limit: int) -> None:
    ids = await say_all(site, [0, 1, 1, 1, 5, 3, 2])
    shown: list[str] = []
    before, more = "", True
    while more:
        result = await search(site.settings, "copper", Page(limit, before, order), quiet)
        page = [view.id for view in result.records]
        shown = [*page, *shown] if order is Order.NEWEST else [*shown, *page]
        assert result.matched == len(ids)
        before, more = result.next_before, bool(result.next_before)
    assert shown == ids
    assert before == ""


async def test_the_digest_is_over_the_ids_a_line_each(site: Site) -> None:
    ids = await say_all(site, [4, 1, 3])
    expected = sha256("".join(f"{id_}\n" for id_ in sorted(ids)).encode()).hexdigest()
    found = await find_ids(site.settings, "copper", quiet)
    assert (list(found), len(found), found.digest) == (ids, 3, expected)
    assert (await search(site.settings, "copper", Page(1), quiet)).digest == expected
    assert (await find_ids(site.settings, "tin", quiet)).digest == sha256(b"").hexdigest()


async def test_a_page_behind_what_is_not_there_is_refused(site: Site) -> None:
    await say_all(site, [1])
    for before in ("gate/999", "gate/x", "nolog/1", "1", "gate/" + "9" * 30):
        with pytest.raises(SiteError, match="to go on from"):
            await search(site.settings, "copper", Page(5, before), quiet)
