"""Who may reach whom, as the adapter is told it."""

from collections import defaultdict

from lxml import etree

from components.link.borders import encode_borders
from policy.address import BareJid
from policy.reach.partition import Partition, ReachClass

PROSODY_MAX_BYTES = 512 * 1024


def read(parts: list[bytes]) -> Partition:
    """Read a table as the adapter does, part by part."""
    members: defaultdict[str, list[BareJid]] = defaultdict(list)
    reaches: dict[str, frozenset[int]] = {}
    rooms: defaultdict[BareJid, list[BareJid]] = defaultdict(list)
    for number, part in enumerate(parts, 1):
        borders = etree.fromstring(part)[0]
        assert (borders.get("part"), borders.get("of")) == (str(number), str(len(parts)))
        for each in borders:
            jids = [BareJid(jid) for jid in (each.text or "").split()]
            if each.tag.endswith("}class"):
                members[each.get("id", "")] += jids
                reaches[each.get("id", "")] = frozenset(
                    int(one) - 1 for one in each.get("reaches", "").split()
                )
            else:
                rooms[BareJid(each.get("jid", ""))] += jids
    classes = tuple(ReachClass(tuple(jids), reaches[id_]) for id_, jids in members.items())
    return Partition(classes, {room: frozenset(people) for room, people in rooms.items()})


def test_a_table_comes_as_it_is() -> None:
    table = Partition(
        (
            ReachClass((BareJid("a@x"), BareJid("o#1@x")), frozenset({0, 1})),
            ReachClass((BareJid("x"),), frozenset()),
        ),
        {BareJid("r@rooms.x"): frozenset({BareJid("a@x")}), BareJid("empty@rooms.x"): frozenset()},
    )
    [part] = encode_borders("gate.x", "x", table)
    assert read([part]) == table
    assert part.startswith(
        b"<message from=\"gate.x\" to=\"x\"><borders xmlns='urn:steelyard:gate:0' part='1' of='1'>"
    )


def test_nobody_listed_is_a_table_too() -> None:
    [part] = encode_borders("gate.x", "x", Partition((), {}))
    assert read([part]) == Partition((), {})


def test_a_large_table_comes_in_parts_that_a_server_takes() -> None:
    people = tuple(BareJid(f"{'é' * 20}{number:05}@metals.example") for number in range(20_000))
    table = Partition(
        tuple(ReachClass(people[place::7], frozenset({place})) for place in range(7)),
        {BareJid("all@rooms.x"): frozenset(people), BareJid("few@rooms.x"): frozenset(people[:3])},
    )
    parts = encode_borders("gate.x", "x", table)
    assert len(parts) > 10
    assert max(map(len, parts)) < PROSODY_MAX_BYTES / 4
    assert read(parts) == table


def test_every_part_of_a_table_that_stops_nothing_says_so_and_no_part_of_another() -> None:
    members = tuple(BareJid(f"person-{number}@metals.example") for number in range(9000))
    table = Partition((ReachClass(members, frozenset({0})),), {})
    for is_open, told in ((True, "true"), (False, None)):
        parts = encode_borders("gate.x", "x", table, is_open=is_open)
        assert len(parts) > 1
        assert {etree.fromstring(part)[0].get("open") for part in parts} == {told}
        assert read(parts) == table
