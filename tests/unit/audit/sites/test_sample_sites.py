"""Samples, lists of terms and context over two sites: each message once, each site with a record of its own."""

import json
from pathlib import Path

import pytest

from components.audit.index.facets import Dimension
from components.audit.sample import SampleWanted, draw_sample, rank
from components.audit.search import Page
from components.audit.sites.sample import sample_sites
from components.audit.sites.search import search_sites
from components.audit.sites.terms import report_terms_of_sites
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from tests.support.audit_sites import (
    ALICE,
    BOB,
    LONDON,
    PIT,
    SHANGHAI,
    Cities,
    make_cities,
    message,
    name_sites,
    receipt,
)
from tests.support.command import run_command

pytestmark = pytest.mark.slow


@pytest.fixture
async def cities(tmp_path: Path) -> Cities:
    """Six that crossed, in both directions, and two that only London has."""
    cities = await make_cities(tmp_path)
    for at_s in range(3):
        await cities.send(ALICE, BOB, f"copper out {at_s}", at_s=at_s)
        await cities.send(BOB, ALICE, f"copper back {at_s}", at_s=at_s + 0.5)
    london = cities.london
    await london.record(london.say(BOB, f"carol@{LONDON}", "copper tin", at_s=8))
    await london.record(london.say(BOB, f"carol@{LONDON}", "tin here", at_s=9))
    return cities


async def test_a_sample_of_all_sites_draws_each_message_once_by_seed_and_ids(cities: Cities) -> None:
    whole = await sample_sites(cities.settings, SampleWanted("copper", 100, "s"), ignore_progress)
    assert (whole.matched, whole.doubles, whole.eligible, len(whole.records)) == (7, 6, 7, 7)
    ids = [record.id for record in whole.records]
    assert [len(record.others) for record in whole.records] == [1] * 6 + [0]
    drawn = await sample_sites(
        cities.settings, SampleWanted("copper", 3, "seed", again=True), ignore_progress
    )
    assert {each.id for each in drawn.records} == set(sorted(ids, key=lambda id_: rank("seed", id_))[:3])
    assert 0 < drawn.at_most_if_none < 1
    with pytest.raises(SiteError, match="a sample has 1 to"):
        await sample_sites(cities.settings, SampleWanted("copper", 0, "s"), ignore_progress)


async def test_what_was_drawn_before_is_left_out_at_either_site_and_at_both(cities: Cities) -> None:
    first = await sample_sites(cities.settings, SampleWanted("copper", 3, "one"), ignore_progress)
    second = await sample_sites(cities.settings, SampleWanted("copper", 100, "two"), ignore_progress)
    assert (second.matched, second.eligible) == (7, 4)
    drawn = [record.id for some in (first, second) for record in some.records]
    assert len(set(drawn)) == len(drawn) == 7
    # Either record of a message counts as drawn, also for a sample of one site.
    for site in (cities.shanghai, cities.london):
        alone = await draw_sample(site.settings, SampleWanted("copper", 5, "three"), ignore_progress)
        assert alone.records == ()
    # And what was drawn at one site is not drawn of all.
    await draw_sample(cities.london.settings, SampleWanted("tin -copper", 5, "four"), ignore_progress)
    assert (
        await sample_sites(cities.settings, SampleWanted("tin", 5, "five"), ignore_progress)
    ).records == ()
    acts = [[look.act for look in await site.accesses()] for site in (cities.shanghai, cities.london)]
    assert acts == [["sample"] * 4, ["sample"] * 5]


async def test_strata_are_of_all_sites_together(cities: Cities) -> None:
    wanted = SampleWanted("copper", 2, "x", (Dimension.PERSON,))
    found = await sample_sites(cities.settings, wanted, ignore_progress)
    assert found.strata == 2
    assert {each.view.reading.sender.partition("/")[0] for each in found.records} == {
        f"alice@{SHANGHAI}",
        f"bob@{LONDON}",
    }


