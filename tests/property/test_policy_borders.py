"""What must hold of every directory with borders inside its enterprises."""

import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from policy.access.admission import restrict
from policy.address import BareJid
from policy.decide import decide
from policy.decision import Action
from policy.directory.directory import Directory, DirectoryError, parse_directory, with_exceptions
from policy.directory.enterprise import (
    AllowList,
    Barrier,
    BarrierId,
    DeskId,
    Enterprise,
    EnterpriseId,
    Group,
    Role,
    Room,
)
from policy.facts import StanzaFacts, Way
from policy.paths import PATHS, Closed, Path, PathEnds, Through, fill_facts
from policy.proof.prove import prove
from policy.reach.affiliation import ALLOWED, decide_affiliation, reachable_people
from policy.reach.exception import BarrierException
from policy.reach.occupancy import NOBODY, Occupancy
from policy.reach.partition import partition
from tests.support.reach import may_reach
from tests.support.rounds import examples
from tests.unit.policy.samples import say

NAMES = ("ann", "bob", "cat", "dan", "eva")
DESKS = ("a", "b", "c")
ROLES = ("trader", "chaperone", "service")
FIRMS = ("m", "n")
Row = dict[str, Any]

few = {"max_size": 2, "unique": True}
groups = st.fixed_dictionaries(
    {},
    optional={
        "desks": st.lists(st.sampled_from(DESKS), min_size=1, **few),  # type: ignore[arg-type]
        "people": st.lists(
            st.sampled_from([f"{name}@m.example" for name in NAMES[:3]]),
            min_size=1,
            **few,  # type: ignore[arg-type]
        ),
        "roles": st.lists(st.sampled_from(ROLES[1:]), min_size=1, max_size=1),
    },
)
some = groups.filter(bool)
people = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from((*DESKS, None)), st.sampled_from(ROLES)),
    min_size=2,
    unique_by=lambda person: person[0],
)
barriers = st.fixed_dictionaries({"sides": st.tuples(some, some).map(list), "chaperoned": st.booleans()})
allows = st.fixed_dictionaries({"who": some, "reaches": some})
rooms = st.tuples(groups, st.booleans()).map(lambda each: {**each[0], "chaperoned": each[1]})


@dataclass(frozen=True)
class Plan:
    people: Sequence[tuple[str, str | None, str]]
    barriers: list[Row]
    allows: list[Row]
    rooms: list[Row]

    def write(self, seed: int = 0) -> str:
        """Write directory.toml, its tables and lists shuffled by the seed."""
        chance = random.Random(seed)
        tables = [
            f'[[enterprise.n.person]]\njid = "{name}@n.example"\nname = "N"\nroles = ["trader"]\n'
            for name in NAMES[:2]
        ]
        for firm in FIRMS:
            site = f'{{ domain = "{firm}.example", rooms = "rooms.{firm}.example" }}'
            tables.append(f'[enterprise.{firm}]\nname = "F"\nsites = [{site}]\n')
        tables += [f'[[enterprise.m.desk]]\nid = "{desk}"\nname = "D"\n' for desk in DESKS]
        for name in NAMES[:3]:  # those whom groups name are there
            if name not in [person[0] for person in self.people]:
                tables.append(_person(name, None, "trader"))
        tables += [_person(*each) for each in self.people]
        for number, row in enumerate(self.barriers):
            tables.append(f'[[enterprise.m.barrier]]\nid = "b{number}"\n' + _write(row, chance))
        for number, row in enumerate(self.allows):
            tables.append(f'[[enterprise.m.allow]]\nid = "l{number}"\n' + _write(row, chance))
        for number, row in enumerate(self.rooms):
            head = f'[[enterprise.m.room]]\njid = "r{number}@rooms.m.example"\nname = "R"\n'
            tables.append(head + _write(row, chance))
        chance.shuffle(tables)
        return "\n".join(['gate = "gate.x"', *tables])

    def parse(self, seed: int = 0) -> Directory:
        """Parse it."""
        return parse_directory(self.write(seed))


