"""What was said before and after a message that several sites have, at the one that has most of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.audit.around import view_around
from components.audit.index.pages import find_place
from components.audit.show import RecordProof
from components.audit.sites.reached import Reach, ReachedSite
from components.audit.stanza import split_jid
from components.audit.view import Around, RecordView


@dataclass(frozen=True, slots=True)
class ProvedRecord:
    """A record at a site, with the site's name before its id; `differs`: it does not say what the first one says."""

    site: str
    id: str
    view: RecordView
    proof: RecordProof
    differs: bool = False


@dataclass(frozen=True, slots=True)
class SiteAround:
    """What was said before and after a record at a site, the oldest first."""

    site: str
    around: Around


async def view_around_at(reach: Reach, records: Sequence[ProvedRecord], count: int) -> SiteAround:
    """Return what was said around a message, of which these are the records; at most `count` on either side.

    Of a room, the site that has it has all. Else it is the site of the first record.
    """
    sites = {each.site.name: each for each in reach.reached.values()}
    record = next((each for each in records if _has_room(sites[each.site], each.view)), records[0])
    site, own = sites[record.site], record.id.removeprefix(f"{record.site}:")
    with site.lookup.index.look() as db:
        place = find_place(db, own)
    found = await view_around(site.lookup, [] if place is None else [place], count)
    return SiteAround(record.site, found.get(own, Around((), ())))


def _has_room(site: ReachedSite, view: RecordView) -> bool:
    """Return whether a message is of a room that a site has."""
    parties = (view.reading.sender, view.reading.to)
    rooms = site.site.settings.prosody.room_domains
    return any(split_jid(each)[1] in rooms for each in parties)