async def test_terms_are_counted_by_message(cities: Cities) -> None:
    # One message of which one record alone says "zinc" counts once for it, and once for "copper".
    shanghai, london = cities.shanghai, cities.london
    await shanghai.record(shanghai.submit(message(ALICE, BOB, "copper zinc")))
    mark = receipt(SHANGHAI, f"gate/{shanghai.places[-1]}")
    await london.record(cities.arrive(london, message(ALICE, BOB, "copper", mark), at_s=0.1))
    found = await report_terms_of_sites(
        cities.settings, "*", ["copper", "# none", "tin", "zinc", "lead"], ignore_progress
    )
    assert [(each.line, each.term, each.hits, each.alone) for each in found.terms] == [
        (1, '"copper"', 8, 6),
        (3, '"tin"', 2, 1),
        (4, '"zinc"', 1, 0),
        (5, '"lead"', 0, 0),
    ]
    assert (found.matched, found.doubles, found.is_complete) == (9, 7, True)
    for site in (shanghai, london):
        assert [look.act for look in await site.accesses()] == ["terms"]
    for lines in ([], ["AND"]):
        with pytest.raises(SiteError):
            await report_terms_of_sites(cities.settings, "*", lines, ignore_progress)


async def test_context_stands_around_a_hit_at_its_site(cities: Cities) -> None:
    found = await search_sites(cities.settings, '"out 1"', Page(5), ignore_progress, context=1)
    (hit,) = found.hits
    assert hit.around
    assert hit.around.site == "shanghai"
    sides = (hit.around.around.before, hit.around.around.after)
    assert [[view.reading.text for view in some] for some in sides] == [["copper back 0"], ["copper back 1"]]


async def test_context_in_a_room_is_that_of_the_site_that_has_it(cities: Cities) -> None:
    shanghai, london = cities.shanghai, cities.london
    await shanghai.record(shanghai.submit(message(ALICE, PIT, "who is in?", type_="groupchat"), at_s=20))
    await london.record(london.submit(message(BOB, PIT, "zinc for me", type_="groupchat"), at_s=21))
    mark = receipt(LONDON, f"gate/{london.places[-1]}")
    arrived = message(BOB, PIT, "zinc for me", mark, type_="groupchat")
    await shanghai.record(cities.arrive(shanghai, arrived, at_s=21.1))
    (hit,) = (await search_sites(cities.settings, "zinc", Page(5), ignore_progress, context=2)).hits
    assert hit.record.site == "london"
    assert hit.around
    assert hit.around.site == "shanghai"
    assert [view.reading.text for view in hit.around.around.before] == ["who is in?"]


def test_the_commands_print_all_of_it_and_what_was_not_asked(
    cities: Cities, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_SITE", str(cities.shanghai.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        status = run_command("audit", *arguments)
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    (tmp_path / "terms.txt").write_text("copper\ntin\n")
    terms = ("search", "--terms", str(tmp_path / "terms.txt"))
    status, text = run(*terms, "--json")
    assert (status, [each["hits"] for each in json.loads(text)["terms"]]) == (0, [7, 2])
    status, text = run("search", '"out 1"', "--context", "1", "--json")
    (hit,) = json.loads(text)["records"]
    assert [[each["text"] for each in hit[side]] for side in ("before", "after")] == [
        ["copper back 0"],
        ["copper back 1"],
    ]
    assert {each["id"].partition(":")[0] for each in hit["before"]} == {"shanghai"}
    assert "copper back 0" in run("search", '"out 1"', "--context", "1")[1]
    status, text = run("sample", "copper", "--seed", "s", "--count", "2", "--json")
    found = json.loads(text)
    assert (status, found["eligible"], len(found["records"]), found["complete"]) == (0, 7, 2, True)
    assert [each["site"] for each in found["sites"]] == ["shanghai", "london"]
    name_sites(cities.shanghai, paris=Path("/nowhere/site.toml"))
    status, text = run("sample", "copper", "--seed", "t", "--count", "2")
    assert (status, "2 of 5 records, by the seed t; 2 more match and were drawn before." in text) == (1, True)
    assert "paris was NOT sampled" in text
    status, text = run("sample", "copper", "--seed", "u", "--count", "1", "--json-lines")
    assert (status, "paris was NOT sampled" in text) == (1, True)
    status, text = run(*terms)
    assert (status, "paris was NOT searched" in text) == (1, True)
    assert run(*terms, "--json-lines")[1].count('"hits"') == 2
