"""Cuts the directory into classes of addresses that reach the same others, for the adapter (docs/paths.md)."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from policy.address import BareJid
from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.reach.affiliation import ALLOWED, decide_affiliation
from policy.reach.borders import FREE


@dataclass(frozen=True, slots=True)
class ReachClass:
    """Listed addresses that are all kept from the same others; `reaches` has the places of the classes they reach."""

    members: tuple[BareJid, ...]
    reaches: frozenset[int]


@dataclass(frozen=True, slots=True)
class Partition:
    """Everybody who is listed: each in one class, but for rooms with a list of their own, whom `entrants` has instead.

    Between such a room and its entrants everything passes; nothing between it and anybody else.
    """

    classes: tuple[ReachClass, ...]
    entrants: Mapping[BareJid, frozenset[BareJid]]


def partition(directory: Directory) -> Partition:
    """Cut a directory into classes, such that policy lets pass what the server itself sends between two of them.

    Exact, but that rooms with a list say nothing to servers and other rooms: two addresses of a class differ in nothing
    that such a decision looks at. The classes' number is that of
    different standings to barriers and lists, and of people with an exception; not that of people.
    """
    # An exception is from one person to another, so each of them is a class alone.
    excepted = {jid for each in directory.exceptions for jid in each.people}
    standings, entrants = directory.borders.standings, directory.borders.entrants
    found: dict[Hashable, list[BareJid]] = {}
    for jid, member in directory.members.items():
        if jid not in entrants:
            # Equal standings in an enterprise are one object; 10,000 people are sorted while the line waits.
            key = member.enterprise, member.kind, id(standings.get(jid, FREE)), jid if jid in excepted else ""
            found.setdefault(key, []).append(jid)
    groups = [tuple(members) for members in found.values()]
    classes = (
        ReachClass(
            one, frozenset(place for place, other in enumerate(groups) if _reaches(directory, one, other))
        )
        for one in groups
    )
    return Partition(tuple(classes), entrants)


def _reaches(directory: Directory, one: tuple[BareJid, ...], other: tuple[BareJid, ...]) -> bool:
    # Of a class with itself, two different ones; somebody alone in theirs reaches nobody else there.
    facts = StanzaFacts(Way.SERVER, "presence", "", one[0], other[-1])
    return decide_affiliation(directory, facts) is ALLOWED
