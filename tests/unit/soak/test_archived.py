"""What a run's history takes from an archive: what became of each message, by its record and the statuses after it."""

import pytest

from components.archive.record import Alarm, Delivery, RecordKind, Submission
from tests.soak.archived import Archived, find_faults
from tests.soak.history import Fate
from tests.support.observer import LogContent

MESSAGE = (
    "<message xmlns='jabber:client' from='{0}/desk' to='{1}' id='a-{2}'><body>Offer a-{2}</body></message>"
)
ALICE, BOB = "alice@metals.example", "bob@metals.example"


def submission(
    seq: int,
    *,
    epoch: str = "e1",
    way: str = "c2s",
    action: str = "release",
    rules: tuple[str, ...] = (),
    body: str = "",
) -> Submission:
    body = body or MESSAGE.format(ALICE, BOB, seq)
    return Submission(RecordKind.STANZA, epoch, seq, way, "c1", 1, action, rules, None, body.encode())


def archived(*submissions: Submission, deliveries: tuple[Delivery, ...] = ()) -> Archived:
    return Archived(
        "gate.metals.example", LogContent(dict(enumerate(submissions, start=40)), list(deliveries), [])
    )


def fates(found: Archived) -> dict[str, Fate]:
    return {each.id: each.fate for each in found.records}


def test_a_message_is_as_it_was_recorded() -> None:
    (record,) = archived(submission(1)).records
    assert (record.index, record.sender, record.to) == (40, f"{ALICE}/desk", BOB)
    assert (record.id, record.body) == ("a-1", "Offer a-1")


def test_the_statuses_say_what_became_of_it_and_what_comes_back_later_did_not_go_out() -> None:
    found = archived(
        *map(submission, (1, 2, 3, 4)), deliveries=(Delivery("e1", 2, (2,)), Delivery("e1", 3, (1,)))
    )
    assert fates(found) == {
        "a-1": Fate.BOUNCED,
        "a-2": Fate.BOUNCED,
        "a-3": Fate.CARRIED_OUT,
        "a-4": Fate.PENDING,
    }


def test_of_an_ended_life_of_the_server_what_was_not_told_stays_unknown() -> None:
    found = archived(submission(1), submission(7, epoch="e2"), deliveries=(Delivery("e2", 7, ()),))
    assert fates(found) == {"a-1": Fate.UNKNOWN, "a-7": Fate.CARRIED_OUT}


@pytest.mark.parametrize(
    ("action", "rules", "fate"),
    [
        ("refuse", ("border",), Fate.REFUSED),
        ("refuse", ("repeated",), Fate.REPEATED),
        ("hold", (), Fate.KEPT),
        ("amend", (), Fate.CARRIED_OUT),
    ],
)
def test_what_was_decided_says_it_where_it_did_not_go_out(
    action: str, rules: tuple[str, ...], fate: Fate
) -> None:
    found = archived(submission(1, action=action, rules=rules), deliveries=(Delivery("e1", 1, ()),))
    assert fates(found) == {"a-1": fate}


@pytest.mark.parametrize(
    ("action", "rules", "fate"),
    [
        ("refuse", ("repeated",), Fate.BOUNCED),
        ("refuse", ("border",), Fate.REFUSED),
        ("hold", (), Fate.KEPT),
    ],
)
def test_what_is_repeated_came_back_where_its_verdict_was_too_late(
    action: str, rules: tuple[str, ...], fate: Fate
) -> None:
    found = archived(submission(1, action=action, rules=rules), deliveries=(Delivery("e1", 1, (1,)),))
    assert fates(found) == {"a-1": fate}


def test_what_the_gate_or_the_server_said_is_no_message_of_a_client() -> None:
    assert archived(submission(1, way="server"), submission(2, way="gate")).records == []


def test_statuses_are_those_that_were_let_through() -> None:
    presence = "<presence xmlns='jabber:client' from='{}/desk'><status>{}</status></presence>"
    found = archived(
        submission(1, body=presence.format(ALICE, "s:alice-0")),
        submission(2, body=presence.format(ALICE, "s:alice-1"), action="refuse"),
        submission(3, body=presence.format(ALICE, "at lunch")),
    )
    assert found.statuses == {"s:alice-0"}


def test_an_empty_archive_has_nothing() -> None:
    assert (archived().records, archived().statuses, archived().faults) == ([], set(), ())


def faults(*seqs: int, bounced: tuple[int, ...] = (), alarms: tuple[str, ...] = ()) -> tuple[str, ...]:
    content = LogContent(
        dict(enumerate(map(submission, seqs), start=40)),
        [Delivery("e1", 9, bounced)],
        [Alarm(name, (("first", 3),), 1) for name in alarms],
    )
    return find_faults(content)


def test_numbers_that_are_there_once_or_bounced_and_alarms_that_end_are_right() -> None:
    assert faults(1, 2, 5, bounced=(3, 4), alarms=("link-down", "delivery-unknown", "quarantined")) == ()
    assert faults() == ()


@pytest.mark.parametrize(
    ("seqs", "fault"),
    [
        ((1, 2, 2), "the numbers of epoch e1 are not in order"),
        ((1, 3, 2), "the numbers of epoch e1 are not in order"),
        ((1, 4), "epoch e1 lacks the numbers [2, 3]"),
    ],
)
def test_numbers_that_are_wrong_are_named(seqs: tuple[int, ...], fault: str) -> None:
    assert faults(*seqs) == (fault,)


def test_an_alarm_that_nobody_can_undo_is_named() -> None:
    assert faults(1, alarms=("left-unrecorded",)) == ("the gate raised left-unrecorded: {'first': 3}",)


def missing_alarm(first: int) -> Alarm:
    return Alarm("numbers-missing", (("epoch", "e1"), ("first", first), ("last", 7)), 1)


def faults_of_two_lives(first_missing: int, *next_life: Submission) -> tuple[str, ...]:
    """Give the faults where numbers up to 7 are in no record, and the server had told of all up to 4."""
    ours = [submission(seq) for seq in (*range(1, first_missing), 8)]
    content = LogContent(
        dict(enumerate((*ours, *next_life))), [Delivery("e1", 2, (4,))], [missing_alarm(first_missing)]
    )
    return find_faults(content)


def test_what_a_server_could_not_say_before_it_ended_is_in_no_record() -> None:
    assert faults_of_two_lives(5, submission(1, epoch="e2")) == ()


def test_what_it_had_told_and_what_it_can_still_say_has_to_be_there() -> None:
    raised = "the gate raised numbers-missing: {'epoch': 'e1', 'first': %d, 'last': 7}"
    assert faults_of_two_lives(3, submission(1, epoch="e2")) == (
        raised % 3,
        "epoch e1 lacks the numbers [3]",
    )
    assert faults_of_two_lives(5) == (raised % 5, "epoch e1 lacks the numbers [5, 6, 7]")
