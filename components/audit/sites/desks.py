"""The desks of a reviewer at several sites: what waits at each, and acts that go to the site whose item it is."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from components.audit.auditor import Auditor, Role
from components.audit.author import Author
from components.audit.review.acts import ReviewReader
from components.audit.review.author import Signed
from components.audit.review.bulk import find_open
from components.audit.review.desk import Desk, Wanted, count_queues, open_desk
from components.audit.review.evidence import list_reviewed, report_reviews
from components.audit.review.items import QueueItem
from components.audit.review.names import HiddenNames
from components.audit.review.rules import load_directory
from components.audit.sites.each import AtEach, enter_site, named_fault, take_each
from components.audit.sites.named import UNREACHABLE, NamedSite, explain
from components.process.errors import SiteError
from components.process.progress import Progress, ignore_progress
from components.rules.reviewers import load_reviewers
from components.settings.auditors import AUDITOR_KEY
from components.settings.site import SiteFile
from policy.supervision.act import ActKind
from policy.supervision.report import Report, make_report

OpenAuthor = Callable[[SiteFile, Auditor], Author]
"""Gives whoever acts at a site, with their key where acts are signed there; raises SiteError."""


@dataclass(frozen=True, slots=True)
class Reviewing:
    """Who reviews: `who` is the id of an auditor who is logged in, who needs one of `roles` at each site.

    `find_reader` gives what knows the acts of a site already, where a process serves many looks.
    """

    progress: Progress = ignore_progress
    who: str | None = None
    roles: frozenset[Role] = frozenset()
    find_reader: Callable[[SiteFile], ReviewReader | None] = lambda _: None

    async def open_desk(self, settings: SiteFile, author: Author, adding: Sequence[str] = ()) -> Desk:
        """Open the desk at one site; raises SiteError and LogError."""
        if self.roles:
            author.auditor.require(*self.roles)
        return await open_desk(settings, author, self.progress, adding, self.find_reader(settings))


@dataclass(frozen=True, slots=True)
class DeskItems:
    """The items of a desk that are wanted; `access_id` is the record of this look at its site.

    `names` shows people by pseudonyms where a rule of that site wants a reason first.
    """

    desk: Desk
    items: tuple[QueueItem, ...]
    access_id: str
    names: HiddenNames


@dataclass(frozen=True, slots=True)
class SiteItem:
    """An item of one of several sites, with the site's name, and what was found with it there."""

    site: str
    found: DeskItems
    item: QueueItem

    @property
    def id(self) -> str:
        """The id of its record, with the site's name before it."""
        return f"{self.site}:{self.item.id}"


@dataclass(frozen=True, slots=True)
class Acted:
    """An act, by its `item` and its `record` in the log of the item's site; both have the site's name before them."""

    item: str
    record: str


async def list_at_each(own: SiteFile, wanted: Wanted, reviewing: Reviewing) -> AtEach[DeskItems]:
    """Return the items that wait at each site; each site has a record of this look. Raises as `take_each` does."""

    async def take(site: NamedSite, auditor: Auditor) -> DeskItems:
        desk = await reviewing.open_desk(site.settings, Author(auditor))
        names = HiddenNames(site.settings, load_directory(site.settings))
        items, access_id = await desk.list_items(wanted)
        return DeskItems(desk, tuple(items), access_id, names)

    return await take_each(own, take, reviewing.who)


def merge_items(found: AtEach[DeskItems]) -> list[SiteItem]:
    """Return the items of all sites, the oldest first; of one time, in the order of the sites."""
    items = (SiteItem(at.name, at.found, item) for at in found.sites for item in at.found.items)
    return sorted(items, key=lambda each: each.item.flagged.at_ns)


def add_up_queues(desks: AtEach[Desk], site: str = "") -> dict[str, dict[str, int]]:
    """Return of each queue how many items it has at all sites, or at one, by state; queues of one name are one."""
    sums = dict[str, Counter[str]]()
    for at in desks.sites:
        if site in ("", at.name):
            for name, count in count_queues(at.found.items.values(), at.found.now_ns).items():
                sums.setdefault(name, Counter()).update(count)
    return {name: dict(sums[name]) for name in sorted(sums)}


