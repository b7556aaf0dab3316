"""Counts what a query finds: by person, day and the like, and for each of a list of terms."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.audit.asked import Asked, prepare
from components.audit.auditor import Auditor
from components.audit.index.facets import Counted, Dimension
from components.audit.index.pages import digest_ids
from components.audit.index.plan import plan_all
from components.audit.lookup import Lookup, look_up
from components.audit.query.error import QueryError
from components.audit.query.limits import MAX_TERMS
from components.audit.query.parser import parse_query
from components.audit.query.tree import And, Node, Or, format_query
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

Term = tuple[int, Node]
"""A term of a list, and the line on which it stands."""

_HITS = "SELECT line, count(*) FROM term_hit GROUP BY line"
_ALONE = """
SELECT line, count(*) FROM (SELECT min(line) AS line FROM term_hit GROUP BY idx HAVING count(*) = 1) AS alone
GROUP BY line
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many records a query finds, by dimensions; `access_id` is the record of this look."""

    query: Node
    dimensions: tuple[Dimension, ...]
    counted: tuple[Counted, ...]
    matched: int
    log_size: int
    digest: str
    access_id: str
    examined: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class TermHits:
    """A term of a list, in its canonical form: how many records have it, and how many of these no other term."""

    line: int
    term: str
    hits: int
    alone: int


@dataclass(frozen=True, slots=True)
class TermReport:
    """The hits of each of a list of terms, and how many records have any of them."""

    query: Node
    terms: tuple[TermHits, ...]
    matched: int
    log_size: int
    digest: str
    access_id: str


async def count_by(
    settings: SiteFile,
    query: str,
    dimensions: Sequence[Dimension],
    progress: Progress,
    auditor: Auditor | None = None,
) -> Tally:
    """Count what a query finds, for each combination of values; raises as `search` does."""
    async with look_up(settings, query, progress, auditor) as lookup:
        asked = lookup.asked
        counted = lookup.index.count_by(dimensions, asked.where, logs=asked.logs)
        matched, digest, log_size = _sum_up(lookup, asked)
        access_id = await lookup.record("count", matched, digest)
    return Tally(
        asked.query,
        tuple(dimensions),
        tuple(counted),
        matched,
        log_size,
        digest,
        access_id,
        asked.examined,
        asked.is_cut,
    )


async def report_terms(
    settings: SiteFile, query: str, lines: Sequence[str], progress: Progress, auditor: Auditor | None = None
) -> TermReport:
    """Search for each of a list of terms among what a query finds; raises as `search` does, and SiteError.

    A line is a query of its own; empty lines and those that begin with # are left out.
    """
    async with look_up(settings, query, progress, auditor) as lookup:
        within = parse_query(query, lookup.at_ns)
        terms = parse_terms(lines, lookup.at_ns)
        await keep_hits(lookup, within, terms, auditor)
        with lookup.index.look() as db:
            all_, alone = (dict(db.execute(sql).fetchall()) for sql in (_HITS, _ALONE))
        hits = [
            TermHits(line, format_query(node), all_.get(line, 0), alone.get(line, 0)) for line, node in terms
        ]
        whole = await prepare(And((within, any_term(terms))), lookup.index, lookup.logs, auditor)
        matched, digest, log_size = _sum_up(lookup, whole)
        access_id = await lookup.record("terms", matched, digest, format_query(whole.query))
    return TermReport(whole.query, tuple(hits), matched, log_size, digest, access_id)


def any_term(terms: Sequence[Term]) -> Node:
    """Return the query for what has any of some terms."""
    nodes = tuple(node for _, node in terms)
    return nodes[0] if len(nodes) == 1 else Or(nodes)


async def keep_hits(lookup: Lookup, within: Node, terms: Sequence[Term], auditor: Auditor | None) -> None:
    """Keep in `term_hit` of this connection which records have which term, by the term's line."""
    asked = [
        (line, await prepare(And((within, node)), lookup.index, lookup.logs, auditor)) for line, node in terms
    ]
    with lookup.index.look() as db:
        db.execute("CREATE TEMP TABLE IF NOT EXISTS term_hit (line INTEGER, idx INTEGER)")
        db.execute("DELETE FROM term_hit")
        for line, each in asked:
            for planned in plan_all(db, each.where, each.logs):
                planned.keep(db, "INSERT INTO term_hit", line)


def _sum_up(lookup: Lookup, asked: Asked) -> tuple[int, str, int]:
    matched = lookup.index.count(asked.where, logs=asked.logs)
    with lookup.index.look() as db:
        digest = digest_ids(db, asked.where, asked.logs)
    return matched, digest, lookup.index.size_of(asked.logs[0])


def parse_terms(lines: Sequence[str], now_ns: int) -> list[Term]:
    """Read a list of terms; raises SiteError, also if there is none."""
    terms = list[Term]()
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            terms.append((number, parse_query(text, now_ns)))
        except QueryError as error:
            raise SiteError(f"line {number} of the list of terms, {text!r}: {error.message}") from None
    if not terms:
        raise SiteError("the list of terms is empty: write a term on each line")
    if len(terms) > MAX_TERMS:
        raise SiteError(f"a list has at most {MAX_TERMS} terms: split it")
    return terms
