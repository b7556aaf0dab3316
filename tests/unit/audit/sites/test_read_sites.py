"""A conversation of two sites, read as one: each item once, what each site alone has, and what is missing said."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.record import Delivery, RecordKind
from components.audit.conversation.item import Certainty, Fate, How, Item, ItemKind
from components.audit.conversation.read import Around, NoConversationError, Whole
from components.audit.sites.named import UNREACHABLE
from components.audit.sites.read import Look, SitesTalk, read_sites
from components.process.progress import ignore_progress
from tests.support.audit_site import REFUSAL, T0_NS
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

BOTH = Whole((ALICE.partition("/")[0], BOB.partition("/")[0]))
LOOK = Look(ignore_progress)


@pytest.fixture
async def cities(tmp_path: Path) -> Cities:
    """Two that crossed, and one that each site refused and nobody else has."""
    cities = await make_cities(tmp_path)
    shanghai, london = cities.shanghai, cities.london
    await cities.send(ALICE, BOB, "one", at_s=1)
    await cities.send(BOB, ALICE, "two", at_s=2)
    for site, sender, to, text, at_s in ((london, BOB, ALICE, "three", 3), (shanghai, ALICE, BOB, "four", 4)):
        body = message(sender, to, text, id_=text)
        await site.record(site.submit(body, at_s=at_s, action="refuse", rules=("tips",), error=REFUSAL))
    await cities.send(ALICE, BOB, "five", at_s=5)
    return cities


async def read(cities: Cities, what: Whole | Around = BOTH, look: Look = LOOK, at: str = "") -> SitesTalk:
    return await read_sites(cities.settings, what, look, at)


def texts(talk: SitesTalk) -> list[str]:
    return [item.text for item in talk.view.items]


async def test_each_message_stands_once_with_its_records_at_both_sites(cities: Cities) -> None:
    talk = await read(cities)
    assert texts(talk) == ["one", "two", "three", "four", "five"]
    sites = [item.record.partition(":")[0] for item in talk.view.items]
    assert sites == ["shanghai", "london", "london", "shanghai", "shanghai"]
    assert [len(item.records) for item in talk.view.items] == [2, 2, 1, 1, 2]
    all_records = [record for item in talk.view.items for record in item.records]
    assert len(set(all_records)) == len(all_records) == 8
    assert [item.fate is Fate.REFUSED for item in talk.view.items] == [False, False, True, True, False]
    assert not any(item.remarks for item in talk.view.items)
    assert (talk.is_complete, [(each.name, each.items) for each in talk.sites]) == (
        True,
        [("shanghai", 4), ("london", 4)],
    )


async def test_the_look_is_a_record_at_each_site(cities: Cities) -> None:
    talk = await read(cities)
    for site, of_site in zip((cities.shanghai, cities.london), talk.sites, strict=True):
        (look,) = await site.accesses()
        assert (look.act, look.result_count, look.result_digest) == ("read", 4, of_site.digest)
        assert look.query.startswith(" ".join(BOTH.parties))


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_follow_each_other_without_a_gap_and_without_doubles(cities: Cities, limit: int) -> None:
    shown: list[str] = []
    part, more = Whole(BOTH.parties, limit), True
    while more:
        talk = await read(cities, part, at="shanghai")
        shown = [*texts(talk), *shown]
        part = Whole(BOTH.parties, limit, before=talk.view.more_before.rpartition(":")[2])
        more = bool(talk.view.more_before)
    assert shown == ["one", "two", "three", "four", "five"]
    shown, after = [], cities.shanghai.id_of(0)
    while after:
        talk = await read(cities, Whole(BOTH.parties, limit, after=after), at="shanghai")
        shown += texts(talk)
        after = talk.view.more_after.rpartition(":")[2]
    assert shown == ["two", "three", "four", "five"]


async def test_the_ends_of_a_page_have_all_records_of_their_messages(cities: Cities) -> None:
    # The first and the last item crossed: their other records are a moment outside of the page's time.
    two = cities.london.id_of(1)
    talk = await read(cities, Around(two, 1, 0), at="london")
    assert (texts(talk), [len(item.records) for item in talk.view.items]) == (["one", "two"], [2, 2])
    assert [item.record.partition(":")[0] for item in talk.view.items] == ["shanghai", "london"]
    for at, limit in (("shanghai", 1), ("london", 1), ("london", 2), ("shanghai", 3)):
        part = Whole(BOTH.parties, limit)
        items: list[Item] = []
        while part.parties:
            talk = await read(cities, part, at=at)
            items += talk.view.items
            before = talk.view.more_before.rpartition(":")[2]
            part = Whole(BOTH.parties if before else (), limit, before=before)
        assert sorted((item.text, len(item.records)) for item in items) == [
            ("five", 2),
            ("four", 1),
            ("one", 2),
            ("three", 1),
            ("two", 2),
        ], (at, limit)


async def test_around_a_record_of_another_site(cities: Cities) -> None:
    three = cities.london.id_of(2)
    talk = await read(cities, Around(three, 1, 0), at="london")
    assert texts(talk) == ["two", "three"]
    assert [item.is_hit for item in talk.view.items] == [False, True]
    # Between the items of London stands what Shanghai alone has.
    talk = await read(cities, Around(three, 0, 1), at="london")
    assert texts(talk) == ["three", "four", "five"]


async def test_what_another_site_stopped_or_has_otherwise_is_told(cities: Cities) -> None:
    shanghai, london = cities.shanghai, cities.london
    for number, (sent, arrived, action) in enumerate((("six", "six", "hold"), ("seven", "7", "release"))):
        await shanghai.record(shanghai.submit(message(ALICE, BOB, sent, id_=sent), at_s=6 + number))
        mark = receipt(SHANGHAI, f"gate/{shanghai.places[-1]}")
        body = message(ALICE, BOB, arrived, mark, id_=sent)
        await london.record(
            cities.arrive(london, body, at_s=6.1 + number)._replace(action=action, rules=("tips",))
        )
    six, seven = (await read(cities)).view.items[-2:]
    assert any("at london it was not let through, held" in remark for remark in six.remarks)
    (remark,) = seven.remarks
    assert remark == f"london:gate/{london.places[-1]} does not say the same: look at both"


async def test_by_all_evidence_it_is_judged_what_had_reached_somebody(cities: Cities) -> None:
    shanghai, london = cities.shanghai, cities.london
    await shanghai.record(Delivery("e1", 99, ()))
    # Bob's device was signed in at London when it carried the message out.
    begin = london.submit(
        b"<session xmlns='urn:steelyard:gate:0' event='bind'/>", kind=RecordKind.SESSION, seq=90
    )
    await london.record(begin, Delivery("e1", 99, ()))
    look = Look(ignore_progress, None, BOB.partition("/")[0], T0_NS + 60 * 10**9)
    items = {item.text: item.reached for item in (await read(cities, look=look)).view.items}
    assert {text: each.certainty for text, each in items.items() if each} == {
        "one": Certainty.NOT_KNOWN,
        "two": Certainty.CERTAIN,
        "three": Certainty.CERTAIN,
        "four": Certainty.NO,
        "five": Certainty.NOT_KNOWN,
    }
    assert items["one"]
    assert {each.record.partition(":")[0] for each in items["one"].evidence} == {"shanghai", "london"}
    assert items["two"]
    assert How.WROTE in {each.how for each in items["two"].evidence}


async def test_a_conversation_that_only_another_site_has_is_read_there(cities: Cities) -> None:
    carol = f"carol@{LONDON}"
    await cities.london.record(cities.london.say(BOB, carol, "among us", at_s=9))
    talk = await read(cities, Whole(("bob", "carol")))
    assert (texts(talk), [each.name for each in talk.sites]) == (["among us"], ["london"])
    with pytest.raises(NoConversationError):
        await read(cities, Whole((carol, f"dan@{LONDON}")))
    with pytest.raises(NoConversationError):
        await read(cities, Whole(("bob", "carol")), at="shanghai")


async def test_a_site_that_cannot_be_read_is_named(cities: Cities) -> None:
    name_sites(cities.shanghai, paris=Path("/nowhere/site.toml"))
    (cities.london.path.parent / "archive/gate.db").unlink()
    talk = await read(cities)
    # What arrived stands for what was sent.
    assert texts(talk) == ["one", "two", "four", "five"]
    assert (talk.is_complete, sorted(each.name for each in talk.faults)) == (False, ["london", "paris"])
    for site in ("london", "paris", "oslo"):
        with pytest.raises(UNREACHABLE):
            await read(cities, at=site)


async def test_who_is_no_auditor_at_a_site_reads_nothing_of_it(cities: Cities) -> None:
    path = cities.london.path
    path.write_text(
        path.read_text()
        + '\n[[audit.auditors]]\nid = "x"\nname = "X"\nuser = "nobody-x"\nroles = ["auditor"]\n'
    )
    talk = await read(cities)
    assert [item.record.partition(":")[0] for item in talk.view.items] == ["shanghai"] * 4
    assert "is no auditor of this site" in talk.faults[0].reason
    assert await cities.london.accesses() == []


async def test_who_is_known_by_a_login_is_nobody_where_a_site_lists_no_auditors(cities: Cities) -> None:
    talk = await read(cities, look=Look(ignore_progress, "anna"))
    assert [item.record.partition(":")[0] for item in talk.view.items] == ["shanghai"] * 4
    assert "lists no auditors" in talk.faults[0].reason
    assert [look.actor for look in await cities.shanghai.accesses()] == ["anna"]
    assert await cities.london.accesses() == []


async def test_who_enters_a_room_is_told_by_the_site_that_has_it(cities: Cities) -> None:
    shanghai, london = cities.shanghai, cities.london
    presence = (
        f"<presence xmlns='jabber:client' from='{BOB}' to='{PIT}/bob'>"
        "<x xmlns='http://jabber.org/protocol/muc'/></presence>"
    )
    await london.record(london.submit(presence.encode(), at_s=10))
    await shanghai.record(cities.arrive(shanghai, presence.encode(), at_s=10.1))
    await london.record(london.submit(message(BOB, PIT, "hi", type_="groupchat"), at_s=11))
    mark = receipt(LONDON, f"gate/{london.places[-1]}")
    await shanghai.record(
        cities.arrive(shanghai, message(BOB, PIT, "hi", mark, type_="groupchat"), at_s=11.1)
    )
    talk = await read(cities, Whole((PIT,)))
    assert [(item.kind, item.record.partition(":")[0]) for item in talk.view.items] == [
        (ItemKind.JOIN, "shanghai"),
        (ItemKind.MESSAGE, "london"),
    ]


async def test_what_comes_back_from_a_room_is_on_the_page_of_what_was_said(cities: Cities) -> None:
    shanghai, london = cities.shanghai, cities.london
    await london.record(london.submit(message(BOB, PIT, "hi", type_="groupchat"), at_s=11))
    first = receipt(LONDON, f"gate/{london.places[-1]}")
    await shanghai.record(
        cities.arrive(shanghai, message(BOB, PIT, "hi", first, type_="groupchat"), at_s=11.1)
    )
    both = first + receipt(SHANGHAI, f"gate/{shanghai.places[-1]}")
    back = message(f"{PIT}/bob", BOB, "hi", both, type_="groupchat")
    await london.record(cities.arrive(london, back, at_s=11.2))
    items: list[Item] = []
    part, more = Whole((PIT,), 1), True
    while more:
        talk = await read(cities, part, at="london")
        items += talk.view.items
        more = bool(talk.view.more_before)
        part = Whole((PIT,), 1, before=talk.view.more_before.rpartition(":")[2])
    assert [(item.text, item.record.partition(":")[0]) for item in items] == [("hi", "london")]
    (item,) = (await read(cities, Whole((PIT,)), at="london")).view.items
    assert len(item.records) == 3


def test_the_command_prints_both_sites_and_what_was_not_read(
    cities: Cities, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_SITE", str(cities.shanghai.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert run_command("audit", "read", "alice", "bob", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["text"] for each in found["items"]] == ["one", "two", "three", "four", "five"]
    assert [each["site"] for each in found["sites"]] == ["shanghai", "london"]
    assert (found["complete"], found["not_read"]) == (True, [])
    first, last = (found["items"][at]["record"] for at in (0, -1))
    assert run_command("audit", "read", "alice", "bob", "--from", first, "--limit", "1") == 0
    text = capsys.readouterr().out
    assert "two" in text and f"later items: --from {first.partition(':')[0]}" in text
    assert run_command("audit", "read", last, "--before", "0", "--after", "0", "--json") == 0
    assert [each["text"] for each in json.loads(capsys.readouterr().out)["items"]] == ["five"]
    (cities.london.path.parent / "archive/gate.db").unlink()
    assert run_command("audit", "read", "alice", "bob") == 1
    assert "london was NOT read" in capsys.readouterr().out


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_a_conversation_as_it_was_then_is_of_all_sites(cities: Cities, limit: int) -> None:
    # The newest of then, also where more than that came later.
    look = replace(LOOK, at_ns=T0_NS + 3 * 10**9)
    talk = await read(cities, replace(BOTH, limit=limit), look)
    whole = ["one", "two", "three"]
    # What London alone has is within the time of Shanghai's page.
    assert texts(talk) == (whole[-limit - 1 :] if limit < 3 else whole)
    assert texts(await read(cities, BOTH, replace(LOOK, at_ns=T0_NS - 1))) == []
