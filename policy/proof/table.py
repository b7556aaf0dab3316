"""The table that the adapter is told, looked up as the adapter does (docs/gate-protocol.md, section 4.5)."""

from policy.address import BareJid
from policy.reach.partition import Partition


class BorderTable:
    """Whom the server lets reach whom with what it makes itself, where both are listed."""

    def __init__(self, partition: Partition) -> None:
        self._entrants = partition.entrants
        self._reaches = [each.reaches for each in partition.classes]
        self._place_of = {jid: place for place, each in enumerate(partition.classes) for jid in each.members}

    def lets_pass(self, one: BareJid, other: BareJid) -> bool:
        """Return whether the table lets something pass between two listed addresses; False if one is not listed."""
        for room, somebody in ((one, other), (other, one)):
            entrants = self._entrants.get(room)
            if entrants is not None:
                return somebody in entrants
        place, place_of_other = self._place_of.get(one), self._place_of.get(other)
        if place is None or place_of_other is None:
            return False
        return place_of_other in self._reaches[place]
