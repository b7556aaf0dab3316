"""A look is of one moment: what an indexer adds between its steps is neither found nor counted as searched.

So each recorded search, run again at the size that it recorded, finds what it found then.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from components.audit import lookup
from components.audit.auditor import Auditor
from components.audit.index.facets import Dimension
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.audit.looks import LookFilter
from components.audit.repeat import Outcome, repeat_searches
from components.audit.sample import SampleWanted, draw_sample
from components.audit.search import Page, find_ids, search
from components.audit.tally import count_by, report_terms
from policy.supervision.reviewer import Role
from tests.support.audit_site import Site, make_site

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
OLGA = Auditor("olga", "Olga", frozenset(Role), None)

Look = Callable[[Site], Awaitable[int]]


def quiet(_done: int, _total: int) -> None:
    pass


async def _search(site: Site, query: str) -> int:
    return (await search(site.settings, query, Page(50), quiet, OLGA)).matched


async def _count(site: Site) -> int:
    found = await count_by(site.settings, "copper", [Dimension.PERSON], quiet, OLGA)
    assert sum(each.entries for each in found.counted) == found.matched
    return found.matched


async def _terms(site: Site) -> int:
    found = await report_terms(site.settings, "*", ["copper", "tin"], quiet, OLGA)
    assert found.terms[0].hits == found.matched
    return found.matched


async def _sample(site: Site) -> int:
    return (await draw_sample(site.settings, SampleWanted("copper", 50, "seed"), quiet, OLGA)).matched


LOOKS: dict[str, Look] = {
    "words": lambda site: _search(site, "copper"),
    "everything": lambda site: _search(site, "*"),
    # What these match is found out before the search itself: which words there are, and what texts say.
    "a regular expression": lambda site: _search(site, "/c.pper/"),
    "a near spelling": lambda site: _search(site, "coper~"),
    "words near one another": lambda site: _search(site, "copper w/3 gallium OR copper"),
    "counts": _count,
    "terms": _terms,
    "a sample": _sample,
}


class Indexer:
    """Plays another process that indexes what is said meanwhile, once for each time that it is let."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.steps = 0

    async def step(self) -> None:
        """Record a message that every look would find, and index it."""
        self.steps += 1
        # `gallium` and `coppr` are in no text before.
        await self.site.record(self.site.say(ALICE, BOB, "copper gallium coppr", at_s=100 + self.steps))
        async with open_indexed(self.site.settings) as logs:
            with open_site_index(self.site.settings) as index:
                await catch_up_logs(self.site.settings, index, logs, quiet)

    def step_before(self, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        """Take a step before each call of a coroutine function."""
        run = getattr(owner, name)

        async def interleaved(*values: object, **named: object) -> object:
            await self.step()
            return await run(*values, **named)

        patch.setattr(owner, name, interleaved)

    def step_after(self, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        """Take a step after each call of a coroutine function."""
        run = getattr(owner, name)

        async def interleaved(*values: object, **named: object) -> object:
            result = await run(*values, **named)
            await self.step()
            return result

        patch.setattr(owner, name, interleaved)


async def _make(folder: Path, index_store: str = "") -> Site:
    site = await make_site(folder, **({"audit": {"index_store": index_store}} if index_store else {}))
    await site.record(*(site.say(ALICE, BOB, f"copper {number}", at_s=number) for number in range(3)))
    return site


async def _look_between_steps(site: Site, look: Look) -> None:
    indexer, size = Indexer(site), await _size(site)
    with pytest.MonkeyPatch.context() as patch:
        indexer.step_after(patch, lookup, "prepare")
        indexer.step_before(patch, lookup.Lookup, "record")
        assert await look(site) == 3
    assert indexer.steps == 2
    (recorded,) = await site.accesses()
    assert (recorded.log_size, recorded.result_count) == (size, 3)
    (again,) = (await repeat_searches(site.settings, OLGA, LookFilter(), quiet)).searches
    assert (again.outcome, again.result_count) == (Outcome.SAME, 3)
    assert await look(site) == 5


@pytest.mark.parametrize("name", LOOKS)
async def test_what_is_indexed_meanwhile_is_of_the_next_look(tmp_path: Path, name: str) -> None:
    await _look_between_steps(await _make(tmp_path), LOOKS[name])


async def test_in_postgresql_as_well(tmp_path: Path, postgres_database: str) -> None:
    for number, look in enumerate(LOOKS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        await _look_between_steps(await _make(folder, f"{postgres_database}#index{number}"), look)


async def test_what_an_export_is_of(tmp_path: Path) -> None:
    site = await _make(tmp_path)
    indexer, size = Indexer(site), await _size(site)
    with pytest.MonkeyPatch.context() as patch:
        indexer.step_after(patch, lookup, "prepare")
        found = await find_ids(site.settings, "copper", quiet)
    assert (len(found), found.log_size) == (3, size)
    again = await find_ids(site.settings, "copper", quiet, as_of=found.as_of)
    assert (again.digest, len(again)) == (found.digest, 3)


async def test_a_look_within_a_look_is_of_its_moment(tmp_path: Path) -> None:
    site = await _make(tmp_path)
    await search(site.settings, "copper", Page(1), quiet, OLGA)
    with open_site_index(site.settings) as index:
        with index.look():
            before = _sizes(index)
            await Indexer(site).step()
            with index.look():
                assert _sizes(index) == before
            assert _sizes(index) == before
        assert _sizes(index) > before


async def test_after_a_look_that_fails_the_next_is_of_now(tmp_path: Path) -> None:
    site = await _make(tmp_path)
    with open_site_index(site.settings) as index:
        with pytest.raises(ZeroDivisionError), index.look(), index.look():
            before = _sizes(index)
            raise ZeroDivisionError
        await Indexer(site).step()
        with index.look():
            assert _sizes(index) > before


async def _size(site: Site) -> int:
    async with open_indexed(site.settings) as logs:
        return await logs[IndexedLog.GATE].reader.size()


def _sizes(index: Index) -> tuple[int, int]:
    return index.size_of(IndexedLog.GATE), index.count_all()