def _repair(plan: Plan) -> Plan:
    """Take out rooms in which people would meet who must not, and barriers with somebody on both sides."""
    for kept in (plan, replace(plan, rooms=plan.rooms[:1]), replace(plan, rooms=[])):
        for barriers in (kept.barriers, kept.barriers[:1], kept.barriers[1:]):
            with suppress(DirectoryError):
                repaired = replace(kept, barriers=barriers)
                repaired.parse()
                return repaired
    return replace(plan, barriers=[], rooms=[])


def _person(name: str, desk: str | None, role: str) -> str:
    own = f'desk = "{desk}"\n' if desk else ""
    return f'[[enterprise.m.person]]\njid = "{name}@m.example"\nname = "N"\nroles = ["{role}"]\n{own}'


def _write(row: Row, chance: random.Random) -> str:
    return "".join(f"{key} = {_value(value, chance)}\n" for key, value in row.items())


def _value(value: Any, chance: random.Random) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each, chance)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(each, chance) for each in chance.sample(value, len(value))) + "]"
    return f'"{value}"'


plans = st.builds(
    Plan,
    people,
    st.lists(barriers, max_size=2),
    st.lists(allows, max_size=1),
    st.lists(rooms, max_size=2),
).map(_repair)
# One stanza of each path: the whole catalogue is tried by tests/unit/policy/test_prove.py.
THIN = tuple(replace(path, templates=path.templates[:1], ways=path.ways[:1]) for path in PATHS)
NAMING = [path for path in THIN if path.through is Through.NAME and path.closed is Closed.GATE][:4] + [
    path for path in THIN if path.id in ("direct-invite", "room-offered", "room-join")
]
PRESENT = Occupancy(
    frozenset((f"r{n}@rooms.m.example/x", f"{name}@m.example/d") for n in (0, 1) for name in NAMES)
)


def _stanzas(directory: Directory) -> Iterator[StanzaFacts]:
    """Yield a stanza of every sort between every two addresses."""
    for one, other in itertools.permutations([*directory.members, BareJid("zed@m.example")], 2):
        for way in (Way.C2S, Way.S2S):
            yield say("x", way=way, sender=f"{one}/d", to=other)
            yield say("x", way=way, sender=f"{one}/d", to=f"{other}/n", type="groupchat")
            yield say("x", way=way, sender=f"{one}/d", to=other, kind="presence", type="")
        named = PathEnds(f"{one}/d", other, room=other, own_room="r0@rooms.m.example").places()
        for path in NAMING:
            yield fill_facts(path.templates[0], path.ways[0], named)


@given(plans, st.integers())
@examples(20)
def test_the_order_of_tables_and_lists_has_no_meaning(plan: Plan, seed: int) -> None:
    one, other = plan.parse(), plan.parse(seed)
    assert one == other
    assert one.borders == other.borders
    for facts in _stanzas(one):
        assert decide(one, facts) is decide(other, facts)


@given(plans)
@examples(50)
def test_reach_is_symmetric_and_what_decisions_say(plan: Plan) -> None:
    directory = plan.parse()
    everybody = [*directory.people, BareJid("zed@m.example"), BareJid("r0@rooms.m.example")]
    for one, other in itertools.product(everybody, repeat=2):
        reaches = may_reach(directory, one, other)
        assert reaches is may_reach(directory, other, one)
        if one in directory.people and other in directory.people:
            assert reaches is (decide_affiliation(directory, say("x", sender=one, to=other)) is ALLOWED)
    for one in directory.people:
        listed = [person.jid for person in reachable_people(directory, one)]
        assert listed == [
            each for each in sorted(directory.people) if each != one and may_reach(directory, one, each)
        ]


group_values = st.builds(
    Group,
    st.frozensets(st.sampled_from([DeskId(desk) for desk in DESKS]), max_size=2),
    st.frozensets(st.sampled_from([BareJid(f"{name}@m.example") for name in NAMES]), max_size=2),
    st.frozensets(st.sampled_from([Role(role) for role in ROLES]), max_size=1),
)
denials = st.one_of(
    st.builds(
        lambda one, other, open_: ("barrier", one, other, open_), group_values, group_values, st.booleans()
    ),
    st.builds(lambda who, reaches: ("allow", who, reaches, False), group_values, group_values),
    st.builds(lambda name: ("remove", name, None, False), st.sampled_from(NAMES)),
    st.builds(lambda name: ("unapprove", name, None, False), st.sampled_from(NAMES)),
    st.just(("list", None, None, False)),
)


