"""The proof finds what is open, names it, and says what it tried."""

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from policy.address import BareJid, bare
from policy.decide import decide
from policy.decision import Decision
from policy.directory.directory import Directory, parse_directory
from policy.facts import StanzaFacts, Way
from policy.paths import PATHS, Closed
from policy.proof.ends import Relation
from policy.proof.prove import prove
from policy.proof.trial import Proof
from policy.reach.affiliation import ALLOWED
from policy.reach.borders import Borders
from policy.reach.occupancy import Occupancy
from tests.unit.policy.samples import EXAMPLE
from tests.unit.policy.walls import WALLED, WALLED_TEXT

Hole = Callable[[StanzaFacts, Occupancy], bool]


@pytest.fixture(scope="module")
def walled() -> Proof:
    return prove(WALLED)


def test_the_example_and_a_directory_with_all_borders_have_no_hole(walled: Proof) -> None:
    for proof in (walled, prove(EXAMPLE)):
        assert (proof.holes, proof.counterexamples) == (0, [])


def test_it_says_what_it_tried(walled: Proof) -> None:
    decided = [path for path in PATHS if path.closed in (Closed.GATE, Closed.BORDER)]
    assert (walled.people, walled.rooms, walled.paths) == (10, 5, len(decided))
    assert set(walled.elsewhere) == {path.id for path in PATHS} - {path.id for path in decided}
    # 9 people of one enterprise, 1 of the other.
    assert walled.pairs[Relation.OTHER_ENTERPRISE] == 18 + 2 * 10 + 2 * 1
    assert walled.pairs[Relation.BARRED] == 9 * 8 - 46
    assert walled.decisions > 10_000


def test_progress_comes_to_its_end() -> None:
    seen: list[tuple[int, int]] = []
    prove(EXAMPLE, progress=lambda done, of: seen.append((done, of)), paths=PATHS[:1])
    assert [done for done, _ in seen] == list(range(1, seen[-1][1] + 1))


def _prove_with(hole: Hole, path: str) -> Proof:
    """Try the path and some others."""

    def decide_(rules: Directory, facts: StanzaFacts, present: Occupancy) -> Decision:
        return ALLOWED if hole(facts, present) else decide(rules, facts, None, present)

    return prove(WALLED, decide_, paths=[each for each in PATHS if each.id in (path, "vcard", "room-info")])


HOLES: dict[str, tuple[Hole, str]] = {
    "one person to one other, by their very names": (
        lambda facts, _: facts.sender == "tom@metals.example/desk" and facts.to == "rita@metals.example",
        "message",
    ),
    "a sender by name": (lambda facts, _: bare(facts.sender) == "ron@metals.example", "message"),
    "one element": (lambda facts, _: "{urn:xmpp:attention:0}attention" in facts.elements, "attention"),
    "one way": (lambda facts, _: facts.way is Way.S2S and facts.type == "probe", "presence-probe"),
    "what the server makes": (
        lambda facts, _: facts.way is Way.SERVER and facts.kind == "presence",
        "presence-probed",
    ),
    "a name": (lambda facts, _: any("muc#user}invite" in each.element for each in facts.jids), "room-invite"),
    "a room": (lambda facts, _: "trading@rooms.metals.example" in facts.to, "room-join"),
    "the list of rooms": (lambda facts, _: facts.to == "rooms.grain.example", "room-list"),
    "talk without a chaperone": (
        lambda facts, _: facts.type == "groupchat" and facts.to == "both@rooms.metals.example",
        "room-message",
    ),
    "private talk with one": (
        lambda facts, present: bool(present.occupants) and facts.type == "chat",
        "room-private",
    ),
    "the departed": (lambda facts, _: facts.sender.startswith("departed"), "message"),
    "strangers": (lambda facts, _: "stranger" in facts.sender and facts.type == "subscribe", "subscribe"),
}


@pytest.mark.parametrize("case", HOLES)
def test_it_finds_a_hole(case: str) -> None:
    hole, path = HOLES[case]
    proof = _prove_with(hole, path)
    assert proof.holes >= len(proof.counterexamples) > 0
    assert path in {each.path for each in proof.counterexamples}
    for each in proof.counterexamples:
        assert each.sender
        assert each.target
        assert ElementTree.fromstring(each.stanza.replace("xml:lang", "lang")).tag in (
            "message",
            "presence",
            "iq",
        )


@pytest.mark.parametrize("method", ["keeps_apart", "closes"])
def test_it_does_not_rest_on_what_decisions_rest_on(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr(Borders, method, lambda *_: False)
    assert prove(WALLED).holes > 0


def test_a_rule_that_is_not_in_the_directory_decided_by_is_a_hole() -> None:
    weaker = parse_directory(
        WALLED_TEXT.replace("reaches = { desks", 'reaches = { roles = ["approver"], desks')
    )
    proof = prove(WALLED, lambda _directory, facts, present: decide(weaker, facts, None, present))
    assert {(bare(each.sender), each.target) for each in proof.counterexamples} <= {
        pair
        for name in ("anna", "ada")
        for pair in (
            ("bot@metals.example", BareJid(f"{name}@metals.example")),
            (BareJid(f"{name}@metals.example"), "bot@metals.example"),
        )
    }
    assert proof.holes > 0


def test_a_room_in_which_two_meet_who_must_not_is_a_hole() -> None:
    """`parse_directory` refuses it; the proof would find it all the same."""
    firms = [
        replace(
            firm,
            rooms=tuple(
                replace(room, chaperoned=False) if room.jid.startswith("both@") else room
                for room in firm.rooms
            ),
        )
        for firm in WALLED.enterprises
    ]
    proof = prove(replace(WALLED, enterprises=tuple(firms)))
    assert "room-message" in {each.path for each in proof.counterexamples}
    assert {each.relation for each in proof.counterexamples} == {Relation.BARRED}
