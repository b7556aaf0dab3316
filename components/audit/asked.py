"""What has to be known before a query is compiled: its scope, near spellings, what regular expressions find."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from components.archive.opener import OpenedRecord, RecordOpener
from components.audit.auditor import Auditor
from components.audit.index.database import Connection
from components.audit.index.index import Index
from components.audit.index.logs import LAST_NUMBER, SEARCHED, IndexedLog, find_record
from components.audit.index.pages import find_place
from components.audit.query import tree
from components.audit.query.compile import Known, Where, compile_query
from components.audit.query.context import Condition, find_varying
from components.audit.query.limits import MAX_SOUGHT
from components.audit.query.matching import count_sought, whole_words
from components.audit.view import view_record
from components.audit.widened import Widened, find_absent, has, widen
from components.process.errors import SiteError

MAX_EXAMINED = 20_000
"""A search looks into the text of so many records, the newest, for regular expressions."""

# What regular expressions found while this index is open, and what was looked into for each query.
_FOUND_TABLES = (
    "CREATE TEMP TABLE IF NOT EXISTS pattern_hit (expression TEXT, idx INTEGER, PRIMARY KEY (expression, idx))",
    "CREATE TEMP TABLE IF NOT EXISTS examined (run INTEGER, idx INTEGER, PRIMARY KEY (run, idx))",
)
# To ask for so many words takes no longer than to find out which of them there are.
_FEW_SOUGHT = 1_000
_LARGEST_GAP = 16  # records between two wanted ones are fetched with them
_LARGEST_FETCH = 250


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, ready to be looked up: its condition, and what a person is to be told of it.

    `query` has the scope of who asks. For regular expressions the newest `examined` records were looked into; where it
    `is_cut`, there are older ones that might match.
    """

    query: tree.Node
    where: Where
    scope: Where
    widened: tuple[Widened, ...] = ()
    examined: int = 0
    is_cut: bool = False
    is_scoped: bool = False
    logs: Sequence[IndexedLog] = SEARCHED


async def prepare(
    node: tree.Node, index: Index, logs: Mapping[IndexedLog, RecordOpener], auditor: Auditor | None = None
) -> Asked:
    """Prepare a query for one look into the index; raises SiteError and LogError."""
    scope = scope_of(auditor)
    is_scoped = not isinstance(scope, tree.Everything)
    with index.look() as db:
        inside = compile_query(scope, Known(constant=_find_constant(db, scope)))
    query = tree.And((scope, node)) if is_scoped else node
    searched = logs_for(node)
    try:
        with index.look() as db:
            allowed = _without_foreign(db, query, inside, _own_of(auditor)) if is_scoped else query
            known, widened = _learn(db, allowed, inside if is_scoped else None, searched)
        if not any(isinstance(term, tree.Pattern) for term in tree.terms_of(allowed)):
            where = compile_query(allowed, known)
            return Asked(query, where, inside, widened, is_scoped=is_scoped, logs=searched)
        where, examined, is_cut = await _examine(
            allowed, replace(known, has_patterns=True), index, logs, searched
        )
    except ValueError as error:
        raise SiteError(str(error)) from None
    return Asked(query, where, inside, widened, examined, is_cut, is_scoped, searched)


async def is_within(
    index: Index, logs: Mapping[IndexedLog, RecordOpener], which: IndexedLog, number: int, auditor: Auditor
) -> bool:
    """Return whether a log's record is within the scope of an auditor; True where the log never told who was who."""
    asked = await prepare(tree.Everything(), index, logs, auditor)
    with index.look() as db:
        if db.execute("SELECT 1 FROM listed LIMIT 1").fetchone() is None:
            return True
        return number <= LAST_NUMBER and has(db, "idx = ?", (which.place(number),), asked.scope)


def scope_of(auditor: Auditor | None) -> tree.Node:
    """Return what an auditor may see as a query."""
    if auditor is None or auditor.enterprises is None:
        return tree.Everything()
    owners = tuple(tree.Listed(tree.Group.OWNER, each) for each in sorted(auditor.enterprises))
    if not owners:
        return tree.Not(tree.Everything())
    return owners[0] if len(owners) == 1 else tree.Or(owners)


def _own_of(auditor: Auditor | None) -> tuple[str, ...]:
    return tuple(sorted(auditor.enterprises or ())) if auditor else ()


def _without_foreign(db: Connection, node: tree.Node, inside: Where, own: tuple[str, ...]) -> tree.Node:
    """Return a query that tells nothing of others than the `own` enterprises of a scope.

    It finds nothing by pictures of their records; nor by their people's names, desks, sites and rooms, which would tell
    who a stranger is to whom somebody wrote.
    """
    match node:
        case tree.Not(inner):
            return tree.Not(_without_foreign(db, inner, inside, own))
        case tree.And(nodes):
            return tree.And(tuple(_without_foreign(db, each, inside, own) for each in nodes))
        case tree.Or(nodes):
            return tree.Or(tuple(_without_foreign(db, each, inside, own) for each in nodes))
        case tree.Listed(group) if group is not tree.Group.OWNER:
            return replace(node, within=own)
        case tree.SimilarTo(log, number):
            place = find_place(db, f"{log}/{number}")
            return node if has(db, "idx = ?", (place,), inside) else tree.Not(tree.Everything())
        case _:
            return node


