"""The proof finds what is open, names it, and says what it tried."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
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
from policy.reach.partition import partition
from tests.support.rounds import mostly_slow
from tests.unit.policy.samples import EXAMPLE
from tests.unit.policy.walls import WALLED, WALLED_TEXT

Hole = Callable[[StanzaFacts, Occupancy], bool]


@pytest.fixture(scope="module")
def walled() -> Proof:
    return prove(WALLED)


def test_the_example_has_no_hole() -> None:
    proof = prove(EXAMPLE)
    assert (proof.holes, proof.counterexamples) == (0, [])


@pytest.mark.slow
def test_a_directory_with_all_borders_has_no_hole(walled: Proof) -> None:
    assert (walled.holes, walled.counterexamples) == (0, [])


@pytest.mark.slow
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


# Two of everything, alike in all but the name; and whom and what else a rule could take for somebody's.
TWINS = parse_directory(
    WALLED_TEXT.replace(
        '[{ domain = "grain.example", rooms = "rooms.grain.example" }]',
        '[{ domain = "grain.example", rooms = "talk.grain.example", components = ["files.grain.net"] }]',
    ).replace("floor@rooms.grain", "floor@talk.grain")
    + """
[[enterprise.metals.room]]
jid = "trading-too@rooms.metals.example"
name = "Trading too"
desks = ["trading"]
people = ["bot@metals.example"]

