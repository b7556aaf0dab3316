"""An auditor's one query over the logs of many gates of an enterprise, each with a log of its own."""

from pathlib import Path

import pytest

from components.audit.index.facets import Dimension
from components.audit.search import Page
from components.audit.sites.count import count_sites
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
