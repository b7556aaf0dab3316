"""The table that the adapter has says of every two addresses what policy decides of what the server itself sends."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from policy.address import BareJid
from policy.directory.directory import Directory, DirectoryError, parse_directory, with_exceptions
from policy.directory.enterprise import EnterpriseId
from policy.facts import StanzaFacts, Way
from policy.proof.table import BorderTable
from policy.reach.affiliation import ALLOWED, decide_affiliation
from policy.reach.exception import BarrierException
from policy.reach.partition import partition
from tests.support.rounds import examples

DESKS = ("base", "precious", "research")
ACCOUNTS = tuple("abcdef")
PEOPLE = tuple(BareJid(f"{each}@metals.example") for each in ACCOUNTS)

groups = st.one_of(
    st.lists(st.sampled_from(DESKS), min_size=1, max_size=2, unique=True).map(
        lambda found: f"desks = {found}"
    ),
    st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=3, unique=True).map(
        lambda found: f"people = {found}"
    ),
)
rooms = st.lists(
    st.one_of(st.just(""), groups, groups.map(lambda group: f"{group}\nchaperoned = true")), max_size=3
)
barriers = st.lists(st.tuples(groups, groups, st.booleans()), max_size=2)
allows = st.lists(st.tuples(groups, groups), max_size=1)
desks = st.lists(st.sampled_from((*DESKS, "")), min_size=6, max_size=6)
excepted = st.lists(st.sampled_from(PEOPLE), min_size=2, max_size=3, unique=True).map(sorted)


def write(
    found: list[str],
    lists: list[str],
    barred: list[tuple[str, str, bool]],
    allowed: list[tuple[str, str]],
) -> str:
    """Write a directory.toml of two enterprises, one of them with these borders."""
    lines = ['gate = "gate.x"']
    for firm in ("metals", "grain"):
        lines += [
            f'[enterprise.{firm}]\nname = "{firm}"',
            f'sites = [{{ domain = "{firm}.example", rooms = "rooms.{firm}.example", '
            f'components = ["files.{firm}.example"] }}]',
        ]
    lines += [f'[[enterprise.metals.desk]]\nid = "{desk}"\nname = "D"' for desk in DESKS]
    for jid, desk in zip(PEOPLE, found, strict=True):
        more = f'\ndesk = "{desk}"' if desk else ""
        lines.append(f'[[enterprise.metals.person]]\njid = "{jid}"\nname = "N"\nroles = ["trader"]{more}')
    lines += [
        f'[[enterprise.metals.room]]\njid = "r{number}@rooms.metals.example"\nname = "R"\n{group}'
        for number, group in enumerate(lists)
    ]
    lines += [
        f'[[enterprise.metals.barrier]]\nid = "b{number}"\nsides = [{{ {one} }}, {{ {other} }}]\n'
        f"chaperoned = {str(opens).lower()}"
        for number, (one, other, opens) in enumerate(barred)
    ]
    lines += [
        f'[[enterprise.metals.allow]]\nid = "a{number}"\nwho = {{ {who} }}\nreaches = {{ {whom} }}'
        for number, (who, whom) in enumerate(allowed)
    ]
    lines += ['[[enterprise.grain.person]]\njid = "g@grain.example"\nname = "G"\nroles = ["trader"]']
    lines += ['[[enterprise.grain.room]]\njid = "floor@rooms.grain.example"\nname = "F"']
    return "\n".join(lines).replace("'", '"')


@examples(60)
@given(desks, rooms, barriers, allows, st.lists(excepted, max_size=2))
def test_the_table_is_the_decision(
    found: list[str],
    lists: list[str],
    barred: list[tuple[str, str, bool]],
    allowed: list[tuple[str, str]],
    exceptions: list[list[BareJid]],
) -> None:
    try:
        directory = parse_directory(write(found, lists, barred, allowed))
    except DirectoryError:
        return  # it lets people meet who must not
    directory = with_exceptions(
        directory,
        (
            BarrierException(f"e{number}", EnterpriseId("metals"), tuple(people), 0, 1, "why")
            for number, people in enumerate(exceptions)
        ),
    )
    table = partition(directory)
    looked_up = BorderTable(table)
    assert sorted(jid for each in table.classes for jid in each.members) == sorted(
        directory.members.keys() - table.entrants.keys()
    )
    for one, other in itertools.permutations(directory.members, 2):
        if {one, other} & table.entrants.keys() and not {one, other} & directory.people.keys():
            assert not looked_up.lets_pass(
                one, other
            )  # a room with a list says nothing to servers and rooms by itself
        else:
            assert looked_up.lets_pass(one, other) is _decided(directory, one, other), (one, other)


def _decided(directory: Directory, one: BareJid, other: BareJid) -> bool:
    # Presence that says goodbye passes even into a room whose chaperone is away.
    facts = StanzaFacts(Way.SERVER, "presence", "unavailable", one, other)
    return decide_affiliation(directory, facts) is ALLOWED