[[enterprise.metals.room]]
jid = "both-too@rooms.metals.example"
name = "Both too"
desks = ["research", "trading"]
roles = ["chaperone"]
chaperoned = true
"""
)
TWINS = replace(
    TWINS,
    enterprises=tuple(
        replace(firm, departed=frozenset({BareJid(f"gone@{firm.id}.example")})) for firm in TWINS.enterprises
    ),
    uninformed=frozenset({BareJid("ron@metals.example")}),
)


def _prove_with(hole: Hole, path: str) -> Proof:
    """Try the path and some others."""

    def decide_(rules: Directory, facts: StanzaFacts, present: Occupancy) -> Decision:
        return ALLOWED if hole(facts, present) else decide(rules, facts, None, present)

    return prove(TWINS, decide_, paths=[each for each in PATHS if each.id in (path, "vcard", "room-info")])


def _sits(present: Occupancy, who: str, room: str) -> bool:
    return any(each.startswith(who) and nick.startswith(f"{room}@") for nick, each in present.occupants)


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
    "the second of two rooms alike": (
        lambda facts, _: facts.to.startswith("trading-too@"),
        "room-archive",
    ),
    "one person into the second of two rooms alike": (
        lambda facts, _: facts.to.startswith("trading-too@") and facts.sender.startswith("ron@"),
        "room-join",
    ),
    "what one of two rooms says to one person": (
        lambda facts, _: facts.sender.startswith("trading-too@") and facts.to == "rita@metals.example",
        "room-told",
    ),
    "what a room of another enterprise says": (
        lambda facts, _: facts.way is Way.S2S and facts.sender.startswith("floor@"),
        "room-told",
    ),
    "a colleague asked into a room that they may not enter": (
        lambda facts, _: any(
            each.jid == "anna@metals.example" and facts.to.startswith("trading-too@") for each in facts.jids
        ),
        "room-invite",
    ),
    "an invitation of a colleague from client to client": (
        lambda facts, _: "{jabber:x:conference}x" in facts.elements and facts.to == "anna@metals.example",
        "direct-invite",
    ),
    "the list of rooms": (lambda facts, _: facts.to == "talk.grain.example", "room-list"),
    "a component under another name": (lambda facts, _: facts.to == "files.grain.net", "upload"),
    "talk without a chaperone": (
        lambda facts, _: facts.type == "groupchat" and facts.to == "both@rooms.metals.example",
        "room-message",
    ),
    "one person's talk without a chaperone, in the second of two rooms alike": (
        lambda facts, _: (
            facts.type == "groupchat"
            and facts.to.startswith("both-too@")
            and facts.sender.startswith("rita@")
        ),
        "room-message",
    ),
    "a chaperone in another room": (
        lambda facts, present: facts.to.startswith("both@") and _sits(present, "cleo@", "both-too"),
        "room-message",
    ),
    "a chaperone who is asleep": (
        lambda facts, present: facts.to.startswith("both@") and _sits(present, "cleo@", "both"),
        "room-message",
    ),
    "somebody taken for a chaperone": (
        lambda facts, present: facts.to.startswith("both@") and _sits(present, "tina@", "both"),
        "room-message",
    ),
    "private talk with one": (
        lambda facts, present: bool(present.occupants) and facts.type == "chat",
        "room-private",
    ),
    "one person's private talk with one": (
        lambda facts, present: (
            facts.type == "chat" and facts.to.startswith("both-too@") and facts.sender.startswith("tom@")
        ),
        "room-private",
    ),
    "the departed": (lambda facts, _: facts.sender.startswith("departed"), "message"),
    "somebody departed whom rules still name": (
        lambda facts, _: facts.to == "gone@metals.example",
        "message",
    ),
    "strangers": (lambda facts, _: "stranger" in facts.sender and facts.type == "subscribe", "subscribe"),
    "a stranger with a listed name": (
        lambda facts, _: bare(facts.sender) == "ada@stranger.invalid",
        "message",
    ),
    "a domain below a site's": (lambda facts, _: facts.to.endswith(".metals.example"), "message"),
    "a domain that begins like a site's": (lambda facts, _: "@metals.example" in facts.to, "message"),
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


@pytest.mark.slow
def test_twins_have_no_hole() -> None:
    proof = prove(TWINS)
    assert (proof.holes, proof.counterexamples) == (0, [])


def _change_rooms(directory: Directory, name: str, **changed: Any) -> Directory:
    return replace(
        directory,
        enterprises=tuple(
            replace(
                firm,
                rooms=tuple(
                    replace(room, **changed) if room.jid.startswith(f"{name}@") else room
                    for room in firm.rooms
                ),
            )
            for firm in directory.enterprises
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_slow(["both-too", "both"]))
@pytest.mark.parametrize("changed", mostly_slow([{"entry": None}, {"chaperoned": False}]))
def test_a_weaker_rule_for_either_of_two_rooms_alike_is_a_hole(name: str, changed: dict[str, Any]) -> None:
    weaker = _change_rooms(TWINS, name, **changed)
    proof = prove(TWINS, lambda _, facts, present: decide(weaker, facts, None, present))
    assert proof.holes > 0
    assert all(f"{name}@" in each.stanza for each in proof.counterexamples)


def test_a_weaker_table_for_the_adapter_is_a_hole() -> None:
    weaker = _change_rooms(TWINS, "trading-too", entry=None)
    proof = prove(TWINS, partition_=lambda _: partition(weaker), paths=PATHS[:1])
    assert {(each.path, each.sender, each.target) for each in proof.counterexamples} == {
        ("adapter-table", "trading-too@rooms.metals.example", BareJid(f"{name}@metals.example"))
        for name in ("anna", "ada", "cleo")
    }


@pytest.mark.slow
def test_what_waits_for_an_acknowledgement_is_proved_as_if_it_had_come() -> None:
    """Somebody acknowledges while the line runs, and nobody proves it anew then."""

    def decide_(rules: Directory, facts: StanzaFacts, present: Occupancy) -> Decision:
        is_open = "ron@metals.example" in facts.sender and facts.to == "tom@metals.example"
        return ALLOWED if is_open and not rules.uninformed else decide(rules, facts, None, present)

    assert {bare(each.sender) for each in prove(TWINS, decide_).counterexamples} == {"ron@metals.example"}


@pytest.mark.slow
@pytest.mark.sources
@pytest.mark.parametrize("method", mostly_slow(["keeps_apart", "closes"]))
def test_it_does_not_rest_on_what_decisions_rest_on(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr(Borders, method, lambda *_: False)
    assert prove(WALLED).holes > 0


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_room_in_which_two_meet_who_must_not_is_a_hole() -> None:
    """`parse_directory` refuses it; the proof would find it all the same."""
    proof = prove(_change_rooms(WALLED, "both", chaperoned=False))
    assert "room-message" in {each.path for each in proof.counterexamples}
    assert {each.relation for each in proof.counterexamples} == {Relation.BARRED}
