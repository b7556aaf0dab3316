"""Compiles a query's tree to SQL over the index (components/audit/index/schema.py has the tables)."""

from dataclasses import dataclass, replace
from enum import Enum

from components.audit.query import tree
from components.audit.query.words import endings_of, looks_of

Parameter = str | int

# Bits of 64 in which the hashes of two pictures may differ that count as the same (docs/decisions/0180-*).
MOST_DIFFERENT_BITS = 10

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
    selects these, and more.
    """

    sql: str
    parameters: tuple[Parameter, ...] = ()
    scope: Scope = Scope.ANY
    parts: tuple["Where", ...] = ()
    match: str = ""
    elsewhere: tuple["Where", ...] = ()
    is_negated: bool = False
    bound: tree.Moment | None = None


def compile_query(node: tree.Node) -> Where:
    """Compile a tree; everything that a person typed is in `parameters`, never in `sql`."""
    match node:
        case tree.Not(inner):
            return _negate(compile_query(inner))
        case tree.And(nodes):
            return _join(" AND ", nodes)
        case tree.Or(nodes):
            return _join(" OR ", nodes)
        case _:
            return _compile_term(node)


def all_of(parts: tuple[Where, ...]) -> Where:
    """Return the conjunction of conditions."""
    sql = " AND ".join(part.sql for part in parts) or "1"
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


def _join(operator: str, nodes: tuple[tree.Node, ...]) -> Where:
    compiled = tuple(compile_query(node) for node in nodes)
    sql = operator.join(where.sql for where in compiled)
    values = tuple(value for where in compiled for value in where.parameters)
    scope = Scope.ROUTE if all(where.scope is Scope.ROUTE for where in compiled) else Scope.ANY
    joined = Where(f"({sql})", values, scope)
    if all(where.match and not where.is_negated for where in compiled):
        match = operator.join(f"({where.match})" for where in compiled)
        return replace(
            joined, match=match, elsewhere=tuple(each for where in compiled for each in where.elsewhere)
        )
    if operator == " AND ":
        parts = tuple(part for where in compiled for part in where.parts or (where,))
        return replace(joined, parts=parts)
    return joined


def _compile_term(term: tree.Term) -> Where:
    match term:
        case tree.Everything():
            return Where("(1)", scope=Scope.ROUTE)
        case tree.Words(words, prefix):
            match = _match(words, prefix)
            own = Where("SELECT rowid FROM word WHERE word MATCH ?", (match,))
            elsewhere = (_in_content(match), _about_described(match))
            found = _union(own, *elsewhere)
            return Where(f"(idx IN ({found.sql}))", found.parameters, match=match, elsewhere=elsewhere)
        case tree.Party(tree.Side.WITH, local, domain):
            return _join(
                " OR ", (tree.Party(tree.Side.FROM, local, domain), tree.Party(tree.Side.TO, local, domain))
            )
        case tree.Party(role, local, domain):
            return _compile_side(role, local, domain)
        case tree.Moment(bound, at_ns):
            operator = ">=" if bound is tree.Bound.AFTER else "<"
            return Where(f"(received_at_ns {operator} ?)", (at_ns,), Scope.TIME, bound=term)
        case tree.Verdict(action):
            return _by_route("SELECT id FROM route WHERE verdict = ?", str(action))
        case tree.OfKind(kind):
            return _by_route("SELECT id FROM route WHERE kind = ?", str(kind))
        case tree.ByRule(rule, prefix=False):
            return _compile_rule("rule = ?", rule)
        case tree.ByRule(rule):
            return _compile_rule("rule BETWEEN ? AND ?", rule, rule + _LAST)
        case _:
            where = _find_by_file(term)
            return Where(f"(idx IN ({where.sql}))", where.parameters)


def match_words(words: tree.Words) -> str:
    """Return what FTS5 has to match in the tables `word` and `content_word` to find words."""
    return _match(words.words, words.prefix)


def _find_by_file(term: tree.FileTerm) -> Where:
    """Return a selection of the records that are about a file: its own, and those that carry it or its link."""
    match term:
        case tree.HasFile():
            return _either(_about(Where("1")), Where("1"))
        case tree.FileName(words, prefix):
            match = _match(words, prefix)
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


def _match(words: tuple[str, ...], prefix: bool) -> str:
    """Return what FTS5 has to match: the phrase in any form of a text, its look-alikes only in the forms by looks."""
    everywhere, looks = looks_of(words)
    found = f"{{text look}} : {_any_of((words, *everywhere), prefix)}"
    return f"{found} OR look : {_any_of(looks, prefix)}" if looks else found


def _any_of(phrases: tuple[tuple[str, ...], ...], prefix: bool) -> str:
    # Folded words hold no quote, so a quoted phrase of them is always well-formed FTS5.
    return " OR ".join(
        f'"{" ".join(words)}{ending}"{" *" * prefix}'
        for words in phrases
        for ending in (("",) if prefix else endings_of(words))
    ).join("()")


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
