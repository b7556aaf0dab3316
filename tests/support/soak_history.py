"""Histories of soak runs that are made up: an honest one, and what is planted in it."""

import math
from dataclasses import replace
from typing import Any

from tests.soak.check import Report
from tests.soak.history import Fate, Heard, History, Recorded, Said, Session
from tests.soak.plan import ROOM

ALICE, BOB, CAROL, GEORGE = (
    "alice@metals.example",
    "bob@metals.example",
    "carol@metals.example",
    "george@grain.example",
)

GATE = "gate.metals.example"


def session(
    person: str, number: int = 0, began_s: float = 0.0, ended_s: float = math.inf, **more: object
) -> Session:
    name = person.partition("@")[0]
    return replace(
        Session(f"{name}#{number}", person, name != "carol", began_s, ended_s),
        **more,  # type: ignore[arg-type]
    )


def said(number: int, to: str = BOB, *, at_s: float = 1.0, by: str = "alice#0", again: bool = False) -> Said:
    name = by.partition("#")[0]
    return Said(f"{name}-{number}", number, f"{name}@metals.example/desk", to, by, at_s + number / 100, again)


def heard(
    number: int, by: str = BOB, *, index: int | None = None, place: int | None = None, **more: object
) -> Heard:
    index = number if index is None else index
    element = Heard(
        *(f"alice-{number}", by, f"{by.partition('@')[0]}#0", number if place is None else place, 2.0),
        *(f"{ALICE}/desk", by, f"Offer alice-{number}", (f"{GATE}/gate/{index}",)),
    )
    return replace(element, **more)  # type: ignore[arg-type]


def error(number: int, by: str = ALICE, **more: Any) -> Heard:
    return heard(number, by, receipts=(), is_error=True, **more)


def recorded(
    number: int, fate: Fate = Fate.CARRIED_OUT, *, to: str = BOB, index: int | None = None
) -> Recorded:
    place = number if index is None else index
    return Recorded(GATE, place, f"alice-{number}", f"{ALICE}/desk", to, f"Offer alice-{number}", fate)


HONEST = History(
    said=(said(0), said(1), said(2), said(3, CAROL), said(4, ROOM), said(5, GEORGE)),
    heard=(
        *(heard(0), heard(1), error(2), heard(3, CAROL)),
        *(heard(4, by, sender=f"{ROOM}/alice") for by in (ALICE, BOB, CAROL)),
        error(5),
    ),
    sessions=tuple(map(session, (ALICE, BOB, CAROL, GEORGE))),
    acknowledged=frozenset(f"alice-{number}" for number in range(6)),
    records=(
        *(recorded(0), recorded(1), recorded(2, Fate.BOUNCED), recorded(3, to=CAROL)),
        *(recorded(4, to=ROOM), recorded(5, Fate.REFUSED, to=GEORGE)),
    ),
    statuses=frozenset({"s:alice-0"}),
)


def without(history: History, *heard_ids: str) -> History:
    """Return a history in which nobody received these, nor any error for them."""
    return replace(history, heard=tuple(each for each in history.heard if each.id not in heard_ids))


def with_fate(history: History, id_: str, fate: Fate) -> History:
    records = (replace(each, fate=fate) if each.id == id_ else each for each in history.records)
    return replace(history, records=tuple(records))


def with_sessions(history: History, *sessions: Session) -> History:
    """Return a history with these sessions in the place of those of the same people."""
    people = {each.person for each in sessions}
    others = (each for each in history.sessions if each.person not in people)
    return replace(history, sessions=(*others, *sessions))


def more(history: History, *heard_more: Heard) -> History:
    return replace(history, heard=(*history.heard, *heard_more))


def kinds(report: Report) -> set[str]:
    return {each.kind for each in report.violations}


def says_again(history: History, *records: Recorded) -> History:
    """Have alice say her first message again, in a second session, as the server was killed."""
    broken = with_sessions(history, session(ALICE, ended_s=3.0), session(ALICE, 1, 4.0))
    again = said(0, at_s=4.0, by="alice#1", again=True)
    kept = tuple(each for each in history.records if each.id != "alice-0")
    return replace(broken, said=(*history.said, again), records=(*records, *kept))
