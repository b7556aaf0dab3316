"""The checker of soak runs, for what crosses from one site to another."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.soak.check import (
    AGAIN_AFTER_RETURN,
    ERROR_LOST,
    RETURNED_TOO,
    WITH_SERVER,
    Report,
    check_history,
)
from tests.soak.history import Fate, History, Recorded, ServerEnd
from tests.support.soak_history import (
    ALICE,
    GATE,
    HONEST,
    error,
    heard,
    kinds,
    more,
    recorded,
    said,
    session,
    with_sessions,
    without,
)

ZOE, FAR_GATE = "zoe@zurich.example", "gate.zurich.example"
BOTH = (f"{GATE}/gate/7", f"{FAR_GATE}/gate/2")


def arrival(number: int, fate: Fate = Fate.CARRIED_OUT) -> Recorded:
    return replace(recorded(number, fate, to=ZOE, index=2), gate=FAR_GATE, came=True)


CROSSED = replace(
    HONEST,
    said=(*HONEST.said, said(7, ZOE)),
    heard=(*HONEST.heard, heard(7, ZOE, receipts=BOTH)),
    sessions=(*HONEST.sessions, session(ZOE)),
    records=(*HONEST.records, recorded(7, to=ZOE), arrival(7)),
    acknowledged=HONEST.acknowledged | {"alice-7"},
)


def not_arrived(history: History) -> History:
    """Return a history in which the other site never had it."""
    return replace(without(history, "alice-7"), records=tuple(r for r in history.records if not r.came))


def test_what_crossed_is_recorded_at_both_sites() -> None:
    assert check_history(CROSSED) == Report((), Counter())


CROSSING: dict[str, tuple[Callable[[History], History], str]] = {
    "recorded at the sender's site alone": (
        lambda h: replace(h, records=tuple(r for r in h.records if not r.came)),
        "unrecorded",
    ),
    "recorded at the recipient's site alone": (
        lambda h: replace(h, records=tuple(r for r in h.records if r.id != "alice-7" or r.came)),
        "unrecorded",
    ),
    "with one receipt of two": (
        lambda h: more(without(h, "alice-7"), heard(7, ZOE, receipts=BOTH[1:])),
        "unrecorded",
    ),
    "refused at the other site, and received": (
        lambda h: replace(h, records=(*(r for r in h.records if not r.came), arrival(7, Fate.REFUSED))),
        "unrecorded",
    ),
    "lost, though nothing broke": (not_arrived, "told as carried out"),
    "carried out at the other site, and came back": (
        lambda h: more(without(h, "alice-7"), error(7)),
        "told as carried out",
    ),
    "carried out at the other site, and not received": (
        lambda h: without(h, "alice-7"),
        "told as carried out",
    ),
    "carried out at the other site, and not received, while the link broke": (
        lambda h: replace(without(h, "alice-7"), link_broke=True),
        "told as carried out",
    ),
    "lost, while the link broke": (
        lambda h: replace(not_arrived(h), link_broke=True),
        "told as carried out",
    ),
    "given back to a site whose gate was away, and its sender not told": (
        lambda h: replace(not_arrived(h), stood_still=frozenset({GATE})),
        "lost",
    ),
    "twice, while the link broke": (
        lambda h: more(replace(h, link_broke=True), heard(7, ZOE, receipts=BOTH, place=9)),
        "received twice",
    ),
    "recorded twice at the other site": (
        lambda h: replace(h, records=(*h.records, replace(arrival(7), index=3))),
        "recorded twice",
    ),
    "delivered and returned, though nothing broke": (lambda h: more(h, error(7)), "delivered and returned"),
    "never settled at the other site": (
        lambda h: replace(h, records=(*(r for r in h.records if not r.came), arrival(7, Fate.PENDING))),
        "not settled",
    ),
}


@pytest.mark.parametrize("planted", CROSSING)
def test_what_is_planted_between_sites_is_found(planted: str) -> None:
    plant, kind = CROSSING[planted]
    assert kind in kinds(check_history(plant(CROSSED)))


KILLED = (ServerEnd(1.0, killed=True),)


@pytest.mark.parametrize("broken", [{"link_broke": True}, {"server_ends": KILLED}], ids=["link", "server"])
def test_what_was_not_acknowledged_may_be_received_and_returned(broken: dict[str, Any]) -> None:
    report = check_history(replace(more(CROSSED, error(7)), **broken))
    assert report == Report((), Counter({RETURNED_TOO: 1}))


def test_what_arrived_and_was_returned_may_arrive_again_when_it_is_said_again() -> None:
    sessions = (session(ALICE, ended_s=3.0), session(ALICE, 1, began_s=4.0))
    later = (f"{GATE}/gate/8", f"{FAR_GATE}/gate/3")
    again = replace(
        more(with_sessions(CROSSED, *sessions), error(7, at_s=2.5), heard(7, ZOE, receipts=later, place=9)),
        said=(*CROSSED.said, said(7, ZOE, at_s=4.0, by="alice#1", again=True)),
        records=(
            *HONEST.records,
            *(recorded(7, Fate.BOUNCED, to=ZOE), recorded(7, to=ZOE, index=8)),
            *(arrival(7), replace(arrival(7), index=3)),
        ),
        link_broke=True,
    )
    report = check_history(again)
    assert report == Report((), Counter({AGAIN_AFTER_RETURN: 1, RETURNED_TOO: 1}))
    # Not where nothing broke, where it had counted as carried out, where it came back later, or oftener.
    carried_out = tuple(replace(each, fate=Fate.CARRIED_OUT) for each in again.records)
    late = replace(
        again, heard=tuple(replace(each, at_s=5.0) if each.is_error else each for each in again.heard)
    )
    often = more(again, heard(7, ZOE, receipts=later, place=10))
    for history in (replace(again, link_broke=False), replace(again, records=carried_out), late, often):
        assert "received twice" in kinds(check_history(history))


def test_what_a_server_kept_for_another_site_may_be_lost_with_it() -> None:
    report = check_history(replace(not_arrived(CROSSED), server_ends=KILLED))
    assert report == Report((), Counter({WITH_SERVER: 2}))


@pytest.mark.parametrize("fate", [None, Fate.BOUNCED, Fate.REFUSED])
def test_what_the_other_site_gives_back_had_gone_out(fate: Fate | None) -> None:
    returned = more(not_arrived(CROSSED), error(7))
    arrivals = () if fate is None else (arrival(7, fate),)
    assert check_history(replace(returned, records=(*returned.records, *arrivals))) == Report((), Counter())


def test_what_is_given_back_over_a_link_that_breaks_is_left_open() -> None:
    broken = replace(CROSSED, link_broke=True, stood_still=frozenset({FAR_GATE}))
    for history in (not_arrived(broken), replace(not_arrived(broken), records=())):
        report = check_history(history)
        assert {each.kind for each in report.violations if each.id == "alice-7"} == set()
        assert report.excused[ERROR_LOST] > 0
    bounced = not_arrived(broken)
    bounced = replace(bounced, records=(*bounced.records, arrival(7, Fate.BOUNCED)))
    assert check_history(bounced).excused[ERROR_LOST] > 0
    gone = replace(not_arrived(broken), link_broke=False)
    gone = with_sessions(gone, session(ALICE, ended_s=1.5), session(ALICE, 1, began_s=1.6))
    assert "alice-7" not in {each.id for each in check_history(gone).violations}
    # With nothing to break on the way, with nobody to give it back, and within a site, all come back.
    for change in ({"link_broke": False}, {"stood_still": frozenset({GATE})}):
        assert kinds(check_history(replace(not_arrived(broken), **change))) == {"told as carried out", "lost"}
    at_home = check_history(
        replace(without(HONEST, "alice-0"), link_broke=True, stood_still=frozenset({GATE}))
    )
    assert kinds(at_home) == {"told as carried out", "lost"}