def _learn(
    db: Connection, node: tree.Node, inside: Where | None, logs: Sequence[IndexedLog]
) -> tuple[Known, tuple[Widened, ...]]:
    terms = set(tree.terms_of(node))
    spellings = [term for term in terms if isinstance(term, tree.Spelling)]
    widened = widen(db, sorted(spellings, key=str), inside, logs)
    spelt = {each.spelling: each.words for each in widened}
    return Known(spelt, _find_absent(db, terms), constant=_find_constant(db, node)), widened


def _find_absent(db: Connection, terms: Collection[tree.Term]) -> frozenset[str]:
    """Return which words that might be sought are in no text, where they are many; ValueError for far too many."""
    sought = [term for term in terms if isinstance(term, tree.Words | tree.Near)]
    is_large = sum(map(count_sought, sought)) > _FEW_SOUGHT
    asked = [term for term in sought if is_large or isinstance(term, tree.Near)]
    absent = find_absent(db, (each for term in asked for each in whole_words(term).items()))
    left = sum(count_sought(term, absent) for term in sought)
    if left > MAX_SOUGHT:
        raise ValueError(
            f"these are {left:,} words to look for, in all ways to write them; at most {MAX_SOUGHT:,} can be sought"
            " at once: give fewer words or shorter phrases, or split the query"
        )
    return absent


def _find_constant(db: Connection, node: tree.Node) -> frozenset[tree.Listed]:
    """Return the terms of which the directory has always said the same: counters can tell of them."""
    listed = {term for term in tree.terms_of(node) if isinstance(term, tree.Listed)}
    return frozenset(term for term in listed if db.execute(*_plain(find_varying(term))).fetchone() is None)


def _plain(condition: Condition) -> tuple[str, tuple[str | int, ...]]:
    return condition.sql, condition.values


def logs_for(node: tree.Node) -> Sequence[IndexedLog]:
    """Return the logs that a search covers: the auditors' own only where it asks for looks, events or an id."""
    own = (tree.OfKind(tree.SearchKind.LOOK), tree.OfKind(tree.SearchKind.EVENT))
    asks = any(term in own or isinstance(term, tree.ById) for term in tree.terms_of(node))
    return tuple(IndexedLog) if asks else SEARCHED


async def _examine(
    node: tree.Node,
    known: Known,
    index: Index,
    logs: Mapping[IndexedLog, RecordOpener],
    searched: Sequence[IndexedLog],
) -> tuple[Where, int, bool]:
    """Look into the newest records that may match; return the condition on what was found, and whether it is cut."""
    # Few searches have a regular expression.
    from components.audit.query.pattern import matches

    may = compile_query(_without_patterns(node, is_upper=True), known)
    surely = compile_query(_without_patterns(node, is_upper=False), known)
    found_places = index.find(may, MAX_EXAMINED + 1, logs=searched).indexes
    places = list(reversed(found_places))
    is_cut = len(places) > MAX_EXAMINED
    places = sorted(places[:MAX_EXAMINED])
    expressions = {term.expression for term in tree.terms_of(node) if isinstance(term, tree.Pattern)}
    hits = [
        (expression, place)
        async for place, opened in open_places(logs, places)
        for expression in expressions
        if matches(expression, view_record("", opened).reading.text)
    ]
    with index.look() as db:
        for table in _FOUND_TABLES:
            db.execute(table)
        (run,) = db.execute("SELECT coalesce(max(run), 0) + 1 FROM examined").fetchone()
        db.executemany("INSERT OR IGNORE INTO pattern_hit VALUES (?, ?)", hits)
        db.executemany("INSERT INTO examined VALUES (?, ?)", [(run, place) for place in places])
    found = compile_query(node, known)
    # What was not looked into matches only if it does whatever it says.
    where = Where(
        f"(({found.sql} AND idx IN (SELECT idx FROM examined WHERE run = ?)) OR {surely.sql})",  # noqa: S608 - constant
        (*found.parameters, run, *surely.parameters),
    )
    return where, len(places), is_cut


def _without_patterns(node: tree.Node, *, is_upper: bool) -> tree.Node:
    """Return a query without regular expressions that finds all that the query finds, or nothing else."""
    match node:
        case tree.Pattern():
            return tree.Everything() if is_upper else tree.Not(tree.Everything())
        case tree.Not(inner):
            return tree.Not(_without_patterns(inner, is_upper=not is_upper))
        case tree.And(nodes):
            return tree.And(tuple(_without_patterns(each, is_upper=is_upper) for each in nodes))
        case tree.Or(nodes):
            return tree.Or(tuple(_without_patterns(each, is_upper=is_upper) for each in nodes))
        case _:
            return node


async def open_places(
    logs: Mapping[IndexedLog, RecordOpener], places: Iterable[int]
) -> AsyncIterator[tuple[int, OpenedRecord]]:
    """Yield the records at places in order, opened; neighbours are fetched together."""
    for run in _runs(places):
        which, first = find_record(run[0])
        if which not in logs:
            continue
        wanted = {find_record(place)[1] for place in run}
        for opened in await logs[which].fetch(first, run[-1] - run[0] + 1, wanted):
            yield which.place(opened.index), opened


def _runs(places: Iterable[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for place in places:
        is_near = runs and place - runs[-1][-1] <= _LARGEST_GAP and place - runs[-1][0] < _LARGEST_FETCH
        if is_near:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs
