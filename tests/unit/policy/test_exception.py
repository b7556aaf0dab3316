import pytest

from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId
from policy.reach.exception import (
    Approval,
    BarrierException,
    ExceptionError,
    encode_exception,
    find_next_change,
    parse_exception,
    require_approved,
)
from tests.unit.policy.walls import WALLED

RITA, TOM = BareJid("rita@metals.example"), BareJid("tom@metals.example")
ANNA, ADA = BareJid("anna@metals.example"), BareJid("ada@metals.example")
EXCEPTION = BarrierException(
    "e1", EnterpriseId("metals"), (RITA, TOM), 1_700_000_000, 1_700_086_400, "Deal X"
)
TEXT = encode_exception(EXCEPTION)


def test_it_reads_back_from_its_one_encoding() -> None:
    assert parse_exception(TEXT) == EXCEPTION
    assert TEXT.splitlines()[4] == "begins 2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("steelyard-exception/1", "steelyard-exception/2"),
        ("id e1", "id e/1"),
        ("rita@metals.example tom@metals.example", "tom@metals.example rita@metals.example"),
        ("rita@metals.example tom@metals.example", "rita@metals.example"),
        ("rita@metals.example tom@metals.example", "rita@metals.example rita@metals.example"),
        ("rita@metals.example", "Rita@metals.example"),
        ("2023-11-15T", "2023-11-14T"),
        ("2023-11-15T", "2026-11-15T"),
        ("reason Deal X", "reason "),
        ("reason Deal X\n", ""),
        ("reason Deal X\n", "reason Deal X\nreason Deal Y\n"),
        ("ends ", "ends  "),
        ("Deal X\n", "Deal X"),
    ],
)
def test_another_encoding_or_sense_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(ExceptionError):
        parse_exception(TEXT.replace(old, new))


def test_it_is_active_from_its_begin_until_before_its_end() -> None:
    begins, ends = EXCEPTION.begins_s, EXCEPTION.ends_s
    assert [EXCEPTION.is_active(at) for at in (begins - 1, begins, ends - 1, ends)] == [
        False,
        True,
        True,
        False,
    ]
    assert [find_next_change([EXCEPTION], at) for at in (0, begins, ends)] == [begins, ends, None]


def _approve(*approvals: tuple[BareJid, bytes], exception: BarrierException = EXCEPTION) -> None:
    enterprises = {jid: member.enterprise for jid, member in WALLED.members.items()}
    require_approved(exception, [Approval(*each) for each in approvals], WALLED.people, enterprises)


def test_two_approvers_with_two_keys_are_needed_and_enough() -> None:
    _approve((ANNA, b"1"), (ADA, b"2"))
    _approve((ANNA, b"1"), (ADA, b"2"), (RITA, b"3"))


@pytest.mark.parametrize(
    "approvals",
    [
        [],
        [(ANNA, b"1")],
        [(ANNA, b"1"), (ANNA, b"2")],
        [(ANNA, b"1"), (ADA, b"1")],
        [(ANNA, b"1"), (TOM, b"2")],
        [(ANNA, b"1"), (BareJid("tina@metals.example"), b"2")],  # no approver
        [(ANNA, b"1"), (BareJid("zed@metals.example"), b"2")],  # not listed
        [(ANNA, b"1"), (BareJid("hanna@grain.example"), b"2")],  # another enterprise's
    ],
)
def test_fewer_are_not_enough(approvals: list[tuple[BareJid, bytes]]) -> None:
    with pytest.raises(ExceptionError, match="needs 2"):
        _approve(*approvals)


def test_nobody_approves_their_own() -> None:
    own = BarrierException("e1", EnterpriseId("metals"), (ANNA, TOM), 0, 1, "Deal X")
    with pytest.raises(ExceptionError, match="approved by ada"):
        _approve((ANNA, b"1"), (ADA, b"2"), exception=own)


def test_people_are_of_the_enterprise() -> None:
    other = BarrierException("e1", EnterpriseId("metals"), (BareJid("hanna@grain.example"), TOM), 0, 1, "x")
    with pytest.raises(ExceptionError, match="hanna"):
        _approve((ANNA, b"1"), (ADA, b"2"), exception=other)
