"""From a query's tree to SQL over the index (components/audit/index/schema.py has the tables)."""

from dataclasses import dataclass

from components.audit.query.tree import (
    And,
    Bound,
    ByRule,
    Everything,
    Moment,
    Node,
    Not,
    OfKind,
    Or,
    Party,
    Side,
    Term,
    Verdict,
    Words,
)

Parameter = str | int

_LAST = "\U0010ffff"  # sorts after every character of a rule's id


@dataclass(frozen=True, slots=True)
class Where:
    """A condition on the table `submission`: constant SQL, and the values of its `?`, in order."""

    sql: str
    parameters: tuple[Parameter, ...] = ()


def compile_query(node: Node) -> Where:
    """Compile a tree; whatever a person typed ends up in `parameters`, never in `sql`."""
    match node:
        case Not(inner):
            where = compile_query(inner)
            return Where(f"NOT {where.sql}", where.parameters)
        case And(nodes):
            return _join(" AND ", nodes)
        case Or(nodes):
            return _join(" OR ", nodes)
        case _:
            return _compile_term(node)


def _join(operator: str, nodes: tuple[Node, ...]) -> Where:
    compiled = [compile_query(node) for node in nodes]
    sql = operator.join(where.sql for where in compiled)
    return Where(f"({sql})", tuple(value for where in compiled for value in where.parameters))


def _compile_term(term: Term) -> Where:
    match term:
        case Everything():
            return Where("(1)")
        case Words(words, prefix):
            # Folded words hold no quote: a quoted phrase of them is always well-formed FTS5.
            phrase = f'"{" ".join(words)}"{" *" if prefix else ""}'
            return Where("(idx IN (SELECT rowid FROM word WHERE word MATCH ?))", (phrase,))
        case Party(Side.WITH, local, domain):
            return _join(" OR ", (Party(Side.FROM, local, domain), Party(Side.TO, local, domain)))
        case Party(role, local, domain):
            return _compile_side(role, local, domain)
        case Moment(Bound.AFTER, at_ns):
            return Where("(received_at_ns >= ?)", (at_ns,))
        case Moment(Bound.BEFORE, at_ns):
            return Where("(received_at_ns < ?)", (at_ns,))
        case Verdict(action):
            return Where("(verdict = ?)", (str(action),))
        case OfKind(kind):
            return Where("(kind = ?)", (str(kind),))
        case ByRule(rule, prefix=False):
            return _compile_rule("rule = ?", rule)
        case ByRule(rule):
            return _compile_rule("rule BETWEEN ? AND ?", rule, rule + _LAST)
        case _:
            raise AssertionError(term)


def _compile_rule(condition: str, *values: str) -> Where:
    # What a record says was found when it was decided on; topics are found later (components/audit/checks/topics.py).
    recorded, told = (f"SELECT idx FROM {table} WHERE {condition}" for table in ("rule", "topic"))  # noqa: S608
    return Where(f"(idx IN ({recorded} UNION ALL {told}))", values * 2)


def _compile_side(side: Side, local: str, domain: str) -> Where:
    if not local:
        return Where(f"({side}_domain = ?)", (domain,))
    if not domain:
        return Where(f"({side}_local = ? OR {side}_domain = ?)", (local, local))
    return Where(f"({side}_local = ? AND {side}_domain = ?)", (local, domain))
