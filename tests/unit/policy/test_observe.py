"""What a gate that only observes makes of a decision, and of what it makes nothing."""

from collections.abc import Iterator

import pytest

from policy.content import refusals
from policy.decide import decide
from policy.decision import Action, Decision, StanzaError, drop, refuse, release
from policy.facts import Way
from policy.observe import is_observed, observe_only
from policy.observed import MARKS, split_mark
from policy.reach import affiliation
from tests.unit.policy.samples import ALICE, EXAMPLE, GEORGE, read_stanza, say

ERROR = StanzaError("modify", "policy-violation", "Not here.")


def decisions() -> Iterator[Decision]:
    """Yield a decision of each kind, with all that it may have beside its rules."""
    yield from (*affiliation.REFUSALS, *refusals.REFUSALS, affiliation.JOIN_WAITS, drop("silence"))
    yield Decision(Action.HOLD, ("tips",), ERROR)
    yield Decision(Action.AMEND, ("links",), None, amended=b"<message/>", notice="Taken out.", strip=("x",))


@pytest.mark.parametrize("decision", list(decisions()), ids=lambda each: f"{each.action}-{each.rules[0]}")
def test_it_lets_through_what_policy_would_stop_and_says_what_that_was(decision: Decision) -> None:
    observed = observe_only(decision)
    assert observed == release(f"would-{decision.action}", *decision.rules)
    assert split_mark(observed.action, observed.rules) == (decision.action, decision.rules)


@pytest.mark.parametrize("decision", [release(), release("tips"), affiliation.ALLOWED])
def test_what_policy_lets_through_it_lets_through_as_it_is(decision: Decision) -> None:
    assert observe_only(decision) is decision
    assert split_mark(decision.action, decision.rules) == (decision.action, decision.rules)


def test_nobody_is_told_anything_of_rules_that_are_only_observed() -> None:
    assert observe_only(Decision(Action.RELEASE, ("tips",), notice="Mind the rules.")) == release("tips")


def test_a_mark_is_only_read_where_the_gate_writes_it() -> None:
    rules = ("tips", "would-refuse")
    assert split_mark("release", rules) == ("release", rules)
    assert split_mark("refuse", ("would-refuse", "tips")) == ("refuse", ("would-refuse", "tips"))
    assert split_mark("release", ("would-vanish",)) == ("release", ("would-vanish",))
    assert split_mark("release", ()) == ("release", ())
    assert set(MARKS.values()) == set(Action) - {Action.RELEASE}


@pytest.mark.parametrize("way", [Way.C2S, Way.S2S, Way.COMPONENT])
def test_what_people_servers_and_components_say_is_observed(way: Way) -> None:
    facts = say("copper?", to=GEORGE, way=way)
    assert decide(EXAMPLE, facts).action is Action.REFUSE
    assert is_observed(EXAMPLE, facts)


@pytest.mark.parametrize("way", [Way.SERVER, Way.SESSION, Way.CANARY, Way.GATE])
def test_what_the_gate_and_the_server_make_themselves_is_not(way: Way) -> None:
    assert not is_observed(EXAMPLE, say("copper?", way=way))


@pytest.mark.parametrize("to", ["gate.steelyard.example", "x@gate.steelyard.example/y"])
def test_the_recorders_own_address_stays_shut(to: str) -> None:
    assert not is_observed(EXAMPLE, say("hello", to=to))


FORGED = "<verdict xmlns='urn:steelyard:gate:0'/>"


@pytest.mark.parametrize("sender", [ALICE, "stranger@elsewhere.example/x"])
@pytest.mark.parametrize("inside", [FORGED, f"<x xmlns='urn:x'><y>{FORGED}</y></x>"])
def test_the_recorders_own_protocol_stays_shut_also_to_those_who_are_refused_for_more(
    sender: str, inside: str
) -> None:
    facts = read_stanza(f"<message to='{GEORGE}'>{inside}</message>", sender=sender)
    assert decide(EXAMPLE, facts).action is Action.REFUSE
    assert not is_observed(EXAMPLE, facts)


def test_a_new_password_of_somebody_who_is_not_listed_yet_is_observed() -> None:
    redacted = "<password><redacted xmlns='urn:steelyard:gate:0'/></password>"
    query = f"<query xmlns='jabber:iq:register'><username>new</username>{redacted}</query>"
    facts = read_stanza(f"<iq type='set' to=''>{query}</iq>", sender="new@metals.example/x")
    assert decide(EXAMPLE, facts).action is Action.REFUSE
    assert is_observed(EXAMPLE, facts)


def test_an_observed_refusal_is_none_of_a_stanza_that_is_refused() -> None:
    refused = refuse("r", "cancel", "not-allowed", "No.")
    assert observe_only(refused).error is None
