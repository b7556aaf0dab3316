"""Reviews over two sites: all that waits anywhere, each act in the log of its own site, and what is missing is said."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from components.audit.asking import NoAnswerError
from components.audit.review import held as held_messages
from components.audit.review.acts import ReviewReader
from components.link.review_request import ReviewAnswer, ReviewRequest
from components.rules.reviewers import load_reviewers
from components.settings.site import SiteFile
from policy.supervision.item import Entry
from tests.support.at_the_desk import AtTheDesk
from tests.support.audit_site import Site
from tests.support.audit_sites import Cities
from tests.support.held_gate import HoldingGate, hold
from tests.support.review_cities import ALICE, BOB, GUS, HANNA, make_review_cities
from tests.support.typed import file_of

pytestmark = pytest.mark.slow


class Office(AtTheDesk):
    """Whoever reviews."""

    def run(self, user: str, *arguments: str | Path) -> tuple[int, str]:
        """Give the exit status and what was printed, of which errors come last."""
        return self.command(user, "review", *arguments)

    def sign(self, user: str, *arguments: str | Path) -> tuple[int, str]:
        """Do it with the user's key of Shanghai."""
        return self.run(user, *arguments, "--key", self.key(user))

    def key(self, user: str, site: Site | None = None) -> Path:
        return (site or self.cities.shanghai).path.parent / f"keys/auditor-{user}.key"

    def tell(self, user: str, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
        status, output = self.run(user, *arguments, "--json")
        return status, json.loads(output)

    def acts_at(self, site: Site) -> list[Entry]:
        reader = ReviewReader(site.settings, load_reviewers(site.settings))
        return asyncio.run(reader.read()).entries

    def looks_at(self, site: Site) -> list[tuple[str, str]]:
        return [(look.actor, look.act) for look in asyncio.run(site.accesses())]


@pytest.fixture
async def cities(tmp_path: Path) -> Cities:
    return await make_review_cities(tmp_path)


@pytest.fixture
def office(cities: Cities, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    monkeypatch.setenv("STEELYARD_SITE", str(cities.shanghai.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return Office(cities, capsys, monkeypatch)


def test_the_queues_are_those_of_all_sites_and_each_has_a_record_of_the_look(office: Office) -> None:
    status, found = office.tell("erin", "queue")
    assert (status, found["complete"], found["not_reviewed"]) == (0, True, [])
    assert [each["item"] for each in found["items"]] == [
        office.id_of("shanghai", 0),
        office.id_of("london", 0),
        office.id_of("shanghai", 1),
        office.id_of("london", 1),
        office.id_of("shanghai", 2),
    ]
    assert [each["site"] for each in found["items"]][:2] == ["shanghai", "london"]
    assert {name: count["items"] for name, count in found["queues"].items()} == {
        "rule/blind": 1,
        "rule/tips": 4,
    }
    of_sites = {each["site"]: (each["items"], each["queues"]["rule/tips"]["open"]) for each in found["sites"]}
    assert of_sites == {"shanghai": (3, 3), "london": (2, 1)}
    # Names that a rule of London hides are hidden here.
    assert found["items"][3]["from"].startswith("Person ")
    for site in (office.cities.shanghai, office.cities.london):
        assert office.looks_at(site) == [("erin", "review-queue")]


def test_a_queue_of_one_site_is_asked_for_by_its_name(office: Office) -> None:
    status, text = office.run("erin", "queue")
    assert status == 0
    rows = {line.split()[0]: line.split()[1] for line in text.splitlines()[1:4]}
    assert rows == {"shanghai:rule/tips": "3", "london:rule/tips": "1", "london:rule/blind": "1"}
    assert "london: 2 items. This look is record london:audit/" in text
    status, text = office.run("erin", "queue", "rule/tips", "--limit", "2")
    assert (text.count("(rule/tips)"), "… 2 more (--limit)" in text) == (2, True)
    for alone in (("london:rule/tips",), ("rule/tips", "--at", "london")):
        status, found = office.tell("erin", "queue", *alone)
        assert (status, found["site"], found["not_covered"]) == (0, "london", ["shanghai"])
        assert [each["item"] for each in found["items"]] == [office.cities.london.id_of(0)]
    assert "This is london alone" in office.run("erin", "queue", "--at", "london")[1]
    assert "there is no site 'paris'" in office.run("erin", "queue", "paris:rule/tips")[1]


def test_an_act_is_signed_for_the_site_whose_item_it_is_and_is_in_its_log_alone(office: Office) -> None:
    here, there = office.id_of("shanghai", 0), office.id_of("london", 0)
    status, text = office.sign("erin", "claim", here, there)
    assert status == 0, text
    assert f"claim {there}: record london:audit/" in text
    for site, item in ((office.cities.shanghai, here), (office.cities.london, there)):
        (entry,) = office.acts_at(site)
        said = (entry.act.item, entry.act.origin, entry.act.by, entry.problem)
        assert said == (item.partition(":")[2], site.settings.gate_log.origin, "erin", "")
    # Seen at the site itself as what was done there.
    london = ("--site", office.cities.london.path)
    assert office.tell("rosa", "history", there.partition(":")[2], *london)[1]["holder"] == "erin"
    found = office.tell("rosa", "history", there)[1]
    assert (found["item"], found["holder"]) == (there, "erin")
    assert found["access"].startswith("london:audit/")
    held = office.tell("rosa", "queue", "--holder", "erin")[1]
    assert [each["item"] for each in held["items"]] == [here, there]


@pytest.mark.parametrize(
    ("user", "with_", "why"),
    [
        ("erin", "london:gate/999", "london: gate/999"),
        ("erin", "paris:gate/1", "there is no site 'paris'"),
        ("lena", "london", "this key of lena is not listed there"),
        ("greta", "london", "greta is no auditor of this site"),
    ],
)
def test_what_would_not_count_at_one_site_is_recorded_at_none(
    office: Office, user: str, with_: str, why: str
) -> None:
    # Each of them may act on the one in Shanghai.
    here, there = office.id_of("shanghai", 1), with_ if ":" in with_ else office.id_of(with_, 0)
    status, text = office.sign(user, "note", here, there, "--note", "seen")
    assert (status, why in text) == (2, True), text
    assert [office.acts_at(site) for site in (office.cities.shanghai, office.cities.london)] == [[], []]


def test_a_key_that_another_site_lists_signs_there(office: Office) -> None:
    london = office.key("lena", office.cities.london)
    item = office.id_of("london", 0)
    assert office.run("lena", "note", item, "--note", "seen", "--key", london)[0] == 0
    assert [entry.problem for entry in office.acts_at(office.cities.london)] == [""]
    assert office.run("lena", "note", office.id_of("shanghai", 0), "--note", "x", "--key", london)[0] == 2


def test_a_site_that_could_not_record_is_named_with_what_was_done(office: Office) -> None:
    file_of(office.cities.london.settings.audit_log.key_file).unlink()
    here, there = office.id_of("shanghai", 0), office.id_of("london", 0)
    status, text = office.sign("erin", "claim", here, there)
    assert status == 2
    assert text.startswith("steelyard: london: this could not be recorded in ")
    assert f"it was done with {here}, and with no item of london" in text
    assert [entry.act.item for entry in office.acts_at(office.cities.shanghai)] == [here.partition(":")[2]]


def test_acts_of_a_site_whose_log_is_gone_are_not_taken_for_undone(office: Office) -> None:
    here, there = office.id_of("shanghai", 0), office.id_of("london", 0)
    assert office.sign("erin", "close", there, "--as", "no-issue")[0] == 0
    log = file_of(office.cities.london.settings.audit_log.store)
    # As when somebody takes the file away from a server that runs.
    log.with_name(f"{log.name}-wal").touch()
    log.unlink()
    for act in (("claim", here, there), ("claim", there)):
        status, text = office.sign("erin", *act)
        assert (status, text.startswith("steelyard: london: ") and "audit.db: is gone" in text) == (
            2,
            True,
        ), text
    assert office.acts_at(office.cities.shanghai) == []
    status, text = office.run("erin", "queue")
    assert (status, "london was NOT reviewed" in text and "audit.db: is gone" in text) == (1, True), text


def test_a_site_that_is_away_is_named_and_those_of_others_are_shown(office: Office) -> None:
    office.cities.london.path.rename(office.cities.london.path.with_suffix(".away"))
    for look in (("queue",), ("queue", "rule/tips"), ("report",), ("list",)):
        if look == ("list",):
            office.monkeypatch.setattr(held_messages, "_ask", HoldingGate([]).answer)
        status, text = office.run("erin", *look)
        assert (status, "london was NOT reviewed: " in text) == (1, True), text
        status, found = office.tell("erin", *look)
        assert (status, found["complete"]) == (1, False)
        assert [each["site"] for each in found["not_reviewed"]] == ["london"]
        assert [each["site"] for each in found["sites"]] == ["shanghai"]
    assert len(office.tell("erin", "queue")[1]["items"]) == 3
    status, text = office.sign("erin", "claim", office.id_of("london", 0))
    assert (status, "london: " in text) == (2, True)


def test_who_is_of_one_enterprise_reaches_nothing_of_another_at_any_site(office: Office) -> None:
    status, found = office.tell("greta", "queue")
    assert (status, [each["item"] for each in found["items"]]) == (1, [office.id_of("shanghai", 1)])
    assert found["queues"]["rule/tips"]["items"] == 1
    assert "'london'" not in json.dumps(found["queues"])
    assert office.tell("greta", "report")[1]["total"]["flagged"] == 1
    for site, numbers in (("shanghai", (0, 2)), ("london", (0, 1))):
        absent = f"{site}:gate/999"
        for look in ("history", "show"):
            wanted = office.run("greta", look, absent)[1].replace(absent.partition(":")[2], "ID")
            for number in numbers:
                id_ = office.id_of(site, number)
                status, told = office.run("greta", look, id_)
                assert (status, told.replace(id_.partition(":")[2], "ID")) == (2, wanted)


def test_all_that_match_are_closed_at_once_or_nothing_is(office: Office) -> None:
    for site in (office.cities.shanghai, office.cities.london):
        for end in ("pub", "key"):
            # One key of hers at both, as the command names one.
            source = office.key("lena", office.cities.shanghai).with_suffix(f".{end}")
            target = site.path.parent / f"keys/auditor-lena.{end}"
            if source != target:
                target.unlink()
                target.write_bytes(source.read_bytes())
    close = ("close", "--query", "tip", "--as", "no-issue", "--note", "a test")
    assert "4 open items match; to close them all: --expect 4" in office.sign("lena", *close)[1]
    status, text = office.sign("lena", *close, "--expect", "4")
    assert (status, "4 items closed as no-issue." in text) == (0, True), text
    found = office.tell("erin", "queue", "rule/tips")[1]
    assert {each["state"] for each in found["items"]} == {"closed"}
    assert [len(office.acts_at(site)) for site in (office.cities.shanghai, office.cities.london)] == [3, 1]
    assert "has not the role lead" in office.sign("erin", *close)[1]
    office.cities.london.path.rename(office.cities.london.path.with_suffix(".away"))
    status, text = office.sign("lena", *close, "--expect", "0")
    assert (status, "--at closes items of one site alone" in text) == (2, True)
    assert "0 open items match" in office.sign("lena", *close, "--at", "shanghai")[1]


def test_the_evidence_is_of_all_sites_together_and_of_each(office: Office) -> None:
    there = office.id_of("london", 0)
    assert office.sign("erin", "close", there, "--as", "issue")[0] == 0
    status, found = office.tell("lena", "report")
    assert (status, found["total"]["flagged"], found["total"]["reviewed"]) == (0, 5, 1)
    (tips,) = [row for row in found["rules"] if row["name"] == "tips"]
    assert (tips["flagged"], tips["reviewed"], tips["hit_rate"]) == (4, 1, 1.0)
    of_sites = {
        each["site"]: (each["total"]["flagged"], each["total"]["reviewed"]) for each in found["sites"]
    }
    assert of_sites == {"shanghai": (3, 0), "london": (2, 1)}
    text = office.run("lena", "report")[1]
    assert "london: 2 flagged, 1 reviewed, " in text
    assert office.tell("lena", "report", "--at", "london")[1]["total"]["flagged"] == 2


def test_an_item_of_another_site_is_shown_with_its_proof_and_recorded_there(office: Office) -> None:
    there = office.id_of("london", 1)
    status, text = office.run("erin", "show", there)
    assert (status, BOB in text, "a secret of" in text) == (0, False, True)
    assert ("erin", "review-show") in office.looks_at(office.cities.london)
    assert office.looks_at(office.cities.shanghai) == []
    assert BOB in office.run("erin", "show", there, "--reason", "a tip")[1]


class Gates:
    """The gate of each site; one of them may be silent."""

    def __init__(self, office: Office) -> None:
        self.silent = ""
        here, there = office.cities.shanghai, office.cities.london
        self.of = {
            "shanghai": HoldingGate([hold(here, 0, ALICE, ALICE), hold(here, 1, GUS, HANNA)]),
            "london": HoldingGate([hold(there, 0, BOB, BOB, needed=2)]),
        }
        office.monkeypatch.setattr(held_messages, "_ask", self.answer)

    async def answer(self, settings: SiteFile, request: ReviewRequest, timeout_s: float) -> ReviewAnswer:
        name = settings.site.name
        if name == self.silent:
            raise NoAnswerError("the gate does not answer")
        return await self.of[name].answer(settings, request, timeout_s)


def test_what_any_site_holds_is_listed_and_decided_on_at_that_site(office: Office) -> None:
    gates, there = Gates(office), office.id_of("london", 0)
    status, found = office.tell("erin", "list")
    assert (status, found["complete"]) == (0, True)
    assert [(each["record"], each["site"], each["text"]) for each in found["held"]] == [
        (office.id_of("shanghai", 0), "shanghai", "a tip"),
        (office.id_of("shanghai", 1), "shanghai", "grain tip"),
        (there, "london", "tip of London"),
    ]
    text = office.run("erin", "list")[1]
    assert f"{there} {BOB} to {BOB} (tips): waits" in text
    assert "london: 1 message. This look is record london:audit/" in text
    # Two people of London have to agree: twice the same one is not two.
    release = ("release", there, "--reason", "public")
    for user, told in (("erin", "waits for another"), ("erin", "waits for another"), ("rosa", "on its way")):
        status, text = office.sign(user, *release)
        assert (status, told in text) == (0, True), text
    number = int(there.rpartition("/")[2])
    asked = ("release", number, "erin", "public")
    assert gates.of["london"].asked == [asked, asked, ("release", number, "rosa", "public")]
    assert gates.of["shanghai"].asked == []
    assert {entry.act.kind.value for entry in office.acts_at(office.cities.london)} == {"release"}
    assert office.acts_at(office.cities.shanghai) == []


@pytest.mark.parametrize(("silent", "listed"), [("shanghai", 1), ("london", 2)])
def test_a_gate_that_is_silent_hides_nothing_that_others_hold(
    office: Office, silent: str, listed: int
) -> None:
    Gates(office).silent = silent
    status, found = office.tell("erin", "list")
    assert (status, len(found["held"])) == (1, listed)
    assert [each["site"] for each in found["not_reviewed"]] == [silent]
    assert f"{silent} was NOT reviewed: the gate does not answer" in office.run("erin", "list")[1]


def test_nobody_decides_on_what_is_held_of_others_at_any_site(office: Office) -> None:
    gates = Gates(office)
    told = set[str]()
    for id_ in (office.id_of("shanghai", 0), "shanghai:gate/999", office.id_of("london", 0), "london:gate/9"):
        status, text = office.sign("greta", "release", id_, "--reason", "x")
        assert status == 2
        told.add(text.replace(id_.partition(":")[2], "ID"))
    # Of each site one answer, whether it is there or not.
    assert len(told) == 2, told
    assert [gate.asked for gate in gates.of.values()] == [[], []]
