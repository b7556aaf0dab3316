"""Barriers, allow lists and rooms: who reaches whom inside an enterprise, and which directories are refused."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from policy.access.admission import restrict
from policy.address import BareJid
from policy.decision import Decision
from policy.directory.directory import Directory, DirectoryError, parse_directory, with_exceptions
from policy.directory.enterprise import EnterpriseId, Role
from policy.facts import Way
from policy.proof.prove import prove
from policy.reach.affiliation import (
    ALLOWED,
    NAMES_OUTSIDER,
    OUT_OF_REACH,
    RECIPIENT_BARRED,
    RECIPIENT_NOT_ADMITTED,
    decide_affiliation,
    reachable_people,
)
from policy.reach.chaperone import CHAPERONE_ABSENT
from policy.reach.exception import BarrierException
from tests.support.reach import may_reach
from tests.unit.policy.samples import read_stanza, say
from tests.unit.policy.walls import WALLED, WALLED_TEXT

# Whom each reaches besides themselves.
REACH = {
    "rita": {"ron", "cleo", "anna", "ada"},
    "ron": {"rita", "cleo", "anna", "ada"},
    "tom": {"tina", "dan", "cleo", "anna", "ada", "bot"},
    "tina": {"tom", "cleo", "anna", "ada", "bot"},
    "dan": {"tom", "cleo", "anna", "ada"},
    "cleo": {"rita", "ron", "tom", "tina", "dan", "anna", "ada"},
    "anna": {"rita", "ron", "tom", "tina", "dan", "cleo", "ada"},
    "ada": {"rita", "ron", "tom", "tina", "dan", "cleo", "anna"},
    "bot": {"tom", "tina"},
}
ENTRANTS = {
    "all": {"cleo", "anna", "ada"},  # nobody on a side, nobody whom a list binds
    "trading": {"tom", "tina", "bot"},
    "both": {"rita", "ron", "tom", "tina", "cleo"},
    "everybody": {"tom", "cleo", "anna", "ada"},  # the chaperoned barrier does not count
}


def jid(name: str) -> BareJid:
    return BareJid(f"{name}@metals.example")


def room(name: str) -> BareJid:
    return BareJid(f"{name}@rooms.metals.example")


@pytest.mark.parametrize("way", [Way.C2S, Way.S2S, Way.SERVER])
def test_who_reaches_whom(way: Way) -> None:
    for one, other in itertools.permutations(REACH, 2):
        expected = ALLOWED if other in REACH[one] else RECIPIENT_BARRED
        for kind, to in itertools.product(("message", "presence", "iq"), (jid(other), f"{jid(other)}/x")):
            facts = say("Copper?", sender=f"{jid(one)}/desk", to=to, kind=kind, way=way)
            assert decide_affiliation(WALLED, facts) is expected, (one, other)
        assert may_reach(WALLED, jid(one), jid(other)) is (other in REACH[one])


def test_reachable_people_are_those_in_order() -> None:
    for one, others in REACH.items():
        assert [person.jid for person in reachable_people(WALLED, jid(one))] == sorted(map(jid, others))
    assert reachable_people(WALLED, BareJid("zed@metals.example")) == ()
    assert reachable_people(WALLED, room("all")) == ()
    assert may_reach(WALLED, jid("tom"), jid("tom"))
    assert not may_reach(WALLED, jid("tom"), BareJid("hanna@grain.example"))
    assert not may_reach(WALLED, jid("tom"), room("trading"))
    assert not may_reach(WALLED, BareJid("zed@metals.example"), BareJid("zed@metals.example"))


def test_who_enters_which_room() -> None:
    for name, people in itertools.product(ENTRANTS, REACH):
        sender = f"{jid(people)}/desk"
        may = people in ENTRANTS[name]
        asks = read_stanza("<iq type='get'><x xmlns='y'/></iq>", sender=sender, to=room(name))
        assert decide_affiliation(WALLED, asks) is (ALLOWED if may else RECIPIENT_BARRED), (name, people)
        told = say("Copper?", way=Way.S2S, sender=f"{room(name)}/nick", to=sender)
        assert decide_affiliation(WALLED, told) is (ALLOWED if may else RECIPIENT_BARRED)
    floor = say("hi", sender="hanna@grain.example/x", to="floor@rooms.grain.example")
    assert decide_affiliation(WALLED, floor) is ALLOWED


@pytest.mark.parametrize(
    ("sender", "named", "decision"),
    [
        ("tom", jid("tina"), ALLOWED),
        ("tom", jid("rita"), NAMES_OUTSIDER),
        ("tom", "RITA@metals.example/x", NAMES_OUTSIDER),
        ("rita", jid("tom"), NAMES_OUTSIDER),
        ("bot", jid("anna"), NAMES_OUTSIDER),
        ("tom", room("trading"), ALLOWED),
        ("rita", room("trading"), NAMES_OUTSIDER),
    ],
)
@pytest.mark.parametrize(
    "xml",
    [
        "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='JID'/></query></iq>",
        "<message><x xmlns='http://jabber.org/protocol/muc#user'><invite to='JID'/></x></message>",
        "<iq type='set'><query xmlns='http://jabber.org/protocol/muc#admin'>"
        "<item affiliation='member' jid='JID'/></query></iq>",
        "<message><x xmlns='jabber:x:conference' jid='JID'/></message>",
    ],
)
def test_whom_a_stanza_names_is_decided_alike(xml: str, sender: str, named: str, decision: Decision) -> None:
    facts = read_stanza(xml.replace("JID", named), sender=f"{jid(sender)}/desk")
    assert decide_affiliation(WALLED, facts) is decision


def test_what_a_server_or_room_names_is_decided_by_who_is_told() -> None:
    xml = "<iq type='set'><query xmlns='jabber:iq:roster'><item jid='JID'/></query></iq>"
    for named, decision in (("tina", ALLOWED), ("rita", NAMES_OUTSIDER)):
        for sender in ("metals.example", room("trading")):
            facts = read_stanza(xml.replace("JID", jid(named)), way=Way.S2S, sender=sender, to=jid("tom"))
            assert decide_affiliation(WALLED, facts) is decision


def test_a_direct_invitation_is_for_who_may_enter() -> None:
    xml = f"<message><x xmlns='jabber:x:conference' jid='{room('trading')}'/></message>"
    for to, decision in (("tina", ALLOWED), ("anna", NAMES_OUTSIDER)):
        facts = read_stanza(xml, sender=f"{jid('tom')}/desk", to=jid(to))
        assert decide_affiliation(WALLED, facts) is decision


@pytest.mark.parametrize(
    "xml",
    [
        "<message><x xmlns='http://jabber.org/protocol/muc#user'><invite to='JID'/></x></message>",
        "<iq type='set'><query xmlns='http://jabber.org/protocol/muc#admin'>"
        "<item affiliation='member' jid='JID'/></query></iq>",
    ],
)
def test_a_rooms_invitation_or_place_is_for_who_may_enter(xml: str) -> None:
    for named, decision in (("tina", ALLOWED), ("anna", NAMES_OUTSIDER), ("rita", NAMES_OUTSIDER)):
        facts = read_stanza(xml.replace("JID", jid(named)), sender=f"{jid('tom')}/desk", to=room("trading"))
        assert decide_affiliation(WALLED, facts) is decision


def test_barred_departed_strange_and_unheard_of_look_the_same() -> None:
    targets = (jid("rita"), jid("zed"), "eve@stranger.invalid", "hanna@grain.example", "nobody@grain.example")
    decisions = [decide_affiliation(WALLED, say("hi", sender=f"{jid('tom')}/d", to=to)) for to in targets]
    errors = {decision.error for decision in decisions}
    assert len(errors) == 1
    assert [error.text for error in errors if error] == [OUT_OF_REACH]
    assert len({decision.rules for decision in decisions}) == 3


class _Counted(dict[Any, Any]):
    looks = 0

    def get(self, key: Any, default: Any = None) -> Any:
        _Counted.looks += 1
        return super().get(key, default)


def test_each_refusal_takes_the_same_look_ups() -> None:
    """No time is measured here: what takes the same steps takes the same time."""
    directory = parse_directory(WALLED_TEXT)
    for owner, name in ((directory, "members"), (directory.borders, "standings")):
        object.__setattr__(owner, name, _Counted(getattr(owner, name)))
    counts = set()
    for to in (
        jid("rita"),
        jid("zed"),
        "eve@stranger.invalid",
        "hanna@grain.example",
        "nobody@grain.example",
    ):
        _Counted.looks = 0
        decide_affiliation(directory, say("hi", sender=f"{jid('tom')}/d", to=to))
        counts.add(_Counted.looks)
    assert counts == {5}


def test_an_exception_opens_a_barrier_to_those_it_names_and_nothing_else() -> None:
    directory = _except("rita", "tom")
    for one, other in itertools.permutations(REACH, 2):
        opened = {one, other} == {"rita", "tom"}
        assert may_reach(directory, jid(one), jid(other)) is (opened or other in REACH[one])
    assert decide_affiliation(directory, say("hi", sender=f"{jid('tom')}/d", to=jid("rita"))) is ALLOWED
    for name, people in itertools.product(ENTRANTS, REACH):
        facts = say("hi", sender=f"{jid(people)}/d", to=room(name), type="groupchat")
        assert decide_affiliation(directory, facts) is decide_affiliation(WALLED, facts)
    facts = say("hi", sender=f"{jid('tom')}/d", to=room("both"), type="groupchat")
    assert decide_affiliation(directory, facts) is CHAPERONE_ABSENT


def test_an_exception_opens_no_allow_list_and_no_enterprise() -> None:
    assert not may_reach(_except("bot", "anna"), jid("bot"), jid("anna"))
    strange = BarrierException(
        "e", EnterpriseId("metals"), (BareJid("hanna@grain.example"), jid("tom")), 0, 1, "x"
    )
    directory = with_exceptions(WALLED, [strange])
    assert not may_reach(directory, jid("tom"), BareJid("hanna@grain.example"))
    assert directory != WALLED
    assert with_exceptions(directory, []) == WALLED


def _except(*names: str) -> Directory:
    people = tuple(sorted(map(jid, names)))
    return with_exceptions(WALLED, [BarrierException("e", EnterpriseId("metals"), people, 0, 1, "x")])


def test_nobodys_departure_opens_a_room() -> None:
    without_trading = "\n".join(
        line for line in WALLED_TEXT.splitlines() if 'desk = "trading", roles' not in line
    ).replace('people = ["tina@metals.example"], ', "")
    directory = parse_directory(without_trading)
    facts = say("hi", sender=f"{jid('rita')}/d", to=room("all"), type="groupchat")
    assert decide_affiliation(directory, facts) is RECIPIENT_BARRED
    assert decide_affiliation(directory, say("hi", sender=f"{jid('rita')}/d", to=jid("tom"))) is (
        RECIPIENT_NOT_ADMITTED
    )


@pytest.mark.slow
def test_a_role_that_is_not_approved_keeps_apart_and_lets_in_nowhere() -> None:
    """Else a change of roles, before anybody has approved it, would open what it is to close."""
    text = WALLED_TEXT.replace(
        'name = "Dan", desk = "deals", roles = ["trader"]', 'name = "Dan", roles = ["trader", "auditor"]'
    )
    text = text.replace('{ desks = ["deals"] }', '{ roles = ["auditor"] }')
    text = text.replace('roles = ["chaperone"]\nchaperoned', 'roles = ["auditor", "chaperone"]\nchaperoned')
    directory = parse_directory(text.replace('id = "deals"\nsides', 'id = "deals"\nchaperoned = true\nsides'))
    approved = {person.jid: person.roles for person in directory.people.values()}
    held = restrict(directory, approved | {jid("dan"): frozenset({Role.TRADER})}, directory.people)
    for rules in (directory, held):
        assert not may_reach(rules, jid("dan"), jid("rita"))
        assert may_reach(rules, jid("dan"), jid("tom"))
    asks = read_stanza("<iq type='get'/>", sender=f"{jid('dan')}/d", to=room("both"))
    assert decide_affiliation(directory, asks) is ALLOWED
    assert decide_affiliation(held, asks) is RECIPIENT_BARRED
    assert prove(held).holes == 0


# --- directories that are refused ---

HEAD = """
gate = "gate.x"
[enterprise.m]
name = "M"
sites = [{ domain = "m.example", rooms = "rooms.m.example" }]
desk = [{ id = "a", name = "A" }, { id = "b", name = "B" }]
person = [
  { jid = "ann@m.example", name = "Ann", desk = "a", roles = ["trader"] },
  { jid = "bob@m.example", name = "Bob", desk = "b", roles = ["trader", "chaperone"] },
]
"""
WALL = '[[enterprise.m.barrier]]\nid = "w"\nsides = [{ desks = ["a"] }, { desks = ["b"] }]\n'
ROOM = '[[enterprise.m.room]]\njid = "r@rooms.m.example"\nname = "R"\n'
MEET = "may not reach each other, and could meet here"
WRONG: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "one side": (
        WALL.replace(', { desks = ["b"] }', ""),
        ("enterprise.m.barrier[0].sides: ",),
    ),
    "a side of nobody": (
        WALL.replace('{ desks = ["b"] }', "{}"),
        ("enterprise.m.barrier[0].sides[1]: names nobody",),
    ),
    "an empty list": (
        WALL.replace('["b"]', "[]"),
        ("enterprise.m.barrier[0].sides[1].desks: must not be empty",),
    ),
    "no such desk": (
        WALL.replace('["b"]', '["c"]'),
        ("enterprise.m.barrier[0].sides[1].desks[0]: this enterprise has no desk 'c'",),
    ),
    "no such role": (
        WALL.replace('desks = ["b"]', 'roles = ["boss"]'),
        ("enterprise.m.barrier[0].sides[1].roles[0]: 'boss' is no role",),
    ),
    "no such person, in an allow list and a room": (
        '[[enterprise.m.allow]]\nid = "l"\nwho = { people = ["zed@m.example"] }\nreaches = { desks = ["a"] }\n'
        + ROOM
        + 'people = ["ann@m.example", "zoe@m.example"]\n',
        (
            "enterprise.m.room[0].people[1]: this enterprise has no person 'zoe@m.example'",
            "enterprise.m.allow[0].who.people[0]: this enterprise has no person 'zed@m.example'",
        ),
    ),
    "two of one id": (WALL + WALL, ("enterprise.m.barrier[1].id: 'w' is already another",)),
    "on both sides": (
        WALL.replace('{ desks = ["b"] }', '{ roles = ["trader"] }'),
        ("enterprise.m.barrier[0].sides: 'ann@m.example' is on both sides",),
    ),
    "an unknown setting": (
        WALL + "open = true\n",
        ("enterprise.m.barrier[0].open: there is no such setting",),
    ),
    "a room for both sides": (
        WALL + ROOM + 'desks = ["a", "b"]\n',
        (f"enterprise.m.room[0]: 'ann@m.example' and 'bob@m.example' {MEET}",),
    ),
    "a chaperoned room for both sides of a barrier that no chaperone opens": (
        WALL + ROOM + 'roles = ["trader"]\nchaperoned = true\n',
        (f"enterprise.m.room[0]: 'ann@m.example' and 'bob@m.example' {MEET}",),
    ),
    "a room for who may not even reach their like": (
        '[[enterprise.m.allow]]\nid = "l"\nwho = { roles = ["trader"] }\nreaches = { roles = ["auditor"] }\n'
        + ROOM
        + 'roles = ["trader"]\n',
        (f"enterprise.m.room[0]: 'ann@m.example' and 'bob@m.example' {MEET}",),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_border_is_told_with_its_path(case: str) -> None:
    text, expected = WRONG[case]
    with pytest.raises(DirectoryError) as caught:
        parse_directory(HEAD + text)
    assert len(caught.value.problems) == len(expected), caught.value.problems
    for problem, start in zip(caught.value.problems, expected, strict=True):
        assert problem.startswith(start), problem


RIGHT = [
    WALL + ROOM,
    WALL + ROOM + 'desks = ["a"]\n',
    WALL + "chaperoned = true\n" + ROOM + 'desks = ["a", "b"]\nchaperoned = true\n',
    ROOM + 'desks = ["a", "b"]\nchaperoned = true\n',
]


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_border_is_taken(text: str) -> None:
    assert parse_directory(HEAD + text)