async def report_at_each(
    own: SiteFile, after_ns: int, before_ns: int, reviewing: Reviewing
) -> tuple[Report | None, AtEach[tuple[Report, str]]]:
    """Return the evidence of review of a period: of all sites together, and of each with the record of this look.

    Without any site, there is none of all. Raises as `take_each` does.
    """
    desks = list[Desk]()

    async def take(site: NamedSite, auditor: Auditor) -> tuple[Report, str]:
        desk = await reviewing.open_desk(site.settings, Author(auditor))
        told = await report_reviews(desk, after_ns, before_ns)
        desks.append(desk)
        return told

    found = await take_each(own, take, reviewing.who)
    items = chain.from_iterable(map(list_reviewed, desks))
    whole = make_report(items, after_ns, before_ns, desks[0].now_ns) if desks else None
    return whole, found


async def act_at_each(
    own: SiteFile,
    kind: ActKind,
    ids: Sequence[str],
    open_author: OpenAuthor,
    reviewing: Reviewing,
    **fields: str,
) -> list[Acted]:
    """Do something with items, each at the site whose it is, signed for it and recorded in its log.

    Nothing is recorded anywhere before every act would count at its site. Raises SiteError, LogError and KeyFileError;
    where a site could not record what others have recorded, the error says so.
    """
    prepared = dict[str, tuple[Desk, list[Signed]]]()
    for name, items in group_ids(own, ids).items():
        settings, auditor = await enter_site(own, name, reviewing.who)
        author = open_author(settings, auditor)
        require_listed_key(name, settings, author)
        # Ids of two sites may be the same, and so may their folders be called.
        with named_fault(own, name):
            desk = await reviewing.open_desk(settings, author, items if kind is ActKind.ADD else ())
            prepared[name] = desk, desk.prepare(kind, items, **fields)
    return await _record(prepared)


async def _record(prepared: Mapping[str, tuple[Desk, Sequence[Signed]]]) -> list[Acted]:
    done = list[Acted]()
    for name, (desk, acts) in prepared.items():
        try:
            records = await desk.record(acts)
        except UNREACHABLE as error:
            if not done:
                raise
            told = ", ".join(each.item for each in done)
            raise SiteError(
                f"{name}: {explain(error)}; it was done with {told}, and with no item of {name}"
            ) from None
        pairs = zip(acts, records, strict=True)
        done += [Acted(f"{name}:{each.act.item}", f"{name}:{record}") for each, record in pairs]
    return done


@dataclass(frozen=True, slots=True)
class OpenAtEach:
    """Open items of all sites that a query finds, by their ids; `accesses` are the records of this look."""

    items: tuple[str, ...]
    accesses: tuple[str, ...]


async def find_open_at_each(own: SiteFile, query: str, reviewing: Reviewing) -> OpenAtEach:
    """Find the open items that a query matches at each site, for leads.

    Raises SiteError also if a site cannot be asked: what is closed at once is either all that match, or nothing.
    """

    async def take(site: NamedSite, auditor: Auditor) -> tuple[tuple[str, ...], str]:
        desk = await reviewing.open_desk(site.settings, Author(auditor))
        found = await find_open(desk, query, reviewing.progress)
        return found.items, found.access_id

    found = await take_each(own, take, reviewing.who)
    if found.faults:
        told = "; ".join(f"{each.name}: {each.reason}" for each in found.faults)
        raise SiteError(f"{told}; --at closes items of one site alone")
    return OpenAtEach(
        tuple(f"{at.name}:{item}" for at in found.sites for item in at.found[0]),
        tuple(f"{at.name}:{at.found[1]}" for at in found.sites),
    )


def group_ids(own: SiteFile, ids: Iterable[str]) -> dict[str, list[str]]:
    """Return ids of records by the names of their sites, each once; one that names no site is the own one's."""
    grouped = dict[str, dict[str, None]]()
    for each in ids:
        name, _, id_ = each.rpartition(":")
        grouped.setdefault(name or own.site.name, {})[id_] = None
    return {name: list(each) for name, each in grouped.items()}


def require_listed_key(name: str, settings: SiteFile, author: Author) -> None:
    """Check that what an author signs counts at a site; raises SiteError and KeyFileError.

    An auditor may have another key at each site: signed with that of another one, an act would count for nothing.
    """
    signer = author.signer
    # That a key is not theirs at all, signing says.
    if signer is None or signer.verifier_key.name != f"{AUDITOR_KEY}{author.id}":
        return
    if not load_reviewers(settings).lists_key(author.id, signer.verifier_key, int(time.time())):
        raise SiteError(f"{name}: this key of {author.id} is not listed there; name the one that is")
