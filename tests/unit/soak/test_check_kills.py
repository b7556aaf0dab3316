"""The checker of soak runs, on what a kill of the server leaves open: what waited, and what is said again."""

from dataclasses import replace

import pytest

from tests.soak.check import AGAIN_WITHOUT_GATE, FETCHED, check_history
from tests.soak.history import Fate, History, ServerEnd
from tests.support.soak_history import (
    BOB,
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


def fetched_as_killed(*, began_s: float = 1.5, killed: bool = True) -> History:
    """Return a history in which bob is away, comes back, and hears nothing before the server ends at 2 s."""
    away = with_sessions(
        without(HONEST, "alice-0"),
        session(BOB, ended_s=began_s),
        session(BOB, 1, began_s, 4.0),
        session(BOB, 2, 4.0),
    )
    return replace(away, server_ends=(ServerEnd(2.0, killed=killed),))


def test_what_waited_may_be_lost_with_a_server_that_is_killed_as_it_fetches_it() -> None:
    report = check_history(fetched_as_killed())
    assert report.violations == ()
    assert set(report.excused) == {FETCHED}


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(fetched_as_killed(began_s=0.5), id="it was said while its recipient was there"),
        pytest.param(fetched_as_killed(began_s=2.5), id="its recipient came after the kill"),
        pytest.param(fetched_as_killed(killed=False), id="the server ended in order"),
        pytest.param(
            more(fetched_as_killed(), heard(1, place=9, session="bob#1", at_s=1.8)),
            id="the session that fetched it heard something",
        ),
        pytest.param(
            with_sessions(
                fetched_as_killed(),
                session(BOB, 0, 0.0, 1.2),
                session(BOB, 1, 1.2, 1.5),
                session(BOB, 2, 1.5),
            ),
            id="the server lived on when the first session came",
        ),
    ],
)
def test_what_waited_is_not_lost_otherwise(planted: History) -> None:
    assert {"told as carried out", "lost"} <= kinds(check_history(planted))


def test_what_came_back_was_not_fetched() -> None:
    back = more(fetched_as_killed(), error(0))
    assert kinds(check_history(back)) == {"told as carried out"}
    unwritten = with_fate(fetched_as_killed(), "alice-0", Fate.BOUNCED)
    assert kinds(check_history(unwritten)) == {"lost"}


def test_what_is_said_again_may_be_bounced_when_the_first_went_out() -> None:
    again = says_again(HONEST, recorded(0), recorded(0, Fate.BOUNCED, index=9))
    back = error(0, session="alice#1", at_s=5.0)
    assert set(check_history(more(again, back)).excused) == {AGAIN_WITHOUT_GATE}
    second = heard(0, index=9, at_s=4.5)
    assert kinds(check_history(more(without(again, "alice-0"), second, back))) == {"delivered and returned"}
