"""A matter over two sites: it is kept at one, and names the records, people and holds of others."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from components.archive.orders.order import OrderAct
from components.audit.orders.file import read_order_file
from tests.support.at_the_desk import AtTheDesk
from tests.support.audit_site import Site
from tests.support.audit_sites import Cities
from tests.support.review_cities import ALICE, BOB, make_review_cities
from tests.support.typed import file_of

pytestmark = pytest.mark.slow


class Desk(AtTheDesk):
    """Whoever works on a matter."""

    def act(self, user: str, what: str, *arguments: str) -> tuple[int, str]:
        key = self.cities.shanghai.path.parent / f"keys/auditor-{user}.key"
        return self.command(user, "audit", "matter", what, *arguments, "--key", key)

    def tell(self, user: str, what: str, *arguments: str) -> dict[str, Any]:
        status, output = self.command(user, "audit", "matter", what, *arguments, "--json")
        assert status == 0, output
        found: dict[str, Any] = json.loads(output)
        return found

    def looks_at(self, site: Site) -> list[tuple[str, str, str, str]]:
        looks = asyncio.run(site.accesses())
        return [(look.actor, look.act, look.query, look.matter) for look in looks]


@pytest.fixture
async def cities(tmp_path: Path) -> Cities:
    return await make_review_cities(tmp_path)


@pytest.fixture
def desk(
    cities: Cities, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Desk:
    monkeypatch.setenv("STEELYARD_SITE", str(cities.shanghai.path))
    monkeypatch.chdir(tmp_path)
    desk = Desk(cities, capsys, monkeypatch)
    assert desk.act("erin", "open", "Tips", "--id", "M-7")[0] == 0
    return desk


def test_exhibits_are_of_any_site_and_each_look_is_recorded_where_the_record_is(desk: Desk) -> None:
    here, there = desk.id_of("shanghai", 0), desk.id_of("london", 0)
    for record in (here, there):
        status, text = desk.act("erin", "add-exhibit", "M-7", record, "--title", "a tip")
        assert status == 0, text
    # Its own site need not be named, and is not.
    exhibits = desk.tell("erin", "show", "M-7")["exhibits"]
    assert [each["record_id"] for each in exhibits] == [here.partition(":")[2], there]
    found = desk.tell("erin", "chronology", "M-7")
    texts = [each["record"]["text"] for each in found["entries"] if each["record"]]
    assert texts == ["a tip", "tip of London"]
    number = there.partition(":")[2]
    assert [look for look in desk.looks_at(desk.cities.london) if "matter" in look[1]] == [
        ("erin", "matter exhibit", number, "shanghai:M-7"),
        ("erin", "matter show", "shanghai:M-7", "shanghai:M-7"),
        ("erin", "matter chronology", number, "shanghai:M-7"),
    ]
    assert "exhibit 1 of M-7 already" in desk.act("erin", "add-exhibit", "M-7", here)[1]


def test_what_is_not_there_and_what_one_may_not_see_is_no_exhibit_in_the_same_words(desk: Desk) -> None:
    # Greta is no auditor of London; what is hers in Shanghai she may exhibit.
    assert desk.act("greta", "open", "Grain", "--id", "grain-1")[0] == 0
    assert desk.act("greta", "add-exhibit", "grain-1", desk.id_of("shanghai", 1))[0] == 0
    told = {
        desk.act("greta", "add-exhibit", "grain-1", id_)[1]
        for id_ in ("london:gate/99", desk.id_of("london", 0))
    }
    assert told == {
        "steelyard: london: the user greta is no auditor of this site; list them in audit.auditors of site.toml\n"
    }
    # A matter of one enterprise has none of another's records, from whichever site.
    opened = desk.act("erin", "open", "Grain alone", "--id", "G-1", "--enterprise", "grain")
    assert opened[0] == 0, opened[1]
    for id_ in (desk.id_of("london", 0), "london:gate/99"):
        status, text = desk.act("erin", "add-exhibit", "G-1", id_)
        assert (status, f"there is no record {id_} in what G-1 may concern" in text) == (2, True)
    assert desk.tell("erin", "show", "G-1")["exhibits"] == []
    assert "there is no site 'paris'" in desk.act("erin", "add-exhibit", "M-7", "paris:gate/1")[1]


def test_a_site_that_is_away_is_named_and_the_matter_is_shown(desk: Desk) -> None:
    there = desk.id_of("london", 0)
    assert desk.act("erin", "add-exhibit", "M-7", there, "--title", "a tip")[0] == 0
    desk.cities.london.path.rename(desk.cities.london.path.with_suffix(".away"))
    found = desk.tell("erin", "chronology", "M-7")
    assert [each["site"] for each in found["not_read"]] == ["london"]
    assert [each["record"] for each in found["entries"]] == [None]
    assert (
        "exhibits of london could NOT be read: "
        in desk.command("erin", "audit", "matter", "chronology", "M-7")[1]
    )
    assert [each["site"] for each in desk.tell("erin", "show", "M-7")["not_asked"]] == ["london"]
    assert "london was NOT asked: " in desk.command("erin", "audit", "matter", "show", "M-7")[1]
    assert "london: " in desk.act("erin", "add-exhibit", "M-7", there)[1]
    unknown = desk.act("erin", "add-custodian", "M-7", "quentin@london.example")[1]
    assert "; london was not asked: " in unknown


def test_what_cannot_be_recorded_there_is_not_shown(desk: Desk) -> None:
    there = desk.id_of("london", 0)
    assert desk.act("erin", "add-exhibit", "M-7", there, "--title", "a tip")[0] == 0
    file_of(desk.cities.london.settings.audit_log.key_file).unlink()
    found = desk.tell("erin", "chronology", "M-7")
    assert "tip of London" not in json.dumps(found)
    assert [each["site"] for each in found["not_read"]] == ["london"]
    assert desk.act("erin", "add-exhibit", "M-7", desk.id_of("london", 1))[0] == 2


def test_a_custodian_may_be_known_at_another_site_alone(desk: Desk) -> None:
    former = "quentin@london.example"
    assert desk.act("erin", "add-custodian", "M-7", former)[0] == 2
    london = desk.cities.london
    asyncio.run(london.record(london.say(f"{former}/d", BOB, "bye", at_s=9)))
    status, text = desk.act("erin", "add-custodian", "M-7", former)
    assert status == 0, text
    assert [each["jid"] for each in desk.tell("erin", "show", "M-7")["custodians"]] == [former]
    asked = [look[2:] for look in desk.looks_at(london) if look[1] == "matter custodian"]
    assert asked == [(former, "shanghai:M-7")] * 2


def test_a_hold_goes_to_each_site_and_one_that_could_not_is_told(desk: Desk, tmp_path: Path) -> None:
    everywhere = ("archive", "hold", "--matter", "M-7", "--everywhere")
    status, text = desk.command("erin", *everywhere, "--custodian", BOB, "--json")
    found = json.loads(text)
    assert (status, found["not_proposed"]) == (0, [])
    orders = {
        each["file"].partition("-")[0]: read_order_file(tmp_path / each["file"]) for each in found["orders"]
    }
    assert [order.order.act for order in orders.values()] == [OrderAct.HOLD] * 2
    for name, matter in (("shanghai", "M-7"), ("london", "shanghai:M-7")):
        site: Site = getattr(desk.cities, name)
        assert orders[name].order.log == site.settings.gate_log.origin
        details = orders[name].details
        assert details is not None
        assert (details.matter, details.custodian) == (matter, BOB)
    desk.cities.london.path.rename(desk.cities.london.path.with_suffix(".away"))
    status, text = desk.command("erin", *everywhere, "--custodian", ALICE)
    assert (status, "london was NOT asked to hold anything: " in text) == (1, True)
    assert len(list(tmp_path.glob("shanghai-*.order"))) == 2
    for wrong in (("gate/1",), ("--custodian", ALICE, "--out", "x")):
        assert "an order for each site" in desk.command("erin", *everywhere, *wrong)[1]


def test_custodians_whom_a_site_does_not_hold_are_told_for_each(desk: Desk) -> None:
    assert desk.act("erin", "add-custodian", "M-7", BOB)[0] == 0
    found = desk.tell("erin", "show", "M-7")
    assert found["custodians_without_hold"] == [BOB]
    assert found["custodians_without_hold_elsewhere"] == {"london": [BOB]}
    assert (
        f"No hold keeps what london has of {BOB}" in desk.command("erin", "audit", "matter", "show", "M-7")[1]
    )


def test_a_matter_is_a_reason_at_all_sites_and_is_called_after_its_own(desk: Desk) -> None:
    there = desk.id_of("london", 0)
    for look in (
        ("search", "tip"),
        ("search", "tip", "--at", "london"),
        ("show", there),
        ("read", there),
        ("sample", "tip", "--count", "1"),
        ("export", "tip", "-o", "out"),
    ):
        status, text = desk.command("erin", "audit", *look, "--matter", "M-7", "--reason", "a letter")
        assert status == 0, (look, text)
    here, elsewhere = (
        {look[1]: look[3] for look in desk.looks_at(site)}
        for site in (desk.cities.shanghai, desk.cities.london)
    )
    assert {here[act] for act in ("search", "read", "sample", "export", "export complete")} == {"M-7"}
    acts = ("search", "show", "read", "sample", "export", "export complete")
    assert {elsewhere[act] for act in acts} == {"shanghai:M-7"}
    # Nobody else's counts, and none that is closed.
    for user, matter in (("rosa", "M-7"), ("erin", "M-8"), ("erin", "shanghai:M-7")):
        for look in (("search", "tip"), ("show", there), ("search", "tip", "--at", "london")):
            status, text = desk.command(user, "audit", *look, "--matter", matter)
            assert (status, f"there is no matter {matter}" in text) == (2, True), (look, text)
    assert desk.act("erin", "close", "M-7", "--reason", "done")[0] == 0
    for look in (("search", "tip"), ("show", there)):
        assert desk.command("erin", "audit", *look, "--matter", "M-7")[0] == 2


def test_a_site_that_wants_a_matter_of_its_own_gets_one(desk: Desk) -> None:
    london = desk.cities.london
    london.path.write_text(london.path.read_text().replace("[audit]", "[audit]\nmatter_required = true", 1))
    look = ("audit", "search", "tip", "--matter", "M-7")
    status, text = desk.command("erin", *look)
    assert (status, "this site wants a matter of its own, with the same id" in text) == (1, True), text
    key = desk.cities.shanghai.path.parent / "keys/auditor-erin.key"
    opened = desk.command(
        "erin", "audit", "matter", "open", "Tips", "--id", "M-7", "--site", london.path, "--key", key
    )
    assert opened[0] == 0, opened[1]
    assert desk.command("erin", *look)[0] == 0
    assert desk.looks_at(london)[-1] == ("erin", "search", '"tip"', "M-7")


def test_a_saved_result_has_each_site_and_what_is_run_again_there_is_the_same(desk: Desk) -> None:
    status, text = desk.act("erin", "save", "M-7", "tip", "--title", "all tips")
    assert status == 0, text
    (saved,) = desk.tell("erin", "show", "M-7")["saved"]
    assert (saved["result_count"], saved["not_searched"]) == (4, "")
    lines = [line.split() for line in saved["sites"].splitlines()]
    assert [(line[0].partition(":")[0], line[1]) for line in lines] == [("shanghai", "3"), ("london", "1")]
    assert saved["result_digest"] == lines[0][2]
    shown = desk.command("erin", "audit", "matter", "show", "M-7")[1]
    assert "all tips: 4, each message once" in shown
    again = ("audit", "replay", "--json")
    for record in (lines[0][0].partition(":")[2], lines[1][0]):
        status, text = desk.command("erin", *again, record)
        (search,) = json.loads(text)["searches"]
        assert (status, search["outcome"]) == (0, "same")
    status, text = desk.command("erin", *again, "--at", "london", "--matter", "shanghai:M-7")
    assert (status, [each["outcome"] for each in json.loads(text)["searches"]]) == (0, ["same"])
    assert "one site at a time" in desk.command("erin", "audit", "replay", lines[1][0], "--at", "shanghai")[1]
    desk.cities.london.path.rename(desk.cities.london.path.with_suffix(".away"))
    assert desk.act("erin", "save", "M-7", "tip", "--title", "what there is")[0] == 0
    saved = desk.tell("erin", "show", "M-7")["saved"][1]
    assert (saved["result_count"], saved["not_searched"].startswith("london: ")) == (3, True)
    assert "NOT searched: london: " in desk.command("erin", "audit", "matter", "show", "M-7")[1]