def _deny(directory: Directory, denial: tuple[str, Any, Any, bool]) -> Directory:
    kind, one, other, chaperoned = denial
    if kind == "unapprove":  # they keep a role that gives nothing
        admitted = {jid: person.roles for jid, person in directory.people.items()}
        admitted[BareJid(f"{one}@m.example")] = frozenset({Role.OPERATOR})
        added = {jid: roles | {Role.OPERATOR} for jid, roles in admitted.items()}
        return restrict(_with_roles(directory, added), admitted, directory.people)
    firms = {firm.id: firm for firm in directory.enterprises}
    firm = firms[EnterpriseId("m")]
    changed: Enterprise
    if kind == "barrier":
        barrier = Barrier(BarrierId("zz"), (one, other), chaperoned)
        changed = replace(firm, barriers=(*firm.barriers, barrier))
    elif kind == "allow":
        changed = replace(firm, allow_lists=(*firm.allow_lists, AllowList(BarrierId("zz"), one, other)))
    elif kind == "remove":
        people = tuple(person for person in firm.people if person.jid != f"{one}@m.example")
        changed = replace(firm, people=people)
    else:  # a list for a room that has none: those who may be in it anyway, but one
        rooms = tuple(
            replace(room, entry=Group(people=frozenset(sorted(_entrants(directory, room.jid))[1:])))
            for room in firm.rooms
        )
        changed = replace(firm, rooms=rooms)
    return replace(directory, enterprises=tuple((firms | {firm.id: changed}).values()))


def _with_roles(directory: Directory, roles: dict[BareJid, frozenset[Role]]) -> Directory:
    firms = tuple(
        replace(
            firm,
            people=tuple(
                replace(person, roles=person.roles | roles.get(person.jid, frozenset()))
                for person in firm.people
            ),
        )
        for firm in directory.enterprises
    )
    return replace(directory, enterprises=firms)


def _entrants(directory: Directory, room: BareJid) -> frozenset[BareJid]:
    everybody = frozenset(jid for jid in directory.people if jid.endswith("@m.example"))
    return directory.borders.entrants.get(room, everybody)


@pytest.mark.slow
@given(plans, denials, st.booleans())
@examples(50)
def test_a_denial_never_allows_anything(
    plan: Plan, denial: tuple[str, Any, Any, bool], chaperoned: bool
) -> None:
    before = plan.parse()
    after = _deny(before, denial)
    present = PRESENT if chaperoned else NOBODY
    for facts in _stanzas(before):
        if decide(before, facts, None, present).action is Action.REFUSE:
            assert decide(after, facts, None, present).action is Action.REFUSE, facts


# --- the proof ---


@given(plans)
@examples(15)
def test_there_is_no_counterexample_in_any_directory(plan: Plan) -> None:
    proof = prove(plan.parse(), paths=THIN)
    assert proof.holes == 0, proof.counterexamples[:3]


def _weaken(directory: Directory, place: int) -> Directory:
    """Return a directory with a denial less, if it has any."""
    (firm,) = (firm for firm in directory.enterprises if firm.id == "m")
    rest = tuple(each for each in directory.enterprises if each is not firm)
    weaker = [
        *(
            replace(firm, barriers=tuple(each for each in firm.barriers if each is not barrier))
            for barrier in firm.barriers
        ),
        *(replace(firm, barriers=(), allow_lists=()) for _ in firm.allow_lists),
        *(_change_room(firm, room, entry=None) for room in firm.rooms if room.entry),
        *(_change_room(firm, room, chaperoned=False) for room in firm.rooms if room.chaperoned),
    ]
    if not weaker:
        return directory
    return replace(directory, enterprises=(*rest, weaker[place % len(weaker)]))


def _change_room(firm: Enterprise, room: Room, **changed: Any) -> Enterprise:
    rooms = tuple(replace(each, **changed) if each is room else each for each in firm.rooms)
    return replace(firm, rooms=rooms)


