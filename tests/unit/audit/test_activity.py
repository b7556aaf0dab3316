"""What auditors did, counted; and which of it is out of the ordinary."""

from datetime import UTC, datetime

import pytest

from components.archive.record import Access
from components.audit.activity import ActKind, Ordinary, classify, summarize
from components.audit.looks import LookFilter, RecordedLook

MONDAY_NS = int(datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()) * 10**9
HOUR_NS = 3600 * 10**9


def look(
    act: str = "search",
    query: str = "copper",
    at_ns: int = MONDAY_NS,
    actor: str = "erin",
    count: int = 3,
    matter: str = "",
    log_sizes: str = "",
) -> RecordedLook:
    access = Access(actor, act, query, at_ns, 1_000, count, matter=matter, log_sizes=log_sizes)
    return RecordedLook("audit/1", access)


def reasons_of(*looks: RecordedLook, ordinary: Ordinary = Ordinary()) -> list[str]:  # noqa: B008 - a constant
    (activity,) = summarize(looks, ordinary)
    return [reason for each in activity.unusual for reason in each.reasons]


def test_looks_are_counted_by_who_and_day_and_kind() -> None:
    erin, li = summarize(
        [
            look(),
            look("show", matter="M-1"),
            look("show", at_ns=MONDAY_NS + 24 * HOUR_NS),
            look("review-release", actor="li"),
        ],
        Ordinary(),
    )
    assert (erin.actor, erin.looks, erin.in_matters, erin.matters) == ("erin", 3, 1, {"M-1"})
    assert erin.by_day == {
        "2026-11-23": {ActKind.SEARCH: 1, ActKind.VIEW: 1},
        "2026-11-24": {ActKind.VIEW: 1},
    }
    assert li.totals == {ActKind.RELEASE: 1}


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        ("search", ActKind.SEARCH),
        ("sample", ActKind.SEARCH),
        ("count", ActKind.SEARCH),
        ("terms", ActKind.SEARCH),
        ("review-queue", ActKind.VIEW),
        ("export fetch", ActKind.EXPORT),
        ("show", ActKind.VIEW),
        ("read", ActKind.VIEW),
        ("export", ActKind.EXPORT),
        ("export resume", ActKind.EXPORT),
        ("export complete", ActKind.OTHER),
        ("export check", ActKind.OTHER),
        ("files export", ActKind.EXPORT),
        ("review-release", ActKind.RELEASE),
        ("reconcile", ActKind.OTHER),
        ("", ActKind.OTHER),
    ],
)
def test_kinds_of_looks(act: str, kind: ActKind) -> None:
    assert classify(act) is kind


@pytest.mark.parametrize(
    ("taken", "says"),
    [
        (look(at_ns=MONDAY_NS - 3 * HOUR_NS), "outside of hours (Mon 06:00)"),
        (look(at_ns=MONDAY_NS + 11 * HOUR_NS), "outside of hours (Mon 20:00)"),
        (look(at_ns=MONDAY_NS - 24 * HOUR_NS), "outside of hours (Sun 09:00)"),
        (look(query="*"), "the whole archive, or most of it (3 records)"),
        (look("export", query=" "), "the whole archive, or most of it (3 records)"),
        (look(query='owner:"metals" AND *'), "the whole archive, or most of it (3 records)"),
        (
            look(query='(owner:"grain" OR owner:"metals") AND *'),
            "the whole archive, or most of it (3 records)",
        ),
        (look(count=501), "the whole archive, or most of it (501 records)"),
        # The auditors' own log is none of what a search covers.
        (look(count=501, log_sizes="roster 1, audit 9000"), "the whole archive, or most of it (501 records)"),
        (look(query="copper from:alice"), "a person, without a matter"),
        (look(query="NOT (With:alice)"), "a person, without a matter"),
        (look("count", query="from:alice"), "a person, without a matter"),
        (look("read", query="a@m.example b@m.example --limit 50"), "a whole conversation, without a matter"),
        (look("console-link", query="li"), "a way into the console as li"),
    ],
)
def test_what_is_out_of_the_ordinary(taken: RecordedLook, says: str) -> None:
    assert reasons_of(taken) == [says]


@pytest.mark.parametrize(
    "taken",
    [
        look(),
        look(at_ns=MONDAY_NS - 2 * HOUR_NS),
        look(query="from:alice", matter="M-1"),
        look(query='"buy from: me"x'),
        look("show", query="from:alice"),
        look("read", query="gate/7 --before 5 --after 5"),
        look("read", query="a@m.example --limit 50", matter="M-1"),
        look("console-link", query="erin"),
        look(count=500),
        look(count=501, log_sizes="history 5, audit 3"),
        look("export complete", query="audit/5 csv 00", count=501),
    ],
)
def test_what_is_ordinary(taken: RecordedLook) -> None:
    told = reasons_of(taken)
    assert told == [] or taken.access.query.startswith('"')


def test_many_views_are_told_once_a_day() -> None:
    views = [look("show", at_ns=MONDAY_NS + number) for number in range(5)]
    assert reasons_of(*views, ordinary=Ordinary(views_a_day=3)) == ["more than 3 views on this day"]
    assert reasons_of(*views, ordinary=Ordinary(views_a_day=5)) == []


def test_hours_are_those_of_a_zone() -> None:
    late = look(at_ns=MONDAY_NS)
    assert reasons_of(late, ordinary=Ordinary(zone="Asia/Tokyo")) == []
    assert reasons_of(late, ordinary=Ordinary(zone="America/New_York")) == ["outside of hours (Mon 04:00)"]


def test_which_looks_are_wanted() -> None:
    taken = look(matter="M-1")
    for wanted in (
        LookFilter(),
        LookFilter("erin", "M-1", MONDAY_NS, MONDAY_NS + 1, frozenset({"audit/1"})),
    ):
        assert wanted.takes(taken)
    for wanted in (
        LookFilter("li"),
        LookFilter(matter="M-2"),
        LookFilter(after_ns=MONDAY_NS + 1),
        LookFilter(before_ns=MONDAY_NS),
        LookFilter(ids=frozenset({"audit/2"})),
    ):
        assert not wanted.takes(taken)
