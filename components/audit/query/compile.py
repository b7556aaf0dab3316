"""Compiles a query's tree to SQL over the index (components/audit/index/schema.py has the tables)."""

from dataclasses import dataclass

from components.audit.query import tree
from components.audit.query.words import endings_of, looks_of

Parameter = str | int

_LAST = "\U0010ffff"  # sorts after every character of a rule's id


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the table `submission`: constant SQL, and the values of its `?`, in order."""

    sql: str
    parameters: tuple[Parameter, ...] = ()


def compile_query(node: tree.Node) -> Where:
    """Compile a tree; everything that a person typed is in `parameters`, never in `sql`."""
    match node:
        case tree.Not(inner):
            where = compile_query(inner)
            return Where(f"NOT {where.sql}", where.parameters)
        case tree.And(nodes):
            return _join(" AND ", nodes)
        case tree.Or(nodes):
            return _join(" OR ", nodes)
        case _:
            return _compile_term(node)


def _join(operator: str, nodes: tuple[tree.Node, ...]) -> Where:
    compiled = [compile_query(node) for node in nodes]
    sql = operator.join(where.sql for where in compiled)
    return Where(f"({sql})", tuple(value for where in compiled for value in where.parameters))


def _compile_term(term: tree.Term) -> Where:
    match term:
        case tree.Everything():
            return Where("(1)")
        case tree.Words(words, prefix):
            return Where("(idx IN (SELECT rowid FROM word WHERE word MATCH ?))", (_match(words, prefix),))
        case tree.Party(tree.Side.WITH, local, domain):
            return _join(
                " OR ", (tree.Party(tree.Side.FROM, local, domain), tree.Party(tree.Side.TO, local, domain))
            )
        case tree.Party(role, local, domain):
            return _compile_side(role, local, domain)
        case tree.Moment(tree.Bound.AFTER, at_ns):
            return Where("(received_at_ns >= ?)", (at_ns,))
        case tree.Moment(tree.Bound.BEFORE, at_ns):
            return Where("(received_at_ns < ?)", (at_ns,))
        case tree.Verdict(action):
            return Where("(verdict = ?)", (str(action),))
        case tree.OfKind(kind):
            return Where("(kind = ?)", (str(kind),))
        case tree.ByRule(rule, prefix=False):
            return _compile_rule("rule = ?", rule)
        case tree.ByRule(rule):
            return _compile_rule("rule BETWEEN ? AND ?", rule, rule + _LAST)
        case _:
            raise AssertionError(term)


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
        return Where(f"({side}_domain = ?)", (domain,))
    if not domain:
        return Where(f"({side}_local = ? OR {side}_domain = ?)", (local, local))
    return Where(f"({side}_local = ? AND {side}_domain = ?)", (local, domain))