def _find_hole(truth: Directory, decided_by: Directory) -> bool:
    """Try all there is, on everybody, by the plainest means."""
    everybody = [*truth.people, BareJid("departed@m.example"), BareJid("somebody@stranger.invalid")]
    decided = [path for path in THIN if path.closed in (Closed.GATE, Closed.BORDER)]
    for one, other in itertools.permutations(everybody, 2):
        if may_reach(truth, one, other):
            continue
        places = PathEnds(f"{one}/desk", other).places()
        for path in decided:
            if path.through in (Through.PERSON, Through.NAME) and _passes(decided_by, path, places):
                return True
    rooms = [room for firm in truth.enterprises for room in firm.rooms]
    return any(_find_hole_in(room, truth, decided_by) for room in rooms)


def _find_hole_in(room: Room, truth: Directory, decided_by: Directory) -> bool:
    entrants = _entrants(truth, room.jid)
    through = [path for path in THIN if path.through is Through.ROOM and path.closed is not Closed.SERVER]
    invite, write, whisper = (
        next(path for path in THIN if path.id == id_)
        for id_ in ("room-invite", "room-message", "room-private")
    )
    for one in truth.people.keys() - entrants:
        for other in entrants or {BareJid("nobody@m.example")}:
            places = PathEnds(f"{one}/desk", other, room.jid).places()
            if any(_passes(decided_by, path, places) for path in through):
                return True
            invited = PathEnds(f"{other}/desk", one, own_room=room.jid).places()
            if entrants and _passes(decided_by, invite, invited, PRESENT):
                return True
    for one, other in itertools.permutations(entrants, 2):
        places = PathEnds(f"{one}/desk", other, room.jid).places()
        if not may_reach(truth, one, other) and (
            _passes(decided_by, write, places) or _passes(decided_by, whisper, places, PRESENT)
        ):
            return True
    return False


def _passes(directory: Directory, path: Path, places: dict[str, str], present: Occupancy = NOBODY) -> bool:
    return any(
        decide(directory, fill_facts(template, way, places), None, present).action is not Action.REFUSE
        for template in path.templates
        if template.needs <= places.keys()
        for way in path.ways
    )


CHAPERONES = [("ann", None, "chaperone"), ("bob", None, "chaperone"), ("dan", None, "trader")]
ROOM_OF_CHAPERONES = {"roles": ["chaperone"], "chaperoned": False}


@given(plans, st.integers(0, 10))
@example(Plan(CHAPERONES, [], [], [ROOM_OF_CHAPERONES, ROOM_OF_CHAPERONES]), 0)
@example(Plan(CHAPERONES, [], [], [ROOM_OF_CHAPERONES, ROOM_OF_CHAPERONES]), 1)
@examples(15)
def test_the_proof_agrees_with_trying_everything(plan: Plan, place: int) -> None:
    truth = plan.parse()
    decided_by = _weaken(truth, place)
    proof = prove(
        truth,
        lambda _directory, facts, present: decide(decided_by, facts, None, present),
        paths=THIN,
        partition_=lambda _directory: partition(decided_by),
    )
    if _find_hole(truth, decided_by):
        assert proof.holes > 0
    # What it finds besides are stanzas into chaperoned rooms, and those that need a room of the sender's.
    for each in proof.counterexamples:
        assert not may_reach(truth, BareJid(each.sender.partition("/")[0]), each.target) or (
            each.relation == "not let into the room"
        )


@given(plans, st.data())
@examples(10)
def test_an_exception_lets_its_people_talk_and_the_proof_holds(plan: Plan, data: st.DataObject) -> None:
    directory = plan.parse()
    firm = [jid for jid in sorted(directory.people) if jid.endswith("@m.example")]
    pair = data.draw(st.lists(st.sampled_from(firm), min_size=2, max_size=3, unique=True).map(sorted))
    exception = BarrierException("e", EnterpriseId("m"), tuple(pair), 0, 1, "x")
    excepted = with_exceptions(directory, [exception])
    for one, other in itertools.permutations(directory.people, 2):
        if may_reach(directory, one, other) is not may_reach(excepted, one, other):
            assert {one, other} <= set(pair)
            assert may_reach(excepted, one, other)
    assert prove(excepted, paths=THIN).holes == 0
