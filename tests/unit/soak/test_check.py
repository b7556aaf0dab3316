"""The checker of soak runs: it finds each kind of fault that is planted in a history, and none in an honest one."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.soak.check import (
    AGAIN_AFTER_ERROR,
    AGAIN_WITHOUT_GATE,
    NOT_CONFIRMED,
    ON_THE_WAY,
    UNKNOWN,
    Report,
    check_history,
)
from tests.soak.history import Fate, History, ServerEnd
from tests.support.soak_history import (
    ALICE,
    BOB,
    CAROL,
    GEORGE,
    HONEST,
    error,
    heard,
    kinds,
    more,
    recorded,
    says_again,
    session,
    with_fate,
    with_sessions,
    without,
)


def test_an_honest_history_has_no_violation_and_needs_no_excuse() -> None:
    assert check_history(HONEST) == Report((), Counter())


PLANTED: dict[str, tuple[Callable[[History], History], str]] = {
    "lost, and told as carried out": (lambda h: without(h, "alice-0"), "told as carried out"),
    "acknowledged and never recorded": (
        lambda h: replace(without(h, "alice-0"), records=tuple(r for r in h.records if r.id != "alice-0")),
        "lost",
    ),
    "acknowledged in the moment of a kill, and not written": (
        lambda h: with_fate(without(h, "alice-0"), "alice-0", Fate.UNKNOWN),
        "lost",
    ),
    "refused, and nobody told": (lambda h: without(h, "alice-5"), "lost"),
    "bounced, and nobody told": (lambda h: without(h, "alice-2"), "lost"),
    "said in a room, and nobody has it": (lambda h: without(h, "alice-4"), "lost"),
    "received twice": (lambda h: more(h, heard(0, place=9)), "received twice"),
    "carried out, returned, and received when it was said again": (
        lambda h: more(
            without(says_again(h, recorded(0), recorded(0, index=9)), "alice-0"),
            error(0, at_s=2.5),
            heard(0, index=9, at_s=5.0, place=9),
        ),
        "delivered and returned",
    ),
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
    "delivered, came back, and was said again": (
        lambda h: more(says_again(h, recorded(0, Fate.UNKNOWN)), error(0, at_s=2.5)),
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
    "acknowledged in the moment of a kill, for somebody who was cut off": (
        lambda h: replace(
            with_sessions(
                with_fate(without(h, "alice-0"), "alice-0", Fate.UNKNOWN),
                session(BOB, ended_s=5.0, gaps=((2.0, 5.0),)),
            ),
            server_ends=(ServerEnd(3.0, killed=True),),
        ),
        ON_THE_WAY,
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
    "came back without a verdict, and went out when it was said again": (
        lambda h: more(
            without(says_again(h, recorded(0, Fate.BOUNCED), recorded(0, index=9)), "alice-0"),
            error(0, at_s=2.5),
            heard(0, index=9, at_s=5.0, place=9),
        ),
        AGAIN_AFTER_ERROR,
    ),
    "came back, which the server was killed before it could say, and went out when it was said again": (
        lambda h: more(
            without(says_again(h, recorded(0, Fate.UNKNOWN), recorded(0, index=9)), "alice-0"),
            error(0, at_s=2.5),
            heard(0, index=9, at_s=5.0, place=9),
        ),
        AGAIN_AFTER_ERROR,
    ),
    "came back without a record, and went out when it was said again": (
        lambda h: more(
            without(says_again(h, recorded(0)), "alice-0"), error(0, at_s=2.5), heard(0, at_s=5.0, place=9)
        ),
        AGAIN_AFTER_ERROR,
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


def test_a_client_that_was_only_stalled_misses_nothing() -> None:
    stalled = with_sessions(without(HONEST, "alice-3"), session(CAROL, gaps=((0.9, 1.9),)))
    assert kinds(check_history(stalled)) == {"told as carried out", "lost"}
    later = with_sessions(without(HONEST, "alice-3"), session(CAROL, ended_s=3.0, gaps=((0.9, 1.9),)))
    assert kinds(check_history(later)) == {"told as carried out", "lost"}


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
