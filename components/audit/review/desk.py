"""A reviewer's desk: the items that they may see, in their queues, and what they do with them."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from components.archive.record import Access
from components.audit.access import digest_of, record_access
from components.audit.author import Author
from components.audit.indexed import catch_up_all, find_indexed, open_indexed, open_site_index
from components.audit.review.acts import ReviewReader
from components.audit.review.author import Signed, record_acts, write_act
from components.audit.review.items import QueueItem, Terms
from components.audit.review.names import find_hiding
from components.audit.review.rules import load_directory
from components.audit.show import parse_record_id
from components.process.errors import SiteError
from components.process.progress import Progress
from components.rules.reviewers import load_reviewers
from components.settings.site import SiteFile
from policy.supervision.act import ActKind
from policy.supervision.fold import Fold, fold_acts
from policy.supervision.item import Entry, ItemState
from policy.supervision.reviewer import may_see_parties

_NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items to list: those of a queue, in a state, with a holder, or overdue; empty for all."""

    queue: str = ""
    state: ItemState | None = None
    holder: str = ""
    overdue: bool = False

    def covers(self, item: QueueItem, now_ns: int) -> bool:
        """Return whether an item is among them."""
        return (
            (not self.queue or self.queue in item.queues)
            and (self.state is None or item.status.state is self.state)
            and (not self.holder or item.status.holder == self.holder)
            and (not self.overdue or item.is_overdue(now_ns))
        )

    def __str__(self) -> str:
        """Return them as the record of the look names them."""
        said = (("queue", self.queue), ("state", self.state or ""), ("holder", self.holder))
        words = [f"{name}:{value}" for name, value in said if value]
        return " ".join([*words, *(["overdue"] if self.overdue else [])])


class Desk:
    """All items that an auditor may see, the oldest first, as of one moment."""

    def __init__(
        self, settings: SiteFile, author: Author, fold: Fold, items: dict[str, QueueItem], log_size: int
    ) -> None:
        self.settings = settings
        self.author = author
        self.fold = fold
        self.items = items
        self.log_size = log_size
        self.now_ns = time.time_ns()

    def select(self, wanted: Wanted) -> list[QueueItem]:
        """Return items without a record of this look: they may not be shown before there is one."""
        return [item for item in self.items.values() if wanted.covers(item, self.now_ns)]

    async def list_items(self, wanted: Wanted) -> tuple[list[QueueItem], str]:
        """Return items, and the id of the record of this look; raises SiteError."""
        found = self.select(wanted)
        return found, await self.look("review-queue", str(wanted), [item.id for item in found])

    async def look(self, act: str, query: str, ids: Sequence[str], reason: str = "") -> str:
        """Record a look at items, and return its record's id; raises SiteError."""
        digest = digest_of(ids)
        access = Access(
            self.author.id, act, query, self.now_ns, self.log_size, len(ids), digest, reason=reason
        )
        return await record_access(self.settings, access)

    def find(self, item: str) -> QueueItem:
        """Return an item; raises SiteError, in the same words for one that is not there and one of others."""
        found = self.items.get(item)
        if found is None:
            raise SiteError(f"{item} is no item of a review: `steelyard review add` makes it one")
        return found

    async def act(self, kind: ActKind, items: Sequence[str], **fields: str) -> list[str]:
        """Do something with items, all or none, and return the ids of the acts' records; raises SiteError."""
        return await self.record(self.prepare(kind, items, **fields))

    def prepare(self, kind: ActKind, items: Sequence[str], **fields: str) -> list[Signed]:
        """Return signed acts that would count now, and record nothing; raises SiteError if one would not."""
        acts = [self._write(kind, item, fields) for item in dict.fromkeys(items)]
        for signed in acts:
            if problem := self.fold.find_problem(Entry(signed.act, "", self.now_ns)):
                raise SiteError(problem)
        return acts

    async def record(self, acts: Sequence[Signed]) -> list[str]:
        """Record acts in one transaction, and return the ids of their records; raises SiteError."""
        return await record_acts(self.settings, acts) if acts else []

    def _write(self, kind: ActKind, item: str, fields: dict[str, str]) -> Signed:
        if kind is not ActKind.ADD:
            self.find(item)
        elif (parties := self.fold.bench.find_parties(item)) is None or not may_see_parties(
            self.author.auditor, parties
        ):
            raise SiteError(f"there is no message or file {item} that {self.author.id} may see")
        log, number = parse_record_id(self.settings, item)
        return write_act(self.author, kind, log, number, **fields)


async def open_desk(
    settings: SiteFile,
    author: Author,
    progress: Progress,
    adding: Sequence[str] = (),
    reader: ReviewReader | None = None,
) -> Desk:
    """Read the index, the directory, the policy and the audit logs; raises SiteError and LogError.

    `adding` are records that are about to be put into a queue. With a `reader`, only what is new is read.
    """
    for record in adding:
        parse_record_id(settings, record)
    reviewers = load_reviewers(settings)
    names = {which: log.name for which, log in find_indexed(settings).items()}
    reader = reader or ReviewReader(settings, reviewers)
    rules = reader.rules.read(settings)
    records = await reader.read()
    added = {entry.act.item for entry in records.entries if entry.act.kind is ActKind.ADD}
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, progress)
            load = partial(load_directory, settings)
            found = reader.flagged.read(index, names, rules, added | set(adding), load)
        log_size = await next(iter(logs.values())).reader.size()
    fold = fold_acts(
        records.entries, reviewers.bench(lambda id_: found[id_][1].parties if id_ in found else None)
    )
    due_ns = int(settings.review.due_s * _NS_PER_S)
    items = {
        item.id: item
        for item, parties in reader.items.view(found, fold, records, Terms(due_ns, find_hiding(rules)))
        if may_see_parties(author.auditor, parties)
    }
    return Desk(settings, author, fold, items, log_size)


def count_queues(items: Iterable[QueueItem], now_ns: int) -> dict[str, dict[str, int]]:
    """Return of each queue how many items it has, by state, and how many are overdue; the names sorted."""
    # Most items are like many others.
    alike = Counter((item.queues, item.status.state, item.is_overdue(now_ns)) for item in items)
    counts: dict[str, dict[str, int]] = {}
    for (queues, state, is_overdue), number in alike.items():
        for queue in queues:
            count = counts.setdefault(
                queue, {"items": 0, **dict.fromkeys(map(str, ItemState), 0), "overdue": 0}
            )
            count["items"] += number
            count[state.value] += number
            count["overdue"] += number * is_overdue
    return dict(sorted(counts.items()))
