"""Who looked for what before: the looks that the auditors' own log has, found by who, what and when."""

from dataclasses import dataclass

from components.archive.record import Access
from components.audit.auditor import Auditor, Role
from components.audit.index.logs import IndexedLog
from components.audit.index.pages import Order, Page, find_page
from components.audit.lookup import look_up
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.query.tree import And, Node, OfKind, Party, SearchKind, Side, format_query
from components.audit.query.words import fold_party
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

_OF_AUDITORS = (IndexedLog.AUDIT,)


@dataclass(frozen=True, slots=True)
class Look:
    """A look and the id of its record."""

    id: str
    access: Access


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which looks: by whom (their id), of which act, and what a query of words and times finds; empty is any."""

    actor: str = ""
    act: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """A page of the looks, of `matched`, the oldest first; behind `next_before`, unless empty, the next one begins."""

    query: Node
    looks: tuple[Look, ...]
    matched: int
    next_before: str
    digest: str
    access_id: str


async def find_history(
    settings: SiteFile, wanted: Wanted, page: Page, progress: Progress, auditor: Auditor | None = None
) -> History:
    """Find the looks of auditors. Without the role of an overseer, an auditor finds their own alone.

    Raises QueryError, SiteError and LogError.
    """
    async with look_up(settings, OfKind(SearchKind.LOOK), progress) as lookup:
        node = _ask(wanted, lookup.at_ns, auditor)
        found = find_page(lookup.index, compile_query(node), page, _OF_AUDITORS)
        views = await lookup.view(found.places)
        looks = [Look(view.id, view.content) for view in views if isinstance(view.content, Access)]
        actor = auditor.id if auditor else lookup.actor
        access_id = await lookup.record("history", found.matched, found.digest, format_query(node), actor)
    last = looks[0 if page.order is Order.NEWEST else -1].id if found.is_more and looks else ""
    return History(node, tuple(looks), found.matched, last, found.digest, access_id)


def _ask(wanted: Wanted, now_ns: int, auditor: Auditor | None) -> Node:
    nodes: list[Node] = [OfKind(SearchKind.LOOK)]
    actor = wanted.actor
    if auditor is not None and auditor.enterprises is not None and Role.OVERSEER not in auditor.roles:
        raise SiteError("only an overseer of all of the site sees who looked for what")
    if auditor is not None and Role.OVERSEER not in auditor.roles:
        if actor not in ("", auditor.id):
            raise SiteError(f"only an overseer sees what {actor} looked for; you see your own looks")
        actor = auditor.id
    if actor:
        nodes.append(_by(actor))
    if wanted.act:
        nodes.append(parse_query(f'"{wanted.act}"', now_ns))
    if wanted.query:
        nodes.append(parse_query(wanted.query, now_ns))
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def _by(actor: str) -> Node:
    local, _, domain = fold_party(actor).rpartition("@")
    return Party(Side.FROM, local, domain) if local else Party(Side.FROM, domain, "")
