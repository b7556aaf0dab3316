"""Of their own account people change the password, and nothing else (XEP-0077, 3.2 and 3.3)."""

from dataclasses import replace

import pytest

from policy.directory.directory import Directory
from policy.facts import StanzaFacts, Way
from policy.reach.affiliation import ALLOWED, GATE_PROTOCOL, decide_affiliation
from policy.reach.own_account import ACCOUNT_CHANGE
from tests.unit.policy.samples import EXAMPLE, read_stanza

ROOM = "copper@rooms.metals.example"
HIDDEN = "<password><redacted xmlns='urn:steelyard:gate:0'/></password>"
NAME = "<username>alice</username>"
OWN = ["", "to='alice@metals.example'", "to='metals.example'"]


def ask(inside: str, to: str = "", kind: str = "set") -> StanzaFacts:
    return read_stanza(f"<iq type='{kind}' {to}><query xmlns='jabber:iq:register'>{inside}</query></iq>")


def decide(facts: StanzaFacts, directory: Directory = EXAMPLE) -> object:
    return decide_affiliation(directory, facts)


@pytest.mark.parametrize("to", OWN)
def test_the_password_may_be_changed_where_the_gate_is_not_told_it(to: str) -> None:
    for inside in (NAME + HIDDEN, HIDDEN + NAME):
        assert decide(ask(inside, to)) is ALLOWED
    assert decide(ask("", to, "get")) is ALLOWED
    assert decide(ask(f"{NAME}<password>told</password>", to)) is ACCOUNT_CHANGE


@pytest.mark.parametrize("to", OWN)
@pytest.mark.parametrize("inside", ["", "<remove/>", NAME, f"{NAME}<email/>", "<x xmlns='jabber:x:data'/>"])
def test_nothing_else_may(inside: str, to: str) -> None:
    assert decide(ask(inside, to)) is ACCOUNT_CHANGE


@pytest.mark.parametrize(
    "inside", [f"<remove/>{NAME}{HIDDEN}", f"{NAME}{HIDDEN}<remove/>", NAME + HIDDEN * 2]
)
def test_nothing_else_may_beside_it(inside: str) -> None:
    assert decide(ask(inside)) is ACCOUNT_CHANGE


def test_what_stands_for_a_password_stands_nowhere_else() -> None:
    changed = ask(NAME + HIDDEN)
    assert decide(changed._replace(kind="message")) is GATE_PROTOCOL
    assert decide(changed._replace(to=ROOM)) is GATE_PROTOCOL
    assert decide(changed._replace(to="bob@metals.example")) is GATE_PROTOCOL
    assert decide(changed._replace(way=Way.SERVER)) is GATE_PROTOCOL


def test_who_has_not_answered_the_notice_may_change_it() -> None:
    (alice,) = {jid for jid in EXAMPLE.members if jid == "alice@metals.example"}
    assert decide(ask(NAME + HIDDEN), replace(EXAMPLE, uninformed=frozenset({alice}))) is ALLOWED
