"""An auditor's one query over the logs of many gates of an enterprise, each with a log of its own."""

from pathlib import Path

import pytest

from components.audit.conversation.part import Whole
from components.audit.index.facets import Dimension
from components.audit.search import Order, Page
from components.audit.sites.count import count_sites
from components.audit.sites.read import Look, read_sites
from components.audit.sites.search import search_sites
from components.process.progress import ignore_progress
from tests.support.audit_site import Site, make_site
from tests.support.audit_sites import message, name_sites, receipt, tables_of

pytestmark = pytest.mark.slow

TOWNS = ("shanghai", "london", "geneva", "houston", "oslo")


@pytest.fixture
async def sites(tmp_path: Path) -> list[Site]:
    """Five sites, the first of which names the others."""
    made = []
    for town in TOWNS:
        (tmp_path / town).mkdir()
        made.append(await make_site(tmp_path / town, **tables_of(f"{town}.example")))
    name_sites(made[0], **{town: site.path for town, site in zip(TOWNS[1:], made[1:], strict=True)})
    return made


async def tell_round(sites: list[Site]) -> None:
    """Record a message from each town to the next, at both, with the receipt of the town that it came from."""
    for number, (here, there) in enumerate(zip(sites, [*sites[1:], sites[0]], strict=True)):
        town, next_town = TOWNS[number], TOWNS[(number + 1) % len(TOWNS)]
        sender, to = f"ann@{town}.example/desk", f"ben@{next_town}.example"
        await here.record(here.submit(message(sender, to, f"copper n{number}"), at_s=number))
        mark = receipt(f"{town}.example", f"gate/{here.places[-1]}")
        arrived = there.submit(message(sender, to, f"copper n{number}", mark), at_s=number + 0.1)
        await there.record(arrived._replace(way="s2s"))


async def test_one_query_finds_each_message_of_all_logs_once_and_in_order(sites: list[Site]) -> None:
    await tell_round(sites)
    found = await search_sites(sites[0].settings, "copper", Page(50), ignore_progress)
    assert [hit.record.site for hit in found.hits] == list(TOWNS)
    assert [hit.others[0].site for hit in found.hits] == [*TOWNS[1:], TOWNS[0]]
    assert (found.matched, found.doubles, found.is_complete) == (5, 5, True)
    assert all(hit.record.proof.fault == "" == hit.others[0].proof.fault for hit in found.hits)
    counts = await count_sites(sites[0].settings, "copper", (Dimension.DAY,), ignore_progress)
    assert (counts.matched, counts.doubles, len(counts.sites)) == (5, 5, 5)


async def test_logs_that_cannot_be_read_are_named_one_by_one(sites: list[Site]) -> None:
    await tell_round(sites)
    for site in (sites[2], sites[4]):
        (site.path.parent / "archive/gate.db").unlink()
    found = await search_sites(sites[0].settings, "copper", Page(50), ignore_progress)
    assert sorted(fault.name for fault in found.faults) == ["geneva", "oslo"]
    assert not found.is_complete
    # What came from a log that is not there is found where it arrived.
    assert [hit.record.site for hit in found.hits] == ["shanghai", "london", "houston", "houston", "shanghai"]


async def tell_pit(sites: list[Site], count: int, *, every: int = 1) -> None:
    """Record what people of three towns say in a room of the second: at their own, there, and back at all others.

    Of what others say, every so many comes back to the first town alone: its people come and go.
    """
    towns, pit = TOWNS[:3], "pit@rooms.london.example"
    london = sites[1]
    for number in range(count):
        town, site = towns[number % 3], sites[number % 3]
        text, sender = f"pit n{number}", f"ann@{town}.example/desk"
        await site.record(site.submit(message(sender, pit, text, type_="groupchat"), at_s=number))
        sent = receipt(f"{town}.example", f"gate/{site.places[-1]}")
        marks = sent
        if site is not london:
            said = london.submit(message(sender, pit, text, sent, type_="groupchat"), at_s=number + 0.1)
            await london.record(said._replace(way="s2s"))
        marks += receipt("london.example", f"gate/{london.places[-1]}") if site is not london else ""
        for there in (sites[0], sites[2]) if number % every == 0 else (sites[2],):
            name = TOWNS[sites.index(there)]
            back = message(f"{pit}/ann", f"ben@{name}.example/x", text, marks, type_="groupchat")
            # Some come back later than what is said next.
            await there.record(there.submit(back, at_s=number + 0.2 + number % 2)._replace(way="s2s"))


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("limit", [1, 2])
async def test_no_message_of_three_sites_is_on_two_pages_or_none(
    sites: list[Site], order: Order, limit: int
) -> None:
    await tell_pit(sites, 6)
    whole = await search_sites(sites[0].settings, "pit", Page(50), ignore_progress)
    assert [hit.record.site for hit in whole.hits] == [*TOWNS[:3], *TOWNS[:3]]
    assert [1 + len(hit.others) for hit in whole.hits] == [4, 3, 4, 4, 3, 4]
    assert (whole.matched, whole.doubles) == (6, 16)
    shown, before, more = list[str](), "", True
    while more:
        found = await search_sites(sites[0].settings, "pit", Page(limit, before, order), ignore_progress)
        page = [hit.record.id for hit in found.hits]
        shown = [*page, *shown] if order is Order.NEWEST else [*shown, *page]
        assert (found.matched, found.doubles) == (6, 16)
        before, more = found.next_before, bool(found.next_before)
    assert shown == [hit.record.id for hit in whole.hits]


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("every", [1, 4])
async def test_pages_of_a_room_of_three_sites_have_each_message_once(
    sites: list[Site], limit: int, every: int
) -> None:
    await tell_pit(sites, 6, every=every)
    room, look = ("pit@rooms.london.example",), Look(ignore_progress)
    texts, before, more = list[str](), "", True
    while more:
        talk = await read_sites(sites[0].settings, Whole(room, limit, before), look)
        texts = [*(item.text for item in talk.view.items), *texts]
        more = bool(talk.view.more_before)
        before = talk.view.more_before.rpartition(":")[2]
    assert texts == [f"pit n{number}" for number in range(6)]
