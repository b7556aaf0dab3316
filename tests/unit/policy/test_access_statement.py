"""Statements about admission: one encoding each, and nothing in it that an act does not have."""

from dataclasses import replace

import pytest

from policy.access.statement import AccessAct, Statement, StatementError, encode_statement, parse_statement
from policy.address import BareJid
from policy.directory.enterprise import DeskId, EnterpriseId, Role

ALICE, ERIN = BareJid("alice@metals.example"), BareJid("erin@metals.example")
REQUEST = Statement(
    AccessAct.REQUEST,
    ALICE,
    EnterpriseId("metals"),
    ERIN,
    1_795_000_000,
    id="r1",
    roles=(Role.TRADER,),
    desk=DeskId("base"),
    until_s=1_800_000_000,
    reason="joins the desk at = once",
)
LINE = (
    "steelyard-access/1 request person=alice@metals.example enterprise=metals by=erin@metals.example "
    "at=2026-11-18T11:06:40Z id=r1 roles=trader desk=base until=2027-01-15T08:00:00Z reason=joins the desk at = once\n"
)
APPROVE = Statement(
    AccessAct.APPROVE, ALICE, EnterpriseId("metals"), ERIN, 1_795_000_000, request="ab" * 32, reason=""
)


def test_a_request_is_this_line() -> None:
    assert encode_statement(REQUEST) == LINE
    assert parse_statement(LINE) == REQUEST


@pytest.mark.parametrize(
    "statement",
    [
        APPROVE,
        replace(APPROVE, act=AccessAct.DENY, reason="left = again reason=x"),
        replace(APPROVE, act=AccessAct.CERTIFY),
        replace(APPROVE, act=AccessAct.REVOKE, request=""),
        replace(APPROVE, act=AccessAct.ACKNOWLEDGE, by=ALICE, request="", notice="cd" * 32, record="gate/12"),
    ],
)
def test_each_act_comes_back(statement: Statement) -> None:
    assert parse_statement(encode_statement(statement)) == statement


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (replace(APPROVE, request="ab"), "names the digest of a request"),
        (replace(APPROVE, act=AccessAct.REVOKE), "names the digest of a request"),
        (replace(APPROVE, roles=(Role.TRADER,)), "asks for roles"),
        (replace(APPROVE, desk=DeskId("base")), "a desk belongs to a request"),
        (replace(APPROVE, until_s=0), "an end belongs to a request"),
        (replace(APPROVE, id="r1"), "has an id"),
        (replace(APPROVE, reason="a\nb"), "one line"),
        (replace(APPROVE, reason=" a"), "one line"),
        (replace(APPROVE, reason="a" * 301), "one line"),
        (replace(APPROVE, record="gate/1"), "may name its record"),
        (replace(APPROVE, by=BareJid("erin")), "named by their JIDs"),
        (replace(APPROVE, enterprise=EnterpriseId("a b")), "named by its id"),
        (replace(APPROVE, at_s=10**18), "a calendar has"),
        (replace(REQUEST, roles=()), "asks for roles"),
        (replace(REQUEST, roles=(Role.TRADER, Role.AUDITOR)), "alphabetical order"),
        (replace(REQUEST, id=""), "has an id"),
        (
            replace(APPROVE, act=AccessAct.ACKNOWLEDGE, request="", notice="cd" * 32),
            "everybody acknowledges for themselves",
        ),
    ],
)
def test_what_an_act_does_not_have_is_refused(wrong: Statement, problem: str) -> None:
    with pytest.raises(StatementError, match=problem):
        encode_statement(wrong)


@pytest.mark.parametrize(
    "text",
    [
        LINE.rstrip("\n"),
        LINE + "\n",
        LINE.replace("/1", "/2"),
        LINE.replace(" request ", " grant "),
        LINE.replace(" id=r1", ""),
        LINE.replace(" id=r1", " id=r1 id=r1"),
        LINE.replace(" id=r1", " extra=1 id=r1"),
        LINE.replace("11:06:40Z", "11:06:40+00:00"),
        LINE.replace("roles=trader", "roles=trader,trader"),
        LINE.replace("roles=trader", "roles=king"),
        LINE.replace("desk=base ", "desk= "),
        LINE.replace(" desk", "  desk"),
        "",
        "\n",
    ],
)
def test_a_line_has_one_encoding(text: str) -> None:
    with pytest.raises(StatementError):
        parse_statement(text)
