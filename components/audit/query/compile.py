"""Compiles a query's tree to SQL over the index (components/audit/index/schema.py has the tables)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from components.audit.query import tree
from components.audit.query.context import compile_context
from components.audit.query.matching import match_near, match_spellings, match_words

Parameter = str | int

# Bits of 64 in which the hashes of two pictures may differ that count as the same (docs/decisions/0180-*).
MOST_DIFFERENT_BITS = 10

# What FTS5 parses has a stack of 100, and each level takes three of it. What is deeper is joined by SQL.
_DEEPEST_MATCH = 20
_LARGEST = 2**63 - 1
_LAST = "\U0010ffff"  # sorts after every character of a rule's id

_SIMILAR = """
SELECT near.id FROM content AS near, content AS seen
WHERE seen.id IN (
    SELECT at.content FROM (SELECT place_of(log, ?) AS place FROM state WHERE name = ?) AS named JOIN (
        SELECT link.idx AS idx, file.content AS content FROM link JOIN file USING (id)
        UNION ALL SELECT description.idx, file.content FROM description JOIN file USING (id)
        UNION ALL SELECT idx, content FROM carried
    ) AS at ON at.idx = named.place
) AND bits_apart(near.picture, seen.picture) BETWEEN 0 AND ?
"""


class Scope(Enum):
    """What a condition is about: the route of an entry alone (index/routes.py), its time alone, or anything."""

    ROUTE = "route"
    TIME = "time"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the table `entry`: constant SQL, and the values of its `?`, in order.

    The rest is for a quicker way to the same (components/audit/index/plan.py), and may be left out. A condition of the
    scope ROUTE uses the column `route` alone, and so counts on counters, too. A conjunction has its `parts`. `match` is
    what FTS5 has to match in the table `word`, of entries that do not match because of what files say: `elsewhere`
    selects these, and more. In it parentheses are `depth` deep.
    """

    sql: str
    parameters: tuple[Parameter, ...] = ()
    scope: Scope = Scope.ANY
    parts: tuple["Where", ...] = ()
    match: str = ""
    depth: int = 0
    elsewhere: tuple["Where", ...] = ()
    is_negated: bool = False
    bound: tree.Moment | None = None


EVERYTHING = Where("(1 = 1)", scope=Scope.ROUTE)


@dataclass(frozen=True, slots=True)
class Known:
    """What the index knew before a query is compiled.

    `spellings` are the words that near spellings widen to; `absent` some words that are in no text.
    `has_patterns`: what regular expressions find is in the table `pattern_hit`. What the directory says of the
    `constant` ones was always so.
    """

    spellings: Mapping[tree.Spelling, tuple[str, ...]] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    has_patterns: bool = False
    constant: frozenset[tree.Listed] = frozenset()


NOTHING_KNOWN = Known()


def compile_query(node: tree.Node, known: Known = NOTHING_KNOWN) -> Where:
    """Compile a tree; everything that a person typed is in `parameters`, never in `sql`.

    Raises ValueError for a term that needs to know more.
    """
    match node:
        case tree.Not(inner):
            return _negate(compile_query(inner, known))
        case tree.And(nodes):
            return _join(" AND ", nodes, known)
        case tree.Or(nodes):
            return _join(" OR ", nodes, known)
        case _:
            return _compile_term(node, known)


def all_of(parts: tuple[Where, ...]) -> Where:
    """Return the conjunction of conditions."""
    sql = " AND ".join(part.sql for part in parts) or "1 = 1"
    scope = Scope.ROUTE if all(part.scope is Scope.ROUTE for part in parts) else Scope.ANY
    return Where(f"({sql})", tuple(value for part in parts for value in part.parameters), scope, parts)


def add_bound(where: Where, bound: tree.Moment) -> Where:
    """Return a condition with one more on the time."""
    return all_of((*(where.parts or (where,)), compile_query(bound)))


def _negate(where: Where) -> Where:
    scope = where.scope if where.scope is Scope.ROUTE else Scope.ANY
    negated = Where(f"NOT {where.sql}", where.parameters, scope)
    if not where.match or where.is_negated:
        return negated
    return replace(negated, match=where.match, elsewhere=where.elsewhere, is_negated=True)


