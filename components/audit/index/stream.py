"""Records that match, in the order of their times, read no further than they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush, merge
from itertools import accumulate
from typing import NamedTuple

from components.audit.index.database import Connection
from components.audit.index.logs import LAST_NUMBER, IndexedLog
from components.audit.index.plan import ALL, plan
from components.audit.index.spans import BLOCK_SHIFT
from components.audit.query import tree
from components.audit.query.compile import Where, add_bound


class At(NamedTuple):
    """When a record was received, in nanoseconds since 1970, and its place: their order is that of a result."""

    at_ns: int
    place: int


def stream(
    db: Connection,
    where: Where,
    logs: Sequence[IndexedLog],
    *,
    newest_first: bool = False,
    behind: At | None = None,
) -> Iterator[At]:
    """Yield what a compiled query matches in logs, within the caller's transaction; `behind` one, if told.

    A log's clock may have been set back. So a record waits until none with an earlier turn can come any more.
    """
    if behind is not None:
        bound, at_ns = (
            (tree.Bound.BEFORE, behind.at_ns + 1) if newest_first else (tree.Bound.AFTER, behind.at_ns)
        )
        where = add_bound(where, tree.Moment(bound, at_ns))
    found = (_stream_log(db, where, which, newest_first) for which in logs)
    for at in merge(*found, reverse=newest_first):
        if behind is None or (at < behind if newest_first else at > behind):
            yield at


def _stream_log(db: Connection, where: Where, log: IndexedLog, newest_first: bool) -> Iterator[At]:
    planned = plan(db, where, log)
    if planned is None:
        return
    sign = -1 if newest_first else 1
    may_come = _limits(db, log, newest_first)
    waiting: list[tuple[int, int]] = []
    for place, at_ns in planned.find(db, ALL, oldest=not newest_first):
        heappush(waiting, (sign * at_ns, sign * place))
        first_ns = may_come(place)
        while waiting and waiting[0][0] < first_ns:
            yield _take(waiting, sign)
    while waiting:
        yield _take(waiting, sign)


def _take(waiting: list[tuple[int, int]], sign: int) -> At:
    at_ns, place = heappop(waiting)
    return At(sign * at_ns, sign * place)


def _limits(db: Connection, log: IndexedLog, newest_first: bool) -> Callable[[int], int]:
    """Return a function of a place: the first time, in the order of the stream, that may still come from there on."""
    blocks = (log.place(0) >> BLOCK_SHIFT, log.place(LAST_NUMBER) >> BLOCK_SHIFT)
    wanted = "-latest_ns" if newest_first else "earliest_ns"
    order = "ASC" if newest_first else "DESC"
    sql = f"SELECT block, {wanted} FROM span WHERE block BETWEEN ? AND ? ORDER BY block {order}"  # noqa: S608
    rows = db.execute(sql, blocks).fetchall()
    limits = dict(zip((block for block, _ in rows), accumulate((time for _, time in rows), min), strict=True))
    return lambda place: limits[place >> BLOCK_SHIFT]
