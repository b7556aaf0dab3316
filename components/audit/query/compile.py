"""Compiles a query's tree to SQL over the index (components/audit/index/schema.py has the tables)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from components.audit.query import tree
from components.audit.query.context import compile_context
from components.audit.query.matching import match_near, match_spellings, match_words

Parameter = str | int

# Bits of 64 in which the hashes of two pictures may differ that count as the same (docs/decisions/0180-*).
MOST_DIFFERENT_BITS = 10

_LARGEST = 2**63 - 1
_LAST = "\U0010ffff"  # sorts after every character of a rule's id

_SIMILAR = """
SELECT near.id FROM content AS near JOIN content AS seen
WHERE seen.id IN (
    SELECT at.content FROM (SELECT place_of(log, ?) AS place FROM state WHERE name = ?) AS named JOIN (
        SELECT link.idx AS idx, file.content AS content FROM link JOIN file USING (id)
        UNION ALL SELECT description.idx, file.content FROM description JOIN file USING (id)
        UNION ALL SELECT idx, content FROM carried
    ) AS at ON at.idx = named.place
) AND bits_apart(near.picture, seen.picture) BETWEEN 0 AND ?
"""


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the table `submission`: constant SQL, and the values of its `?`, in order."""

    sql: str
    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What the index knew before a query is compiled.

    `spellings` are the words that near spellings widen to; `vocabulary` those of some words that are in any text, None
    for whatever. `has_patterns`: what regular expressions find is in the table `pattern_hit`.
    """

    spellings: Mapping[tree.Spelling, tuple[str, ...]] = field(default_factory=dict)
    vocabulary: frozenset[str] | None = None
    has_patterns: bool = False


NOTHING_KNOWN = Known()


def compile_query(node: tree.Node, known: Known = NOTHING_KNOWN) -> Where:
    """Compile a tree; everything that a person typed is in `parameters`, never in `sql`.

    Raises ValueError for a term that needs to know more.
    """
    match node:
        case tree.Not(inner):
            where = compile_query(inner, known)
            return Where(f"NOT {where.sql}", where.parameters)
        case tree.And(nodes):
            return _join(" AND ", nodes, known)
        case tree.Or(nodes):
            return _join(" OR ", nodes, known)
        case _:
            return _compile_term(node, known)


def _join(operator: str, nodes: tuple[tree.Node, ...], known: Known) -> Where:
    compiled = [compile_query(node, known) for node in nodes]
    sql = operator.join(where.sql for where in compiled)
    return Where(f"({sql})", tuple(value for where in compiled for value in where.parameters))


def _compile_term(term: tree.Term, known: Known) -> Where:
    match term:
        case tree.Everything():
            return Where("(1)")
        case tree.Words() | tree.Near() | tree.Spelling() | tree.Pattern():
            return _compile_words(term, known)
        case tree.Party(tree.Side.WITH, local, domain):
            sides = (tree.Party(tree.Side.FROM, local, domain), tree.Party(tree.Side.TO, local, domain))
            return _join(" OR ", sides, known)
        case tree.Party(role, local, domain):
            return _compile_side(role, local, domain)
        case tree.Moment(bound, at_ns):
            operator = ">=" if bound is tree.Bound.AFTER else "<"
            return Where(f"(received_at_ns {operator} ?)", (at_ns,))
        case tree.Verdict(action):
            return Where("(verdict = ?)", (str(action),))
        case tree.OfKind(kind):
            return Where("(kind = ?)", (str(kind),))
        case tree.Span(begin_ns, end_ns):
            return _within(begin_ns, end_ns)
        case _:
            return _compile_other(term)


def _compile_words(term: tree.WordTerm, known: Known) -> Where:
    match term:
        case tree.Words():
            return _find_words(match_words(term))
        case tree.Near():
            return _find_words(match_near(term, known.vocabulary))
        case tree.Spelling(word):
            if term not in known.spellings:
                raise ValueError(f"near spellings ({word}~) can only be searched")
            return _find_words(match_spellings(known.spellings[term]))
        case tree.Pattern(expression):
            if not known.has_patterns:
                raise ValueError(f"regular expressions (/{expression}/) can only be searched")
            return Where("(idx IN (SELECT idx FROM pattern_hit WHERE expression = ?))", (expression,))


def _compile_other(term: tree.Term) -> Where:
    match term:
        case tree.ByRule(rule, prefix=False):
            return _compile_rule("rule = ?", rule)
        case tree.ByRule(rule):
            return _compile_rule("rule BETWEEN ? AND ?", rule, rule + _LAST)
        case (
            tree.HasFile() | tree.FileName() | tree.FileType() | tree.FileHash() | tree.FileSize() | tree.SimilarTo()
        ):  # fmt: skip
            where = _find_by_file(term)
            return Where(f"(idx IN ({where.sql}))", where.parameters)
        case _:
            sql, values = compile_context(term)
            return Where(f"({sql})", values)


def _find_words(match: str) -> Where:
    own = Where("SELECT rowid FROM word WHERE word MATCH ?", (match,))
    found = _union(own, _in_content(match), _about_described(match))
    return Where(f"(idx IN ({found.sql}))", found.parameters)


def _find_by_file(term: tree.FileTerm) -> Where:
    """Return a selection of the records that are about a file: its own, and those that carry it or its link."""
    match term:
        case tree.HasFile():
            return _either(_about(Where("1")), Where("1"))
        case tree.FileName(words, prefix):
            match = match_words(tree.Words(words, prefix), ("name", "name_look"))
            named = "idx IN (SELECT rowid FROM word WHERE word MATCH ?)"
            uploads = _union(_about(Where(f"file.{named}", (match,))), _about_described(match))
            return _either(uploads, Where(named, (match,)))
        case tree.FileType(kind, prefix):
            test, values = ("BETWEEN ? AND ?", (kind, kind + _LAST)) if prefix else ("= ?", (kind,))
            about = _about(Where(f"claimed_type {test} OR found_type {test}", values * 2))
            return _either(about, Where(f"media_type {test}", values))
        case tree.FileHash(digits):
            test, span = "BETWEEN ? AND ?", (digits, digits + _LAST)
            # Its own, or that of what readers got of it.
            own = Where(f"file.sha256 {test} OR copy_sha256 {test}", span * 2)
            return _either(_about(own), Where(f"sha256 {test}", span))
        case tree.FileSize(least, most):
            sized = Where("size_bytes BETWEEN ? AND ?", (least or 0, _LARGEST if most is None else most))
            return _either(_about(sized), sized)
        case tree.SimilarTo(log, number):
            return _with_content(Where(_SIMILAR, (number, log, MOST_DIFFERENT_BITS)))


def _within(begin_ns: int | None, end_ns: int | None) -> Where:
    bounds = [
        Where(f"received_at_ns {operator} ?", (at_ns,))
        for operator, at_ns in ((">=", begin_ns), ("<", end_ns))
        if at_ns is not None
    ]
    sql = " AND ".join(bound.sql for bound in bounds)
    return Where(f"({sql})", tuple(value for bound in bounds for value in bound.parameters))


def _either(about: Where, carried: Where) -> Where:
    """Return a selection of the records that are about an upload, and of stanzas with such a file in them."""
    inside = f"SELECT idx FROM carried WHERE {carried.sql}"  # noqa: S608 - constant
    return _union(about, Where(inside, carried.parameters))


def _in_content(match: str) -> Where:
    return _with_content(Where("SELECT rowid FROM content_word WHERE content_word MATCH ?", (match,)))


def _with_content(contents: Where) -> Where:
    """Return a selection of the records that are about an upload, or have a file in them, with such a content."""
    wanted = Where(f"content IN ({contents.sql})", contents.parameters)
    return _either(_about(wanted), wanted)


def _about_described(match: str) -> Where:
    """Return a selection of the records about an upload of which some stanza says what FTS5 has to match."""
    # The + keeps SQLite from going through all stanzas with these words, where there are few descriptions, or none.
    sql = "SELECT id FROM description WHERE +idx IN (SELECT rowid FROM word WHERE word MATCH ?)"
    return _about(Where(f"file.id IN ({sql})", (match,)))


def _about(condition: Where) -> Where:
    """Return a selection of the records about an upload: its own, and those that link to it or describe it."""
    return _union(
        *(
            Where(
                f"SELECT {table}.idx FROM {table} JOIN file ON file.id = {table}.id WHERE {condition.sql}",  # noqa: S608
                condition.parameters,
            )
            for table in ("link", "description")
        )
    )


def _union(*selections: Where) -> Where:
    sql = " UNION ALL ".join(each.sql for each in selections)
    return Where(sql, tuple(value for each in selections for value in each.parameters))


def _compile_rule(condition: str, *values: str) -> Where:
    # Rules in a record were found when the gate decided; topics are found later (components/audit/checks/topics.py).
    recorded, told = (f"SELECT idx FROM {table} WHERE {condition}" for table in ("rule", "topic"))  # noqa: S608
    return Where(f"(idx IN ({recorded} UNION ALL {told}))", values * 2)


def _compile_side(side: tree.Side, local: str, domain: str) -> Where:
    if not local:
        return Where(f"({side}_domain = ?)", (domain,))
    if not domain:
        return Where(f"({side}_local = ? OR {side}_domain = ?)", (local, local))
    return Where(f"({side}_local = ? AND {side}_domain = ?)", (local, domain))
