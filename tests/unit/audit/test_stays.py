"""Who was in which room: each log tells of servers of its own, in whatever order logs are indexed."""

from itertools import permutations

import pytest

from components.audit.index.logs import IndexedLog
from components.audit.index.seen import (
    STILL,
    Step,
    StepRow,
    end_of_session,
    forget_steps,
    insert_steps,
    restart,
)
from tests.support.made_index import Database, empty_index

ALICE = ("alice", "metals.example", "desk")
ROOM = ("floor", "rooms.metals.example")


def step(log: IndexedLog, number: int, what: Step) -> StepRow:
    return StepRow(log.place(number), what, *ALICE, *ROOM, "alice")


def rows_of(log: IndexedLog) -> list[StepRow]:
    """Of a server that starts anew, and of one whose session ends."""
    ends = end_of_session(log.place(9), "alice@metals.example/desk")
    return [
        restart(log.place(1), f"{log.name} 1"),
        step(log, 2, Step.JOIN),
        restart(log.place(5), f"{log.name} 2"),
        step(log, 6, Step.JOIN),
        *([ends] if log is IndexedLog.GATE else []),
    ]


def stays(db: Database) -> list[tuple[int, int]]:
    return sorted(db.execute("SELECT since, until FROM stay").fetchall())


@pytest.mark.parametrize("logs", list(permutations((IndexedLog.HISTORY, IndexedLog.GATE))), ids=str)
def test_which_log_is_indexed_first_does_not_matter(logs: tuple[IndexedLog, ...]) -> None:
    history, gate = IndexedLog.HISTORY, IndexedLog.GATE
    with empty_index() as db:
        for log in logs:
            insert_steps(db, rows_of(log))
        assert stays(db) == [
            (history.place(2), history.place(5)),
            (history.place(6), STILL),
            (gate.place(2), gate.place(5)),
            (gate.place(6), gate.place(9)),
        ]


def test_what_is_destroyed_in_one_log_changes_no_stay_of_another() -> None:
    history, gate = IndexedLog.HISTORY, IndexedLog.GATE
    with empty_index() as db:
        insert_steps(db, [*rows_of(gate), *rows_of(history)])
        forget_steps(db, f"[{gate.place(5)}, {gate.place(9)}]")
        assert stays(db) == [
            (history.place(2), history.place(5)),
            (history.place(6), STILL),
            (gate.place(2), STILL),
        ]


def test_a_moderator_removes_somebody_where_that_is_told() -> None:
    history, gate = IndexedLog.HISTORY, IndexedLog.GATE
    with empty_index() as db:
        insert_steps(db, [step(history, 2, Step.JOIN), step(gate, 2, Step.JOIN), step(gate, 3, Step.JOIN)])
        insert_steps(
            db, [step(gate, 4, Step.REMOVED), step(history, 4, Step.LEAVE), step(gate, 5, Step.LEAVE)]
        )
        assert stays(db) == [(history.place(2), history.place(4)), (gate.place(2), gate.place(4))]
