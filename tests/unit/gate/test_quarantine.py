"""What cannot be read or decided on is recorded and refused alone, with an alarm (gate protocol, section 5.10)."""

from dataclasses import replace

import pytest

from components.archive.alarm_name import AlarmName
from components.gate import deciding
from components.gate.deciding import Filing
from components.link.codec import Held
from components.link.said import QUARANTINED
from policy.decide import decide
from policy.decision import Action, Decision, refuse
from policy.facts import StanzaFacts, Way
from tests.unit.gate.fakes import Answers, Bench, held, status


def quarantined(seq: int) -> Held:
    """Return a submission as the adapter makes it again after two breaks."""
    facts = StanzaFacts(Way.C2S, "message", "", "alice@metals.example/desk", "bob@metals.example")
    return held(seq)._replace(body=b"<quarantined/>", facts=facts, problem=QUARANTINED)


async def test_what_is_quarantined_is_recorded_refused_and_told(connected: Bench) -> None:
    connected.take(held(1), quarantined(2), held(3))
    await connected.settle()
    assert connected.answers.answered() == {1: (1, "release"), 2: (2, "refuse"), 3: (3, "release")}
    record = connected.log.submissions()[1]
    assert (record.action, record.rules, record.body) == ("refuse", ("quarantined",), b"<quarantined/>")
    assert connected.alarms.times() == {AlarmName.QUARANTINED: 1}


async def test_what_was_released_before_goes_out_and_is_not_recorded_again(connected: Bench) -> None:
    connected.take(held(1))
    await connected.settle()
    connected.reconnect(status(2, 1, 2), quarantined(1))
    await connected.settle()
    assert connected.answers.answered() == {1: (1, "release")}
    assert connected.log.seqs() == [1]
    assert connected.alarms.times() == {}


@pytest.mark.sources
@pytest.mark.parametrize("action", [Action.HOLD, Action.AMEND])
async def test_a_decision_that_needs_what_was_said_is_given_back(
    connected: Bench, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    decision = Decision(action, ("r",), error=refuse("r", "wait", "policy-violation", "Held.").error)
    monkeypatch.setattr(deciding, "decide", lambda *_: replace(decision, amended=held(1).body))
    connected.take(held(1))
    await connected.settle()
    connected.answers = Answers()  # the first verdict was lost
    connected.reconnect(status(2, 1, 2), quarantined(1))
    await connected.settle()
    assert connected.answers.answered() == {1: (1, "bounce")}
    assert connected.log.seqs() == [1]


@pytest.mark.sources
@pytest.mark.parametrize("way", [Way.C2S, Way.SERVER])
async def test_an_exception_in_deciding_concerns_its_stanza_alone(
    connected: Bench, monkeypatch: pytest.MonkeyPatch, way: Way
) -> None:
    def fail(directory: object, facts: StanzaFacts, *more: object) -> Decision:
        if facts.text == "Zyankali":
            raise ZeroDivisionError
        return decide(directory, facts, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(deciding, "decide", fail)
    connected.take(held(1), held(2, text="Zyankali", way=way), held(3))
    await connected.settle()
    record = connected.log.submissions()[1]
    # The server has sent its own already: the record does not say that it was refused.
    assert record.action == ("refuse" if way is Way.C2S else "release")
    assert record.rules == ("undecidable",)
    assert connected.answers.answered()[3] == (3, "release")
    assert connected.alarms.times() == {AlarmName.UNDECIDABLE: 1}


@pytest.mark.sources
async def test_an_exception_in_filing_concerns_its_stanza_alone(
    connected: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Filing.file

    def fail(self: Filing, kind: object, payload: bytes, facts: StanzaFacts) -> object:
        if facts.text == "Zyankali":
            raise ZeroDivisionError
        return file(self, kind, payload, facts)  # type: ignore[arg-type]

    monkeypatch.setattr(Filing, "file", fail)
    connected.take(held(1, text="Zyankali"), held(2))
    await connected.settle()
    assert connected.answers.answered() == {1: (1, "refuse"), 2: (2, "release")}
    assert b"Zyankali" in connected.log.submissions()[0].body


async def test_what_broke_the_link_in_quarantine_as_well_is_told(connected: Bench) -> None:
    connected.take(replace(status(2, 2, 2, 1, bounced=(1,)), unrecorded=(1,)))
    await connected.settle()
    assert connected.alarms.times()[AlarmName.QUARANTINED] == 1
