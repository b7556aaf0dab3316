"""`steelyard federation reconcile`, and searches of several sites, as people and programs are told of them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from components.archive.record import Delivery, RecordKind
from components.archive.writer import Entry
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
from tests.support.typed import file_of

pytestmark = pytest.mark.slow


@pytest.fixture
async def cities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cities:
    made = await make_cities(tmp_path)
    monkeypatch.setenv("STEELYARD_SITE", str(made.shanghai.path))
    return made


async def run(*arguments: object) -> int:
    return await asyncio.to_thread(run_command, *arguments)


async def run_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    status = await run(*arguments, "--json")
    return status, json.loads(capsys.readouterr().out)


async def settle(cities: Cities, *, bounced: tuple[int, ...] = ()) -> None:
    """Have both servers say that all is carried out, and say something later."""
    for site, some in ((cities.shanghai, bounced), (cities.london, ())):
        await site.record(Delivery("e1", 99, some))


# What Prosody 0.12 puts into what is said in a room.
OF_THE_ROOM = (
    f"<stanza-id xmlns='urn:xmpp:sid:0' by='{PIT}' id='SsTqZi7tMvoo9Yqrxbxac_05'/>"
    "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='zHTAzNJyZbNfjZ6VpwzuOR1noKhzTpZnEpPQEgP+9Jo='/>"
)
DELAY = f"<delay xmlns='urn:xmpp:delay' stamp='2026-11-29T22:43:32Z' from='{PIT}'/>"

RECONCILE = ("federation", "reconcile", "--grace-s", "0")


async def test_archives_that_agree(cities: Cities, capsys: pytest.CaptureFixture[str]) -> None:
    await cities.send(ALICE, BOB, "tin", at_s=1)
    await cities.send(BOB, ALICE, "zinc", at_s=2)
    shanghai, london = cities.shanghai, cities.london
    await shanghai.record(shanghai.submit(message(ALICE, PIT, "all", type_="groupchat"), at_s=3))
    mark = receipt(SHANGHAI, f"gate/{shanghai.places[-1]}")
    heard = f"{PIT}/al", BOB, "all", mark + OF_THE_ROOM
    await london.record(
        cities.arrive(london, message(*heard, type_="groupchat")),
        # Errors and what rooms say by themselves carry no receipt.
        cities.arrive(london, message(ALICE, BOB, "no", type_="error")),
        cities.arrive(london, message(PIT, BOB, "a new subject", type_="groupchat")),
        # A room says again what was said, to who comes in again.
        cities.arrive(london, message(*heard[:3], mark + OF_THE_ROOM + DELAY, type_="groupchat")),
    )
    await settle(cities)
    assert await run(*RECONCILE) == 0
    told = capsys.readouterr().out
    assert (
        "shanghai → london: 1 sent, 1 arrived, 0 given back, 2 from rooms, 2 made by the server: both archives agree"
    ) in told
    assert "london → shanghai: 1 sent, 1 arrived, 0 given back: both archives agree" in told
    for site in (shanghai, london):
        (look,) = await site.accesses()
        assert (look.act, look.query, look.result_count) == ("reconcile", "federation", 0)


async def test_what_does_not_agree_is_named_by_both_records(
    cities: Cities, capsys: pytest.CaptureFixture[str]
) -> None:
    shanghai, london = cities.shanghai, cities.london
    await shanghai.record(*(shanghai.submit(message(ALICE, BOB, f"n{number}")) for number in range(4)))
    lost, altered, _returned, both = (shanghai.id_of(number) for number in range(4))
    marks = [receipt(SHANGHAI, id_) for id_ in (altered, both)]
    await london.record(
        cities.arrive(london, message(ALICE, BOB, "other", marks[0])),
        cities.arrive(london, message(ALICE, BOB, "n3", marks[1])),
        cities.arrive(london, message(ALICE, BOB, "forged")),
        cities.arrive(london, message(ALICE, BOB, "n3", marks[1])),
    )
    await settle(cities, bounced=(2, 3))
    status, found = await run_json(capsys, *RECONCILE)
    assert (status, found["ok"]) == (1, False)
    direction = found["directions"][0]
    assert (direction["from"], direction["to"]) == ("shanghai", "london")
    assert (direction["sent"], direction["arrived"], direction["returned"]) == (4, 2, 1)
    at = [f"london:{london.id_of(number)}" for number in range(4)]
    named = {(each["what"], each["sent"], each["received"]) for each in direction["differences"]}
    assert named == {
        ("lost", f"shanghai:{lost}", None),
        ("different", f"shanghai:{altered}", at[0]),
        ("returned-too", f"shanghai:{both}", at[1]),
        ("twice", f"shanghai:{both}", at[3]),
        ("unsent", None, at[2]),
    }
    assert await run(*RECONCILE) == 1
    told = capsys.readouterr().out
    assert f"sent, and in no record there: shanghai:{lost}" in told
    assert "5 findings" in told


async def test_what_is_on_its_way_is_no_finding(cities: Cities, capsys: pytest.CaptureFixture[str]) -> None:
    shanghai = cities.shanghai
    await cities.send(ALICE, BOB, "tin")
    await shanghai.record(shanghai.submit(message(ALICE, BOB, "later")))
    status, found = await run_json(capsys, "federation", "reconcile")
    assert status == 0
    (late,) = found["directions"][0]["differences"]
    assert (late["what"], late["sent"]) == ("on-its-way", f"shanghai:{shanghai.id_of(1)}")


async def test_a_site_that_cannot_be_read_is_named(
    cities: Cities, capsys: pytest.CaptureFixture[str]
) -> None:
    (cities.london.path.parent / "archive/gate.db").unlink()
    status, found = await run_json(capsys, *RECONCILE)
    assert (status, found["ok"], found["directions"]) == (1, False, [])
    assert [each["site"] for each in found["not_read"]] == ["london"]
    assert await run(*RECONCILE) == 1
    assert "london was NOT read: " in capsys.readouterr().out


async def test_a_look_that_london_cannot_record_shows_nothing_of_it(
    cities: Cities, capsys: pytest.CaptureFixture[str]
) -> None:
    await cities.send(ALICE, BOB, "tin")
    file_of(cities.london.settings.audit_log.key_file).unlink()
    status, found = await run_json(capsys, *RECONCILE)
    assert (status, found["directions"], [each["site"] for each in found["sites"]]) == (1, [], ["shanghai"])


async def test_records_that_do_not_open_are_told(cities: Cities, capsys: pytest.CaptureFixture[str]) -> None:
    await cities.london.record_payloads([Entry(RecordKind.STANZA, b"no header")])
    await settle(cities)
    status, found = await run_json(capsys, *RECONCILE)
    assert (status, [each["unreadable"] for each in found["sites"]]) == (1, [0, 1])


async def test_one_site_alone_has_nothing_to_compare(
    cities: Cities, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("federation", "reconcile", "--site", cities.london.path) == 2
    assert "name it in audit.sites" in capsys.readouterr().err


async def test_a_search_of_all_sites_prints_both_records_of_a_hit(
    cities: Cities, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, arrived = await cities.send(ALICE, BOB, "copper")
    assert await run("audit", "search", "copper") == 0
    told = capsys.readouterr().out
    assert sent in told
    assert f"also {arrived}" in told
    assert "1 match, and 1 more records of the same messages." in told
    status, found = await run_json(capsys, "audit", "search", "copper")
    assert (status, found["complete"], found["matched"], found["doubles"]) == (0, True, 1, 1)
    (hit,) = found["records"]
    assert (hit["id"], hit["site"], hit["records_of_it"]) == (sent, "shanghai", 2)
    assert [(each["id"], each["differs"]) for each in hit["others"]] == [(arrived, False)]
    assert hit["proof"]["proved"] and hit["others"][0]["proof"]["proved"]
    assert hit["proof"]["checkpoint"].startswith(f"{SHANGHAI}/gate\n")
    assert hit["others"][0]["proof"]["checkpoint"].startswith(f"{LONDON}/gate\n")


async def test_a_search_without_a_site_ends_with_status_1(
    cities: Cities, capsys: pytest.CaptureFixture[str]
) -> None:
    await cities.send(ALICE, BOB, "copper")
    name_sites(cities.shanghai, paris=Path("/nowhere/site.toml"))
    assert await run("audit", "search", "copper") == 1
    assert "paris was NOT searched: /nowhere/site.toml" in capsys.readouterr().out
    assert await run("audit", "search", "copper", "--json-lines") == 1
    told = capsys.readouterr()
    assert "paris was NOT searched" in told.err
    assert [json.loads(line)["site"] for line in told.out.splitlines()] == ["shanghai"]
    status, found = await run_json(capsys, "audit", "search", "copper", "--count-by", "person")
    assert (status, found["complete"]) == (1, False)
    assert [each["site"] for each in found["not_searched"]] == ["paris"]
    assert found["counts"] == [{"person": f"alice@{SHANGHAI}", "records": 1}]
    assert await run("audit", "search", "copper", "--count-by", "person") == 1
    assert f"alice@{SHANGHAI}" in capsys.readouterr().out
    assert await run("audit", "search", "copper", "--count-by", "person", "--json-lines") == 1
    assert json.loads(capsys.readouterr().out)["records"] == 1


async def test_one_site_can_be_searched_alone(cities: Cities, capsys: pytest.CaptureFixture[str]) -> None:
    _, arrived = await cities.send(ALICE, BOB, "copper")
    here = ("audit", "search", "copper", "--at")
    status, found = await run_json(capsys, *here, "london", "--context", "1")
    assert (status, [each["id"] for each in found["records"]]) == (0, [arrived.partition(":")[2]])
    assert await cities.shanghai.accesses() == []
    assert await run(*here, "shanghai") == 0
    assert await run(*here, "paris") == 2
    assert "there is no site 'paris': name one of shanghai, london" in capsys.readouterr().err


async def test_a_record_of_another_site_is_shown_and_proved_there(
    cities: Cities, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, arrived = await cities.send(ALICE, BOB, "copper")
    for id_, city in ((sent, SHANGHAI), (arrived, LONDON)):
        status, found = await run_json(capsys, "audit", "show", id_)
        assert (status, found["proof"]["proved"]) == (0, True)
        assert found["proof"]["checkpoint"].startswith(f"{city}/gate\n")
        assert await run("audit", "proof", id_) == 0
        assert f"{city}/gate" in capsys.readouterr().out
    for site in (cities.shanghai, cities.london):
        assert [look.act for look in await site.accesses()] == ["show", "proof"]
    assert await run("audit", "show", "paris:gate/1") == 2
    assert "there is no site 'paris'" in capsys.readouterr().err
