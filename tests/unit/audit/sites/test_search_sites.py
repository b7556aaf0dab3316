"""One search of two sites: in the order of time, each message once, each record proved, each missing site named."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.keys import load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.leaf import encode_leaf
from components.archive.log.merkle import leaf_hash, verify_inclusion
from components.audit.checks.index import check_index
from components.audit.index.facets import Dimension
from components.audit.index.forget import forget
from components.audit.lookup import Lookup
from components.audit.search import Order, Page
from components.audit.sites.count import count_sites
from components.audit.sites.search import MOST_COPIES, Hit, SitesResult, search_sites
from components.audit.view import RecordView
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
from tests.support.made_index import open_raw
from tests.support.typed import file_of

pytestmark = pytest.mark.slow

WHOLE = Page(50)


@pytest.fixture
async def cities(tmp_path: Path) -> Cities:
    return await make_cities(tmp_path)


async def search(cities: Cities, query: str, page: Page = WHOLE) -> SitesResult:
    return await search_sites(cities.settings, query, page, ignore_progress)


def ids_of(hits: tuple[Hit, ...]) -> list[tuple[str, list[str]]]:
    return [(hit.record.id, [other.id for other in hit.others]) for hit in hits]


async def test_a_message_that_crossed_is_one_hit_with_both_records(cities: Cities) -> None:
    first = await cities.send(ALICE, BOB, "copper at 9410", at_s=1)
    second = await cities.send(BOB, ALICE, "copper is done", at_s=2)
    await cities.london.record(cities.london.say(BOB, f"carol@{LONDON}", "copper here", at_s=1.5))
    alone = f"london:{cities.london.id_of(2)}"
    found = await search(cities, "copper")
    assert ids_of(found.hits) == [(first[0], [first[1]]), (alone, []), (second[0], [second[1]])]
    assert (found.matched, found.doubles, found.is_complete) == (3, 2, True)
    assert [(site.name, site.matched) for site in found.sites] == [("shanghai", 2), ("london", 3)]


async def test_each_record_is_proved_by_its_own_sites_key(cities: Cities) -> None:
    await cities.send(ALICE, BOB, "copper")
    (hit,) = (await search(cities, "copper")).hits
    for record, site in ((hit.record, cities.shanghai), (hit.others[0], cities.london)):
        assert record.proof.fault == ""
        key = load_verifier_key(site.settings.gate_log.verifier_key_file)
        checkpoint = verify_checkpoint(record.proof.note, key)
        leaf = leaf_hash(encode_leaf(record.view.opened.leaf))
        verify_inclusion(
            record.view.opened.index, checkpoint.size, leaf, list(record.proof.hashes), checkpoint.root
        )


async def test_the_look_is_a_record_at_each_site_before_anything_is_shown(cities: Cities) -> None:
    await cities.send(ALICE, BOB, "copper")
    found = await search(cities, "copper")
    for site in (cities.shanghai, cities.london):
        (look,) = await site.accesses()
        assert (look.act, look.query, look.result_count) == ("search", '"copper"', 1)
    assert all(site.access_id.startswith("audit/") for site in found.sites)
    file_of(cities.london.settings.audit_log.key_file).unlink()
    found = await search(cities, "copper")
    assert [hit.record.site for hit in found.hits] == ["shanghai"]
    assert found.hits[0].others == ()
    assert "could not be recorded" in found.faults[0].reason
    file_of(cities.settings.audit_log.key_file).unlink()
    with pytest.raises(SiteError, match="could not be recorded"):
        await search(cities, "copper")


async def test_a_site_that_cannot_be_reached_is_named_and_the_others_are_searched(cities: Cities) -> None:
    await cities.send(BOB, ALICE, "copper")
    (cities.london.path.parent / "archive/gate.db").unlink()
    found = await search(cities, "copper")
    # The copy that arrived is the hit now.
    assert ids_of(found.hits) == [(f"shanghai:{cities.shanghai.id_of(0)}", [])]
    assert [fault.name for fault in found.faults] == ["london"]
    assert not found.is_complete
    name_sites(cities.shanghai, paris=Path("/nowhere/site.toml"), berlin=cities.shanghai.path)
    found = await search(cities, "copper")
    reasons = {fault.name: fault.reason for fault in found.faults}
    assert reasons.keys() == {"london", "paris", "berlin"}
    assert "/nowhere/site.toml" in reasons["paris"]
    assert "gate.jid is gate.shanghai.example here and at shanghai" in reasons["berlin"]


async def test_two_sites_of_one_name_are_refused(cities: Cities) -> None:
    name_sites(cities.shanghai, shanghai=cities.london.path)
    with pytest.raises(SiteError, match="shanghai is the name of two sites"):
        await search(cities, "copper")


async def test_an_auditor_of_one_site_only_sees_nothing_of_the_other(cities: Cities) -> None:
    await cities.send(ALICE, BOB, "copper")
    path = cities.london.path
    path.write_text(
        path.read_text()
        + '\n[[audit.auditors]]\nid = "x"\nname = "X"\nuser = "nobody-x"\nroles = ["auditor"]\n'
    )
    found = await search(cities, "copper")
    assert "is no auditor of this site" in found.faults[0].reason
    assert [hit.others for hit in found.hits] == [()]
    assert await cities.london.accesses() == []


async def test_a_copy_that_is_behind_is_told(cities: Cities) -> None:
    await cities.send(ALICE, BOB, "copper")
    folder, path = cities.london.path.parent, cities.london.path
    path.write_text(
        path.read_text() + '\n[follow]\nurl = "https://feed.london.example:5290"\nauthority = "keys/ca.crt"\n'
        'certificate = "keys/erin.crt"\nstatus_file = "run/follow.json"\n'
    )

    async def why() -> str:
        found = await search(cities, "copper")
        assert (found.faults, found.matched) == ((), 1)
        assert found.is_complete == (not found.sites[1].behind)
        return found.sites[1].behind

    assert "has not told its status yet" in await why()
    (folder / "run").mkdir()
    status = folder / "run/follow.json"
    status.write_text('{"state": "behind", "faults": ["the log gate: cannot be reached"]}')
    assert await why() == "the log gate: cannot be reached"
    status.write_text('{"state": "behind", "faults": []}')
    assert "has come yet" in await why()
    status.write_text('{"state": "following", "faults": []}')
    assert await why() == ""


async def test_a_record_that_does_not_match_is_named_with_the_one_that_does(cities: Cities) -> None:
    await cities.shanghai.record(cities.shanghai.submit(message(ALICE, BOB, "copper")))
    arrived = message(ALICE, BOB, "copper", receipt(SHANGHAI, cities.shanghai.id_of(0)))
    await cities.london.record(
        cities.arrive(cities.london, arrived)._replace(action="refuse"),
        cities.london.submit(message(ALICE, BOB, "tin"), at_s=3),
    )
    (hit,) = (await search(cities, "verdict:refuse copper")).hits
    assert hit.record.id == f"london:{cities.london.id_of(0)}"
    assert [other.id for other in hit.others] == [f"shanghai:{cities.shanghai.id_of(0)}"]
    # What is no copy is not named.
    (tin,) = (await search(cities, "tin")).hits
    assert tin.others == ()


async def test_what_is_said_in_a_room_is_one_hit_however_many_heard_it(cities: Cities) -> None:
    shanghai, london = cities.shanghai, cities.london
    said = message(ALICE, PIT, "copper", type_="groupchat")
    await shanghai.record(shanghai.submit(said))
    mark = receipt(SHANGHAI, shanghai.id_of(0))
    people = [f"p{number}@{LONDON}/x" for number in range(MOST_COPIES + 2)]
    await london.record(
        *(
            cities.arrive(london, message(f"{PIT}/al", each, "copper", mark, type_="groupchat"), at_s=1)
            for each in people
        )
    )
    found = await search(cities, "copper")
    (hit,) = found.hits
    assert (hit.record.id, hit.copies, len(hit.others)) == (
        f"shanghai:{shanghai.id_of(0)}",
        len(people),
        MOST_COPIES,
    )
    assert not any(other.differs for other in hit.others)
    assert (found.matched, found.doubles) == (1, len(people))


async def test_a_word_into_a_room_far_away_that_comes_back_is_one_hit(cities: Cities) -> None:
    shanghai, london = cities.shanghai, cities.london
    await london.record(london.submit(message(BOB, PIT, "copper", type_="groupchat")))
    first = receipt(LONDON, london.id_of(0))
    await shanghai.record(
        cities.arrive(shanghai, message(BOB, PIT, "copper", first, type_="groupchat"), at_s=1)
    )
    both = first + receipt(SHANGHAI, shanghai.id_of(0))
    await london.record(
        cities.arrive(london, message(f"{PIT}/bob", BOB, "copper", both, type_="groupchat"), at_s=2)
    )
    (hit,) = (await search(cities, "copper")).hits
    assert hit.record.id == f"london:{london.id_of(0)}"
    assert {other.id for other in hit.others} == {
        f"shanghai:{shanghai.id_of(0)}",
        f"london:{london.id_of(1)}",
    }


@pytest.mark.parametrize(
    ("sender", "marks"),
    [
        (f"mallory@{LONDON}/x", receipt(SHANGHAI, "gate/1")),  # a receipt of a site that did not send it
        ("mallory@evil.example/x", receipt(SHANGHAI, "gate/1")),
        (ALICE, receipt(SHANGHAI, "gate/1") + receipt(SHANGHAI, "gate/2")),
        (ALICE, receipt(SHANGHAI, "roster/1")),
        (ALICE, receipt(SHANGHAI, "gate/999999")),
        (ALICE, receipt(SHANGHAI, "x")),
        (ALICE, ""),
    ],
)
async def test_a_receipt_that_proves_nothing_hides_nothing(cities: Cities, sender: str, marks: str) -> None:
    await cities.shanghai.record(cities.shanghai.submit(message(ALICE, BOB, "copper")))
    await cities.london.record(cities.arrive(cities.london, message(sender, BOB, "copper", marks)))
    found = await search(cities, "copper")
    assert (found.matched, found.doubles, len(found.hits)) == (2, 0, 2)


async def test_a_client_cannot_pass_its_message_off_as_a_copy(cities: Cities) -> None:
    await cities.shanghai.record(cities.shanghai.submit(message(ALICE, BOB, "copper")))
    mark = receipt(SHANGHAI, cities.shanghai.id_of(0))
    await cities.london.record(cities.london.submit(message(ALICE, BOB, "copper", mark)))
    assert (await search(cities, "copper")).doubles == 0


async def test_a_record_that_says_something_else_is_told(cities: Cities) -> None:
    await cities.shanghai.record(cities.shanghai.submit(message(ALICE, BOB, "copper at 9")))
    mark = receipt(SHANGHAI, cities.shanghai.id_of(0))
    await cities.london.record(cities.arrive(cities.london, message(ALICE, BOB, "copper at 8", mark)))
    (hit,) = (await search(cities, "copper")).hits
    assert [other.differs for other in hit.others] == [True]


async def test_an_amended_message_is_the_one_that_arrived(cities: Cities) -> None:
    sent = cities.shanghai.submit(message(ALICE, BOB, "copper x"), action="amend")
    await cities.shanghai.record(sent._replace(amended=message(ALICE, BOB, "copper y")))
    mark = receipt(SHANGHAI, cities.shanghai.id_of(0))
    await cities.london.record(cities.arrive(cities.london, message(ALICE, BOB, "copper y", mark)))
    (hit,) = (await search(cities, "copper")).hits
    assert [other.differs for other in hit.others] == [False]


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("limit", [1, 3])
async def test_pages_follow_each_other_without_a_gap(cities: Cities, order: Order, limit: int) -> None:
    # Of one time are records of both sites, and of one site.
    for at_s in (1, 0, 1):
        await cities.send(ALICE, BOB, "copper", at_s=at_s)
        await cities.send(BOB, ALICE, "copper", at_s=at_s)
    whole = [hit.record.id for hit in (await search(cities, "copper")).hits]
    assert len(set(whole)) == 6
    shown: list[str] = []
    before, more = "", True
    while more:
        found = await search(cities, "copper", Page(limit, before, order))
        page = [hit.record.id for hit in found.hits]
        shown = [*page, *shown] if order is Order.NEWEST else [*shown, *page]
        assert (found.matched, found.doubles) == (6, 6)
        before, more = found.next_before, bool(found.next_before)
    assert shown == whole


@pytest.mark.parametrize("before", ["london:gate/999", "london:x/1", "gate/1", "paris:gate/1"])
async def test_a_page_behind_what_is_not_there_is_refused(cities: Cities, before: str) -> None:
    await cities.send(ALICE, BOB, "copper")
    with pytest.raises(SiteError):
        await search(cities, "copper", Page(5, before))


async def test_counts_have_each_message_once(cities: Cities) -> None:
    for at_s in range(3):
        await cities.send(ALICE, BOB, "copper", at_s=at_s)
    await cities.send(BOB, ALICE, "copper")
    await cities.london.record(cities.london.say(BOB, f"carol@{LONDON}", "copper"))

    async def count(*by: Dimension) -> Counter[tuple[str, ...]]:
        tally = await count_sites(cities.settings, "copper", by, ignore_progress)
        assert (tally.matched, tally.doubles, tally.is_complete) == (5, 4, True)
        return Counter({each.values: each.entries for each in tally.counted})

    alice, bob = f"alice@{SHANGHAI}", f"bob@{LONDON}"
    assert await count(Dimension.PERSON) == {(alice,): 3, (bob,): 2}
    assert await count() == {(): 5}
    assert (await count(Dimension.VERDICT, Dimension.KIND)) == {("release", "message"): 5}
    assert [look.act for look in await cities.london.accesses()] == ["count"] * 3


async def test_a_destroyed_record_leaves_the_other_as_the_hit(cities: Cities) -> None:
    _, arrived = await cities.send(ALICE, BOB, "copper")
    assert (await search(cities, "copper")).doubles == 1
    with open_raw(cities.settings) as db:
        forget(db, [cities.shanghai.places[0]])
    found = await search(cities, "copper")
    assert [hit.record.id for hit in found.hits] == [arrived]
    with open_raw(cities.london.settings) as db:
        assert db.execute("SELECT count(*) FROM crossed").fetchone() == (1,)
        forget(db, [cities.london.places[0]])
        assert db.execute("SELECT count(*) FROM crossed").fetchone() == (0,)


async def test_a_site_may_have_its_index_in_postgresql(tmp_path: Path, postgres_database: str) -> None:
    cities = await make_cities(tmp_path, index_store=f"{postgres_database}#london")
    first = await cities.send(ALICE, BOB, "copper", at_s=1)
    second = await cities.send(BOB, ALICE, "copper", at_s=2)
    found = await search(cities, "copper", Page(1))
    assert ids_of(found.hits) == [(second[0], [second[1]])]
    assert (found.matched, found.doubles) == (2, 2)
    assert ids_of((await search(cities, "copper", Page(1, found.next_before))).hits) == [
        (first[0], [first[1]])
    ]
    tally = await count_sites(cities.settings, "copper", (Dimension.PERSON,), ignore_progress)
    assert [(each.values, each.entries) for each in tally.counted] == [
        ((f"alice@{SHANGHAI}",), 1),
        ((f"bob@{LONDON}",), 1),
    ]
    assert (await check_index(cities.london.settings, ignore_progress)).differences == ()


def without_payload(view: RecordView) -> RecordView:
    stored = replace(view.opened.stored, payload=None)
    return replace(view, opened=replace(view.opened, stored=stored, payload=None), content=None)


@pytest.mark.parametrize("gone", ["sender", "recipient"])
async def test_a_record_that_an_order_destroyed_just_now_hides_no_other(
    cities: Cities, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, arrived = await cities.send(ALICE, BOB, "copper")
    lost, left = (sent, arrived) if gone == "sender" else (arrived, sent)

    # The index learns of it when a checkpoint covers the tombstone.
    async def view(lookup: Lookup, places: Iterable[int]) -> list[RecordView]:
        name = lookup.settings.site.name
        return [
            without_payload(each) if f"{name}:{each.id}" == lost else each
            for each in await plain(lookup, places)
        ]

    plain = Lookup.view
    monkeypatch.setattr(Lookup, "view", view)
    (hit,) = (await search(cities, "copper")).hits
    assert (hit.record.id, [(each.id, each.differs) for each in hit.others]) == (left, [(lost, False)])
