"""The quick way to a query's answer is the same as its condition, tried on every record; facets are what is counted."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from components.audit.index import facets, plan
from components.audit.index.database import Connection, Cursor, Database, Values
from components.audit.index.facets import Dimension
from components.audit.index.forget import forget
from components.audit.index.logs import IndexedLog
from components.audit.index.pages import count_and_digest, name_place, read_names
from components.audit.index.routes import Route
from components.audit.index.rows import EntryRow, Rows
from components.audit.index.stream import At, stream
from components.audit.query.compile import EVERYTHING, compile_query
from components.audit.query.tree import (
    And,
    Bound,
    Everything,
    Moment,
    Node,
    Not,
    OfKind,
    Or,
    Party,
    SearchKind,
    Side,
    Verdict,
    Words,
)
from policy.decision import Action
from tests.support.made_index import empty_index

# Three of them in a row, and one with a gap before it.
LOGS = (IndexedLog.HISTORY, IndexedLog.GATE, IndexedLog.TRANSFER, IndexedLog.AUDIT)
DAY_NS = facets.DAY_NS
WORDS = ("copper", "tin", "zinc")
NAMES = ("alice", "bob")
DOMAINS = ("metals.example", "grain.example")
TIMES = (0, 5, DAY_NS - 1, DAY_NS, DAY_NS + 5, 3 * DAY_NS, 3 * DAY_NS + 1, 10 * DAY_NS)

routes = st.builds(
    Route, st.sampled_from([int(log) for log in LOGS]), st.sampled_from(("message", "presence")),
    st.sampled_from(("release", "refuse")), st.sampled_from(NAMES), st.sampled_from(DOMAINS),
    st.sampled_from(NAMES), st.sampled_from(DOMAINS),
)  # fmt: skip
records = st.lists(
    st.tuples(
        st.integers(0, 3000), routes, st.sampled_from(TIMES), st.lists(st.sampled_from(WORDS), max_size=3)
    ),
    max_size=15,
    unique_by=lambda record: (record[1].log, record[0]),
)
parties = st.builds(
    Party, st.sampled_from(Side), st.sampled_from(("", *NAMES)), st.sampled_from(DOMAINS)
) | st.builds(Party, st.sampled_from(Side), st.sampled_from((*NAMES, *DOMAINS)), st.just(""))
terms = (
    st.just(Everything())
    | st.builds(Words, st.lists(st.sampled_from(WORDS), min_size=1, max_size=2).map(tuple), st.booleans())
    | parties
    | st.builds(Moment, st.sampled_from(Bound), st.sampled_from(TIMES))
    | st.builds(Verdict, st.sampled_from((Action.RELEASE, Action.REFUSE)))
    | st.builds(OfKind, st.sampled_from((SearchKind.MESSAGE, SearchKind.PRESENCE)))
)


def _combine(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)


nodes = st.recursive(terms, _combine, max_leaves=6)
Record = tuple[int, Route, int, list[str]]


@contextmanager
def indexed(made: list[Record]) -> Iterator[Database]:
    with empty_index() as db:
        db.execute("INSERT INTO made VALUES (0, '', '')")
        for log in LOGS:
            rows = Rows(log, None)
            rows.entries = [
                EntryRow(log.place(number), route, at_ns, 1, "", (" ".join(words), ""), ("", ""))
                for number, route, at_ns, words in sorted(made, key=lambda each: each[0])
                if route.log == log
            ]
            rows.rules = [("lexicon", entry.idx) for entry in rows.entries if _has_rule(entry.idx)]
            rows.insert(db)
        yield db


def _has_rule(place: int) -> bool:
    return place % 3 == 0


def by_condition(db: Database, node: Node) -> list[At]:
    where = compile_query(node)
    sql = f"SELECT received_at_ns, idx FROM entry WHERE {where.sql} ORDER BY received_at_ns, idx"
    return [At(*row) for row in db.execute(sql, where.parameters)]


@given(records, nodes)
def test_the_plan_finds_what_the_condition_finds(made: list[Record], node: Node) -> None:
    with indexed(made) as db:
        where, expected = compile_query(node), by_condition(db, node)
        assert list(stream(db, where, LOGS)) == expected
        assert list(stream(db, where, LOGS, newest_first=True)) == expected[::-1]
        assert plan.count(db, where, LOGS) == len(expected)
        for at in expected[::2]:
            assert list(stream(db, where, LOGS, behind=at)) == expected[expected.index(at) + 1 :]


@given(records, nodes)
def test_the_digest_is_that_of_all_ids_log_by_log(made: list[Record], node: Node) -> None:
    with indexed(made) as db:
        db.executemany("INSERT INTO state VALUES (?, ?, 0, x'')", [(log, f"{log.name} x") for log in LOGS])
        places = sorted(at.place for at in by_condition(db, node))
        lines = [f"{name_place(place, read_names(db))}\n" for place in places]
        expected = sha256("".join(lines).encode()).hexdigest()
        assert count_and_digest(db, compile_query(node), LOGS) == (len(places), expected)


@given(records, nodes, st.lists(st.sampled_from(Dimension), max_size=3, unique=True), st.booleans())
def test_facets_are_what_is_counted(
    made: list[Record], node: Node, dimensions: list[Dimension], is_all: bool
) -> None:
    with indexed(made) as db:
        gone = [IndexedLog(route.log).place(number) for number, route, _, _ in made[::3]]
        forget(db, gone)
        places = {at.place for at in by_condition(db, Everything() if is_all else node)}
        counted = Counter(
            tuple(_value(each, route, at_ns) for each in dimensions)
            for number, route, at_ns, _ in made
            if (place := IndexedLog(route.log).place(number)) in places
            and (Dimension.RULE not in dimensions or _has_rule(place))
        )
        found = plan.count_by(db, dimensions, EVERYTHING if is_all else compile_query(node), LOGS)
        assert {each.values: each.entries for each in found} == counted


groups = st.lists(st.lists(st.sampled_from(Dimension), max_size=2, unique=True), min_size=1, max_size=4)


@given(records, nodes, groups, groups)
def test_many_facets_at_once_are_each_alone(
    made: list[Record], node: Node, first: list[list[Dimension]], second: list[list[Dimension]]
) -> None:
    with indexed(made) as db:
        where = compile_query(node)
        # Twice: what was kept for other facets, and of another query, is not counted again.
        for asked, sought in ((first, EVERYTHING), (second, where)):
            alone = [plan.count_by(db, dimensions, sought, LOGS) for dimensions in asked]
            assert plan.count_each(db, asked, sought, LOGS) == alone


def test_what_matches_is_gone_through_once_for_all_facets_and_once_for_rules() -> None:
    class Listening:
        """A connection that notes for which statements FTS5 was asked."""

        def __init__(self, db: Connection) -> None:
            self.execute_there, self.executemany, self.asked = db.execute, db.executemany, 0

        def execute(self, sql: str, values: Values = (), /) -> Cursor:
            self.asked += " JOIN entry ON entry.idx = word.rowid" in sql
            return self.execute_there(sql, values)

    one, others = (
        (Dimension.DAY,),
        ((Dimension.TO,), (Dimension.PERSON, Dimension.KIND), (Dimension.VERDICT,)),
    )
    where, asked = compile_query(Words(("copper",))), []
    with indexed([]) as db:
        db.execute("INSERT INTO span VALUES (0, 0, 1)")
        for groups in ((one,), (one, *others), (one, *others, (Dimension.RULE,))):
            listening = Listening(db)
            plan.count_each(cast(Connection, listening), groups, where, (IndexedLog.GATE,))
            asked.append(listening.asked)
    assert asked == [1, 1, 2]


def _value(dimension: Dimension, route: Route, at_ns: int) -> str:
    match dimension:
        case Dimension.DAY:
            return f"1970-01-{1 + at_ns // DAY_NS:02}"
        case Dimension.PERSON:
            return f"{route.from_local}@{route.from_domain}"
        case Dimension.TO:
            return f"{route.to_local}@{route.to_domain}"
        case Dimension.DOMAIN:
            return route.from_domain
        case Dimension.TO_DOMAIN:
            return route.to_domain
        case Dimension.KIND:
            return route.kind
        case Dimension.RULE:
            return "lexicon"
        case _:
            return route.verdict
