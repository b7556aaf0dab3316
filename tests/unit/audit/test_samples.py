"""Samples, saved searches, counts, lists of terms and history: each exact, each a record, each again the same."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.audit.auditor import Auditor
from components.audit.history import Wanted, find_history
from components.audit.index.facets import Dimension
from components.audit.sample import SampleWanted, draw_sample, rank, share_out, tell_confidence
from components.audit.saved import find_saved, list_saved, remove_saved, save_search
from components.audit.search import Page, search
from components.audit.tally import count_by, report_terms
from components.process.errors import SiteError
from policy.supervision.reviewer import Role
from tests.support.audit_site import Site

ALICE, BOB, EVE = "alice@metals.example/desk", "bob@metals.example", "eve@grain.example"
OVERSEER = Auditor("olga", "Olga", frozenset(Role), None)
AUDITOR = Auditor("anna", "Anna", frozenset({Role.AUDITOR}), None)


def quiet(_done: int, _total: int) -> None:
    pass


async def fill(site: Site, count: int = 20) -> list[str]:
    await site.record(
        *(
            site.say(ALICE if number % 4 else EVE, BOB, f"copper {number}", at_s=number * 9000)
            for number in range(count)
        )
    )
    return [site.id_of(number) for number in range(count)]


async def test_a_sample_is_what_its_seed_says_and_leaves_out_what_was_drawn(site: Site) -> None:
    ids = await fill(site)
    ranked = sorted(ids, key=lambda id_: sha256(f"seed\n{id_}".encode()).digest())
    first = await draw_sample(site.settings, SampleWanted("copper", 6, "seed"), quiet)
    assert {view.id for view in first.records} == set(ranked[:6])
    assert [view.id for view in first.records] == sorted((view.id for view in first.records), key=ids.index)
    assert (first.matched, first.eligible) == (20, 20)
    second = await draw_sample(site.settings, SampleWanted("copper", 6, "seed"), quiet)
    assert {view.id for view in second.records} == set(ranked[6:12])
    assert (second.matched, second.eligible) == (20, 14)
    again = await draw_sample(site.settings, SampleWanted("copper", 6, "seed", again=True), quiet)
    assert again.records and {view.id for view in again.records} == set(ranked[:6])
    rest = await draw_sample(site.settings, SampleWanted("copper", 100, "other"), quiet)
    assert (len(rest.records), rest.at_most_if_none, rest.margin) == (8, 0.0, 0.0)
    none = await draw_sample(site.settings, SampleWanted("copper", 5, "x"), quiet)
    assert none.records == ()
    assert [each.act for each in await site.accesses()] == ["sample"] * 5


async def test_a_stratified_sample_has_some_of_each(site: Site) -> None:
    await fill(site)
    wanted = SampleWanted("copper", 4, "s", (Dimension.PERSON,))
    found = await draw_sample(site.settings, wanted, quiet)
    senders = [view.reading.sender for view in found.records]
    assert (senders.count(ALICE), senders.count(EVE), found.strata) == (3, 1, 2)


@given(st.integers(1, 200), st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_shares_add_up_and_nobody_gets_more_than_there_is(count: int, sizes: list[int]) -> None:
    shares = share_out(count, sizes)
    assert sum(shares) == min(count, sum(sizes))
    assert all(0 <= share <= size for share, size in zip(shares, sizes, strict=True))
    if count >= len(sizes):
        assert all(shares)


def test_the_confidence_is_that_of_the_formulas() -> None:
    at_most, margin = tell_confidence(100, 10**6)
    assert at_most == pytest.approx(0.02951, abs=1e-4)  # 1 - 0.05 ** 0.01; the rule of three says 0.03
    assert margin == pytest.approx(0.0962, abs=1e-3)  # Wilson, 50 of 100: 40.4 % to 59.6 %
    assert (1 - at_most) ** 100 == pytest.approx(0.05)
    assert tell_confidence(5, 5) == (0.0, 0.0)
    assert rank("a", "gate/1") == sha256(b"a\ngate/1").digest()


async def test_searches_are_saved_shared_and_removed(site: Site) -> None:
    await fill(site, 3)
    with pytest.raises(SiteError, match="none yet"):
        await find_saved(site.settings, "mine", quiet)
    await save_search(site.settings, "mine", "copper after:7d", quiet, AUDITOR)
    await save_search(site.settings, "other.2", "tin", quiet)
    await save_search(site.settings, "mine", "copper", quiet, OVERSEER)
    listed = await list_saved(site.settings, quiet, AUDITOR)
    assert [(each.name, each.query) for each in listed.searches] == [("mine", "copper"), ("other.2", "tin")]
    assert (await find_saved(site.settings, "mine", quiet)).by == "olga"
    await remove_saved(site.settings, "mine", quiet)
    assert [each.name for each in (await list_saved(site.settings, quiet)).searches] == ["other.2"]
    for name in ("", "a b", "x" * 65, "../x"):
        with pytest.raises(SiteError, match="is called by"):
            await save_search(site.settings, name, "tin", quiet)


async def test_counts_are_of_each_combination(site: Site) -> None:
    await fill(site, 8)
    found = await count_by(site.settings, "copper", (Dimension.PERSON, Dimension.VERDICT), quiet)
    assert [(each.values, each.entries) for each in found.counted] == [
        (("alice@metals.example", "release"), 6),
        (("eve@grain.example", "release"), 2),
    ]
    assert found.matched == 8


async def test_a_list_of_terms_tells_the_hits_of_each_and_of_it_alone(site: Site) -> None:
    await fill(site, 10)
    lines = ["\ufeff# a comment"[1:], "copper", "", "  from:eve ", "/copper [12]$/", "/copper [2-4]$/", "tin"]
    report = await report_terms(site.settings, "copper", lines, quiet)
    assert [(each.line, each.hits, each.alone) for each in report.terms] == [
        (2, 10, 4), (4, 3, 0), (5, 2, 0), (6, 3, 0), (7, 0, 0),
    ]  # fmt: skip
    assert report.matched == 10
    with pytest.raises(SiteError, match="line 2 of the list"):
        await report_terms(site.settings, "*", ["copper", "form:x"], quiet)
    with pytest.raises(SiteError, match="is empty"):
        await report_terms(site.settings, "*", ["# nothing"], quiet)


async def test_history_says_who_looked_for_what_and_only_an_overseer_sees_others(site: Site) -> None:
    await fill(site, 3)
    await search(site.settings, "copper", Page(5), quiet, AUDITOR)
    await search(site.settings, "tin", Page(5), quiet, OVERSEER)
    everything = await find_history(site.settings, Wanted(), Page(5), quiet, OVERSEER)
    assert [(each.access.actor, each.access.query) for each in everything.looks] == [
        ("anna", '"copper"'),
        ("olga", '"tin"'),
    ]
    assert everything.looks[0].access.result_digest
    assert (await find_history(site.settings, Wanted("anna"), Page(5), quiet, OVERSEER)).matched == 1
    assert (await find_history(site.settings, Wanted(act="history"), Page(5), quiet, OVERSEER)).matched == 2
    assert (await find_history(site.settings, Wanted(query="tin"), Page(1), quiet, OVERSEER)).matched == 1
    own = await find_history(site.settings, Wanted(), Page(1), quiet, AUDITOR)
    assert {each.access.actor for each in own.looks} == {"anna"}
    with pytest.raises(SiteError, match="only an overseer"):
        await find_history(site.settings, Wanted("olga"), Page(5), quiet, AUDITOR)
    page = await find_history(site.settings, Wanted(query="search"), Page(1), quiet, OVERSEER)
    older = await find_history(
        site.settings, Wanted(query="search"), Page(1, page.next_before), quiet, OVERSEER
    )
    assert page.looks[0].id != older.looks[0].id


async def test_hits_stand_in_their_conversation(site: Site) -> None:
    texts = [
        (ALICE, BOB, "one"),
        (EVE, EVE, "other"),
        (BOB, ALICE, "two"),
        (ALICE, BOB, "hit"),
        (BOB, ALICE, "four"),
    ]
    await site.record(*(site.say(*text) for text in texts))
    found = await search(site.settings, "hit", Page(5), quiet, context=1)
    around = found.around[site.id_of(3)]
    assert [view.reading.text for view in (*around.before, *around.after)] == ["two", "four"]
    wide = await search(site.settings, "hit", Page(5), quiet, context=9)
    assert [view.reading.text for view in wide.around[site.id_of(3)].before] == ["one", "two"]
