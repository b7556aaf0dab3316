"""The checker of soak runs: it finds each kind of fault that is planted in a history, and none in an honest one."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.soak.check import AGAIN_WITHOUT_GATE, NOT_CONFIRMED, ON_THE_WAY, UNKNOWN, Report, check_history
from tests.soak.history import Fate, Heard, History, Recorded, Said, ServerEnd, Session
from tests.soak.plan import ROOM

ALICE, BOB, CAROL, GEORGE = (
    "alice@metals.example",
    "bob@metals.example",
    "carol@metals.example",
    "george@grain.example",
)


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
        *(f"{ALICE}/desk", by, f"Offer alice-{number}", (f"gate/{index}",)),
    )
    return replace(element, **more)  # type: ignore[arg-type]


def error(number: int, by: str = ALICE, **more: object) -> Heard:
    return heard(number, by, receipts=(), is_error=True, **more)


def recorded(
    number: int, fate: Fate = Fate.CARRIED_OUT, *, to: str = BOB, index: int | None = None
) -> Recorded:
    place = number if index is None else index
    return Recorded(place, f"alice-{number}", f"{ALICE}/desk", to, f"Offer alice-{number}", fate)


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


def test_an_honest_history_has_no_violation_and_needs_no_excuse() -> None:
    assert check_history(HONEST) == Report((), Counter())


def says_again(history: History, *records: Recorded) -> History:
    """Have alice say her first message again, in a second session, as the server was killed."""
    broken = with_sessions(history, session(ALICE, ended_s=3.0), session(ALICE, 1, 4.0))
    again = said(0, at_s=4.0, by="alice#1", again=True)
    kept = tuple(each for each in history.records if each.id != "alice-0")
    return replace(broken, said=(*history.said, again), records=(*records, *kept))


PLANTED: dict[str, tuple[Callable[[History], History], str]] = {
    "lost, and told as carried out": (lambda h: without(h, "alice-0"), "told as carried out"),
    "acknowledged and never recorded": (
        lambda h: replace(without(h, "alice-0"), records=tuple(r for r in h.records if r.id != "alice-0")),
        "lost",
    ),
    "refused, and nobody told": (lambda h: without(h, "alice-5"), "lost"),
    "bounced, and nobody told": (lambda h: without(h, "alice-2"), "lost"),
    "said in a room, and nobody has it": (lambda h: without(h, "alice-4"), "lost"),
    "received twice": (lambda h: more(h, heard(0, place=9)), "received twice"),
    "received twice, as it went out again": (
        lambda h: more(
            says_again(h, recorded(0), recorded(0, index=9)), heard(0, index=9, place=9, session="bob#0")
        ),
        "received twice",
    ),
    "recorded twice": (lambda h: replace(h, records=(*h.records, recorded(0, index=9))), "recorded twice"),
    "not recorded": (
        lambda h: replace(h, records=tuple(r for r in h.records if r.id != "alice-0")),
        "unrecorded",
    ),
    "without a receipt": (
        lambda h: more(without(h, "alice-0"), heard(0, receipts=())),
        "unrecorded",
    ),
    "with another's receipt": (lambda h: more(without(h, "alice-0"), heard(0, index=1)), "unrecorded"),
    "other words than recorded": (lambda h: more(without(h, "alice-0"), heard(0, body="Bid")), "unrecorded"),
    "received although it was refused": (lambda h: with_fate(h, "alice-0", Fate.REFUSED), "unrecorded"),
    "received although a reviewer keeps it": (lambda h: with_fate(h, "alice-0", Fate.KEPT), "unrecorded"),
    "came back, and told as carried out": (
        lambda h: with_fate(h, "alice-2", Fate.CARRIED_OUT),
        "told as carried out",
    ),
    "delivered, and came back": (lambda h: more(h, error(0)), "delivered and returned"),
    "delivered when it was said again, and came back from the first time": (
        lambda h: more(
            says_again(h, recorded(0, Fate.BOUNCED), recorded(0, index=9)),
            error(0, session="alice#1", at_s=5.0),
        ),
        "delivered and returned",
    ),
    "came back before it was said again": (
        lambda h: more(says_again(h, recorded(0, Fate.UNKNOWN)), error(0)),
        "delivered and returned",
    ),
    "in another order": (
        lambda h: more(without(h, "alice-0", "alice-1"), heard(0, place=8), heard(1, place=7)),
        "out of order",
    ),
    "somebody else of the enterprise received it": (lambda h: more(h, heard(0, CAROL)), "stranger"),
    "another enterprise received it": (lambda h: more(h, heard(5, GEORGE)), "stranger"),
    "another enterprise received it from a room": (lambda h: more(h, heard(4, GEORGE)), "stranger"),
    "somebody else received its error": (lambda h: more(h, error(5, BOB)), "stranger"),
    "never said by anybody": (lambda h: more(h, heard(99)), "never said"),
    "never settled": (lambda h: with_fate(h, "alice-1", Fate.PENDING), "not settled"),
    "an archive that does not verify": (lambda h: replace(h, faults=("leaf 3",)), "faulty archive"),
    "a status that is not recorded": (
        lambda h: more(h, heard(0, id="s:alice-7", place=9)),
        "unrecorded status",
    ),
    "a status that another enterprise saw": (
        lambda h: more(h, heard(0, GEORGE, id="s:alice-0", place=9)),
        "stranger",
    ),
    "the other enterprise's status, seen here": (
        lambda h: more(replace(h, statuses=h.statuses | {"s:george-0"}), heard(0, id="s:george-0", place=9)),
        "stranger",
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_is_planted_is_found(planted: str) -> None:
    plant, kind = PLANTED[planted]
    assert kind in kinds(check_history(plant(HONEST)))


# What looks the same, and is left open: the excuse that it has.
EXCUSED: dict[str, tuple[Callable[[History], History], str]] = {
    "acknowledged in the moment of a kill": (
        lambda h: with_fate(without(h, "alice-0"), "alice-0", Fate.UNKNOWN),
        UNKNOWN,
    ),
    "said again after a kill, and nobody knew that it went out": (
        lambda h: more(
            says_again(h, recorded(0, Fate.UNKNOWN), recorded(0, index=9)), heard(0, index=9, place=9)
        ),
        UNKNOWN,
    ),
    "said again after a kill while there was no gate": (
        lambda h: more(says_again(h, recorded(0)), error(0, session="alice#1", at_s=5.0)),
        AGAIN_WITHOUT_GATE,
    ),
    "said again after a kill, and given no verdict in time": (
        lambda h: more(
            says_again(h, recorded(0, Fate.UNKNOWN), recorded(0, Fate.BOUNCED, index=9)),
            error(0, session="alice#1", at_s=5.0),
        ),
        AGAIN_WITHOUT_GATE,
    ),
    "a connection broke that does not count": (
        lambda h: with_sessions(without(h, "alice-3"), session(CAROL, ended_s=3.0, gaps=((2.0, 3.0),))),
        ON_THE_WAY,
    ),
    "the server was killed while its client was cut off": (
        lambda h: replace(
            with_sessions(without(h, "alice-0"), session(BOB, ended_s=5.0, gaps=((2.0, 5.0),))),
            server_ends=(ServerEnd(3.0, killed=True),),
        ),
        ON_THE_WAY,
    ),
    "received in a session whose client could not say so": (
        lambda h: more(
            with_sessions(h, session(BOB, ended_s=3.0), session(BOB, 1, 3.0)),
            heard(0, place=9, session="bob#1"),
        ),
        NOT_CONFIRMED,
    ),
    "given back, as its client could not say so": (
        lambda h: more(
            with_fate(
                with_sessions(h, session(BOB, ended_s=3.0), session(BOB, 1, 3.0)), "alice-0", Fate.BOUNCED
            ),
            error(0),
        ),
        NOT_CONFIRMED,
    ),
}


@pytest.mark.parametrize("left_open", EXCUSED)
def test_what_is_left_open_is_counted_and_is_no_violation(left_open: str) -> None:
    plant, reason = EXCUSED[left_open]
    report = check_history(plant(HONEST))
    assert report.violations == ()
    assert report.excused[reason] > 0


def test_a_client_that_was_cut_off_before_it_was_said_misses_nothing() -> None:
    before = with_sessions(
        without(HONEST, "alice-3"),
        session(CAROL, ended_s=0.5, gaps=((0.2, 0.5),)),
        session(CAROL, 1, 0.6),
    )
    assert kinds(check_history(before)) == {"told as carried out", "lost"}


def test_a_server_that_was_killed_while_nobody_was_cut_off_loses_nothing() -> None:
    killed = replace(
        with_sessions(without(HONEST, "alice-0"), session(BOB, ended_s=3.0), session(BOB, 1, 4.0)),
        server_ends=(ServerEnd(2.9, killed=True),),
    )
    assert kinds(check_history(killed)) == {"told as carried out", "lost"}


def test_a_server_that_stops_in_order_keeps_what_its_clients_did_not_get() -> None:
    stopped = replace(
        with_sessions(without(HONEST, "alice-0"), session(BOB, ended_s=5.0, gaps=((2.0, 5.0),))),
        server_ends=(ServerEnd(3.0, killed=False),),
    )
    assert kinds(check_history(stopped)) == {"told as carried out", "lost"}


def test_what_was_never_heard_of_is_not_owed_to_a_session_that_broke() -> None:
    unheard = with_sessions(
        replace(
            without(HONEST, "alice-0"),
            records=tuple(each for each in HONEST.records if each.id != "alice-0"),
            acknowledged=HONEST.acknowledged - {"alice-0"},
        ),
        session(ALICE, ended_s=3.0),
        session(ALICE, 1, 4.0),
    )
    assert check_history(unheard).violations == ()


def test_what_waited_for_its_recipient_may_come_later_than_what_did_not() -> None:
    waited = more(without(HONEST, "alice-0"), heard(0, place=9, is_delayed=True))
    assert check_history(waited).violations == ()


def test_a_person_who_comes_to_a_room_later_misses_what_was_said_before() -> None:
    late = with_sessions(without(HONEST, "alice-4"), session(ALICE, 0, ended_s=1.0), session(ALICE, 1, 1.1))
    assert check_history(late).violations == ()


def test_what_is_found_tells_its_story() -> None:
    (found,) = check_history(more(HONEST, error(0))).violations
    assert str(found).startswith(
        "delivered and returned: alice-0: to bob@metals.example; said by alice#0 at 1.000 s;"
    )
    (faulty,) = check_history(replace(HONEST, faults=("leaf 3",))).violations
    assert str(faulty) == "faulty archive: the archive: leaf 3"
