"""Whether somebody who is at an address now may fetch a file: whose it is, and who was sent its link."""

from collections.abc import Set as AbstractSet

from policy.address import BareJid, domain_of
from policy.decision import Action
from policy.directory.directory import Directory, MemberKind
from policy.facts import StanzaFacts, Way
from policy.reach.affiliation import decide_affiliation


def may_fetch(
    directory: Directory,
    people: AbstractSet[BareJid],
    owner: BareJid,
    sent_to: AbstractSet[BareJid],
) -> bool:
    """Return whether one of `people` owns a file, was sent its link, or may write to a room that was sent it.

    `people` are those whose sessions come from one address, which may be that of many. A room is sent to whoever may be
    in it, now or later: whoever comes later finds the link in what was said before.
    """
    there = people & directory.people.keys()
    if owner in there or not there.isdisjoint(sent_to):
        return True
    rooms = [address for address in sent_to if _is_room(directory, address)]
    return any(_may_enter(directory, person, room) for room in rooms for person in there)


def _is_room(directory: Directory, address: BareJid) -> bool:
    member = directory.members.get(BareJid(domain_of(address)))
    return member is not None and member.kind is MemberKind.ROOMS


def _may_enter(directory: Directory, person: BareJid, room: BareJid) -> bool:
    says = StanzaFacts(Way.C2S, "message", "groupchat", f"{person}/file", room)
    return decide_affiliation(directory, says).action is Action.RELEASE