def _join(operator: str, nodes: tuple[tree.Node, ...], known: Known) -> Where:
    compiled = tuple(compile_query(node, known) for node in nodes)
    sql = operator.join(where.sql for where in compiled)
    values = tuple(value for where in compiled for value in where.parameters)
    scope = Scope.ROUTE if all(where.scope is Scope.ROUTE for where in compiled) else Scope.ANY
    joined = Where(f"({sql})", values, scope)
    depth = 1 + max(where.depth for where in compiled)
    if depth <= _DEEPEST_MATCH and all(where.match and not where.is_negated for where in compiled):
        match = operator.join(f"({where.match})" for where in compiled)
        elsewhere = tuple(each for where in compiled for each in where.elsewhere)
        return replace(joined, match=match, depth=depth, elsewhere=elsewhere)
    if operator == " AND ":
        parts = tuple(part for where in compiled for part in where.parts or (where,))
        return replace(joined, parts=parts)
    return joined


def _compile_term(term: tree.Term, known: Known) -> Where:
    match term:
        case tree.Everything():
            return EVERYTHING
        case tree.Words() | tree.Near() | tree.Spelling() | tree.Pattern():
            return _compile_words(term, known)
        case tree.Party(tree.Side.WITH, local, domain):
            sides = (tree.Party(tree.Side.FROM, local, domain), tree.Party(tree.Side.TO, local, domain))
            return _join(" OR ", sides, known)
        case tree.Party(role, local, domain):
            return _compile_side(role, local, domain)
        case tree.Moment(bound, at_ns):
            operator = ">=" if bound is tree.Bound.AFTER else "<"
            return Where(f"(received_at_ns {operator} ?)", (at_ns,), Scope.TIME, bound=term)
        case tree.Span(begin_ns, end_ns):
            return _within(begin_ns, end_ns)
        case tree.Verdict(action):
            return _by_route("SELECT id FROM route WHERE verdict = ?", str(action))
        case tree.OfKind(kind):
            return _by_route("SELECT id FROM route WHERE kind = ?", str(kind))
        case _:
            return _compile_other(term, known)


def _compile_words(term: tree.WordTerm, known: Known) -> Where:
    match term:
        case tree.Words():
            return _find_words(match_words(term, known.absent))
        case tree.Near():
            return _find_words(match_near(term, known.absent))
        case tree.Spelling(word):
            if term not in known.spellings:
                raise ValueError(f"near spellings ({word}~) can only be searched")
            return _find_words(match_spellings(known.spellings[term]))
        case tree.Pattern(expression):
            if not known.has_patterns:
                raise ValueError(f"regular expressions (/{expression}/) can only be searched")
            return Where("(idx IN (SELECT idx FROM pattern_hit WHERE expression = ?))", (expression,))


def _compile_other(term: tree.Term, known: Known) -> Where:
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
            found = compile_context(term, is_constant=term in known.constant)
            return Where(f"({found.sql})", found.values, Scope.ROUTE if found.of_route else Scope.ANY)


def _find_words(match: str) -> Where:
    own = Where("SELECT rowid FROM word WHERE word MATCH ?", (match,))
    elsewhere = (_in_content(match), _about_described(match))
    found = _union(own, *elsewhere)
    return Where(f"(idx IN ({found.sql}))", found.parameters, match=match, elsewhere=elsewhere)


def _within(begin_ns: int | None, end_ns: int | None) -> Where:
    bounds = ((tree.Bound.AFTER, begin_ns), (tree.Bound.BEFORE, end_ns))
    moments = [tree.Moment(bound, at_ns) for bound, at_ns in bounds if at_ns is not None]
    compiled = tuple(map(compile_query, moments))
    return compiled[0] if len(compiled) == 1 else all_of(compiled)


def _find_by_file(term: tree.FileTerm) -> Where:
    """Return a selection of the records that are about a file: its own, and those that carry it or its link."""
    match term:
        case tree.HasFile():
            return _either(_about(Where("1 = 1")), Where("1 = 1"))
        case tree.FileName(words, prefix):
            match = match_words(tree.Words(words, prefix))
            named = "idx IN (SELECT rowid FROM name_word WHERE name_word MATCH ?)"
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
        return _by_account(side, "domain = ?", domain)
    if not domain:
        return _by_account(side, "local = ? OR domain = ?", local, local)
    return _by_account(side, "local = ? AND domain = ?", local, domain)


def _by_account(side: tree.Side, condition: str, *values: str) -> Where:
    end = "sender" if side is tree.Side.FROM else "recipient"
    accounts = f"SELECT id FROM account WHERE {condition}"  # noqa: S608 - constant
    return _by_route(f"SELECT id FROM route WHERE {end} IN ({accounts})", *values)  # noqa: S608 - constant


def _by_route(routes: str, *values: str) -> Where:
    return Where(f"(route IN ({routes}))", values, Scope.ROUTE)
