"""What an auditor of some enterprises may order: of what belongs to these, and of nothing else (docs/retention.md)."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from components.archive.orders.order import OrderAct
from components.audit.asked import scope_of
from components.audit.auditor import Auditor
from components.audit.index.crossed import keep_matching
from components.audit.index.index import Index
from components.audit.index.logs import LAST_NUMBER, IndexedLog
from components.audit.indexed import find_indexed
from components.audit.orders.orders import OrderView
from components.audit.owner import check_owner
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.query.tree import And, Node, Or, format_query, people_of
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class Limits:
    """What somebody may order: `scope` finds the records of their enterprises, None is the whole site.

    `owns` says of a JID whether it is of these. `which` is the log that the order is for, None for one without index.
    """

    scope: Node | None
    owns: Callable[[str], bool]
    index: Index
    which: IndexedLog | None
    now_ns: int

    def narrow(self, query: Node) -> Node:
        """Return a query for what matches and is of their enterprises."""
        return query if self.scope is None else And((self.scope, query))

    def tell_scope(self) -> str:
        """Return the scope as a query, empty for the whole site."""
        return "" if self.scope is None else format_query(self.scope)

    def require_people(self, jids: Iterable[str]) -> None:
        """Raise SiteError unless all these people and rooms are of their enterprises."""
        if foreign := sorted(jid for jid in jids if not self.owns(jid)):
            raise SiteError(f"{foreign[0]} is of no enterprise that you may see (audit.auditors)")

    def require_records(self, indexes: Collection[int]) -> None:
        """Raise SiteError, as for one that is not there, unless all these records are of their enterprises."""
        if foreign := sorted(set(indexes) - self._within(indexes)):
            raise SiteError(f"record {foreign[0]} is not there, or is the log's own bookkeeping")

    def require_whole_site(self) -> None:
        """Raise SiteError for an auditor of some enterprises."""
        if self.scope is not None:
            raise SiteError(
                "segments have records of all enterprises: who sees the whole site says what expires (audit.auditors)"
            )

    def pick(self, views: Sequence[OrderView]) -> list[OrderView]:
        """Return those of a log's orders that are about their enterprises alone."""
        by_id = {view.order.id: view for view in views}
        return [view for view in views if self._covers(by_id.get(view.order.hold, view))]

    def _covers(self, view: OrderView) -> bool:
        """Return whether a hold, or an erasure, is about their enterprises alone, by what it says."""
        order, details = view.order, view.details
        if self.scope is None:
            return True
        if details is None or order.act not in (OrderAct.HOLD, OrderAct.ERASE):
            return False
        if details.custodian:
            return self.owns(details.custodian)
        if not details.query:
            return set(order.indexes) <= self._within(order.indexes)
        query = parse_query(details.query, self.now_ns)
        return all(map(self.owns, people_of(query))) if order.conversations else self._is_narrow(query)

    def _is_narrow(self, query: Node) -> bool:
        """Return whether a query finds only what is of their enterprises, as `narrow` makes it."""
        own = {*(self.scope.nodes if isinstance(self.scope, Or) else (self.scope,))}
        match query:
            case And(nodes):
                return any(map(self._is_narrow, nodes))
            case Or(nodes):
                return own.issuperset(nodes)
            case _:
                return query in own

    def _within(self, indexes: Collection[int]) -> set[int]:
        """Return those of some records that are of their enterprises."""
        if self.scope is None:
            return set(indexes)
        if self.which is None:
            return set()
        places = {self.which.place(each): each for each in indexes if each <= LAST_NUMBER}
        with self.index.look() as db:
            return {places[place] for place in keep_matching(db, places, compile_query(self.scope))}


def find_limits(
    settings: SiteFile, log: LogSettings, index: Index, auditor: Auditor | None, now_ns: int
) -> Limits:
    """Return within which limits an auditor may order something of a log; without one, everything."""
    which = next((which for which, each in find_indexed(settings).items() if each == log), None)
    is_limited = auditor is not None and auditor.enterprises is not None
    scope = scope_of(auditor) if is_limited else None
    return Limits(scope, check_owner(settings, auditor), index, which, now_ns)
