"""The gate's service on a good day: a record for each submission, an answer for each record, many in a batch."""

import pytest

from components.archive.record import RecordKind, Submission
from components.gate import deciding
from components.link.limits import FORWARDED_MAX_BYTES
from policy.decide import decide
from policy.decision import Action, Decision
from policy.facts import StanzaFacts, Way
from tests.unit.gate.fakes import DIRECTORY, EPOCH, MALLORY, Bench, held, status, submissions


async def test_a_submission_on_a_quiet_line_is_recorded_and_answered_at_once(connected: Bench) -> None:
    connected.take(held(1))
    await connected.settle()
    assert connected.log.seqs() == [1]
    assert connected.answers.answered() == {1: (1, "release")}  # record 0 is what was carried out so far
    record = connected.log.records()[1]
    assert isinstance(record, Submission)
    assert (record.kind, record.epoch, record.seq, record.way) == (RecordKind.STANZA, EPOCH, 1, "c2s")
    assert (record.session, record.action, record.rules, record.error) == ("c1", "release", (), None)
    assert record.body == held(1).body
    assert record.received_at_ns > 0


async def test_what_comes_while_a_commit_runs_is_the_next_batch(connected: Bench) -> None:
    connected.log.gate_opens.clear()
    connected.take(held(1))
    await connected.log.appending.wait()
    connected.take(held(2))
    connected.take(held(3), held(4))
    assert connected.answers.verdicts() == []
    connected.log.gate_opens.set()
    await connected.settle()
    assert connected.log.batches == [1, 1, 3]
    assert connected.answers.verdicts() == [(1, 1, 1), (2, 4, 2)]


async def test_a_batch_has_a_limit_and_the_order_is_kept(connected: Bench) -> None:
    connected.take(*submissions(range(1, 21)))
    await connected.settle()
    assert connected.log.batches == [1, 8, 8, 4]
    assert connected.log.seqs() == list(range(1, 21))
    assert connected.answers.verdicts() == [(1, 8, 1), (9, 16, 9), (17, 20, 17)]


async def test_refusals_are_named_and_recorded(connected: Bench) -> None:
    connected.take(held(1), held(2, to=MALLORY), held(3))
    await connected.settle()
    assert connected.answers.verdicts() == [(1, 3, 1)]
    assert {seq: action for seq, (_, action) in connected.answers.answered().items()} == {
        1: "release",
        2: "refuse",
        3: "release",
    }
    record = connected.log.records()[2]
    assert isinstance(record, Submission)
    assert (record.action, record.rules) == ("refuse", ("recipient-outside",))
    assert record.error is not None
    assert record.error.condition == "not-allowed"


@pytest.mark.sources
@pytest.mark.parametrize(
    ("action", "amended_bytes", "body_bytes", "refused"),
    [
        (Action.AMEND, FORWARDED_MAX_BYTES, 0, False),
        (Action.AMEND, FORWARDED_MAX_BYTES + 1, 0, True),
        (Action.HOLD, 0, FORWARDED_MAX_BYTES, True),
        (Action.HOLD, 100, FORWARDED_MAX_BYTES, False),  # what goes on later is the amended one
        (Action.RELEASE, 0, FORWARDED_MAX_BYTES, False),
    ],
)
async def test_what_the_gate_could_not_forward_is_refused_before_it_is_recorded(
    connected: Bench,
    monkeypatch: pytest.MonkeyPatch,
    action: Action,
    amended_bytes: int,
    body_bytes: int,
    refused: bool,
) -> None:
    end = b"</message>" if amended_bytes else b""
    decision = Decision(action, ("r",), amended=end.rjust(amended_bytes))
    monkeypatch.setattr(deciding, "decide", lambda *_: decision)
    connected.take(held(1, text="x" * body_bytes))
    await connected.settle()
    record = connected.log.records()[1]
    assert isinstance(record, Submission)
    assert record.action == (Action.REFUSE if refused else action)
    assert (record.rules == ("too-large",)) is refused


async def test_what_the_server_sent_already_is_recorded_with_the_rules_it_breaks(connected: Bench) -> None:
    connected.take(held(1, to=MALLORY, way=Way.SERVER), held(2, way=Way.SESSION))
    await connected.settle()
    sent, event = connected.log.records()[1:]
    assert isinstance(sent, Submission)
    assert isinstance(event, Submission)
    assert (sent.action, sent.rules, sent.error) == ("release", ("recipient-outside",), None)
    assert (event.kind, event.action) == (RecordKind.SESSION, "release")
    assert set(connected.answers.answered()) == {1, 2}


async def test_a_verdict_goes_to_the_host_that_submitted(connected: Bench) -> None:
    connected.take(
        held(1), held(2, host="rooms.metals.example"), held(3, host="rooms.metals.example"), held(4)
    )
    await connected.settle()
    assert connected.answers.verdicts() == [(1, 1, 1), (2, 3, 2), (4, 4, 4)]


@pytest.mark.sources
async def test_a_stanza_that_cannot_be_decided_on_is_refused_and_its_neighbours_pass(
    connected: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:

    def stumble(directory: object, facts: StanzaFacts, *_rest: object) -> object:
        if facts.text == "poison":
            raise RecursionError(facts.text)
        return decide(DIRECTORY, facts)

    monkeypatch.setattr(deciding, "decide", stumble)
    connected.take(held(1), held(2, text="poison"), held(3))
    await connected.settle()
    assert [action for _, action in connected.answers.answered().values()] == ["release", "refuse", "release"]
    record = connected.log.records()[2]
    assert isinstance(record, Submission)
    assert record.action == Action.REFUSE
    assert "poison" not in "".join(capsys.readouterr())


# Statuses -------------------------------------------------------------------------------------------------------------


async def test_the_ids_that_rooms_gave_are_recorded_of_records_of_this_log(connected: Bench) -> None:
    connected.take(held(1), status(2, 2, 2, 1))
    await connected.settle()
    named = (
        ("gate/1", "a"),
        ("other/2", "b"),
        ("gate/x", "c"),
        ("gate", "d"),
        ("gate/²", "e"),
        ("gate/3", "f"),
    )
    connected.take(status(3, 2, 2, 1, archived=named))  # nothing else has moved
    await connected.settle()
    assert connected.log.deliveries()[-1].archived == ((1, "a"), (3, "f"))


async def test_what_was_carried_out_is_recorded_when_it_has_moved_and_noted_always(connected: Bench) -> None:
    connected.take(held(1), status(2, 2, 2, 1), held(2))
    await connected.settle()
    connected.take(status(3, 3, 3, 1))
    await connected.settle()
    connected.take(status(4, 3, 3, 2, bounced=(2,)))
    await connected.settle()
    connected.take(status(5, 3, 3, 2, bounced=(2,)))  # `noted` was lost
    await connected.settle()
    assert [(each.through, each.bounced) for each in connected.log.deliveries()] == [
        (0, ()), (1, ()), (2, (2,)), (2, (2,)),
    ]  # fmt: skip
    assert connected.answers.noted() == [1, 2, 3, 4, 5]
    assert connected.answers.answered() == {1: (1, "release"), 2: (2, "release")}


async def test_a_status_is_not_noted_before_it_is_durable(connected: Bench) -> None:
    connected.log.gate_opens.clear()
    connected.take(status(2, 1, 1, 7))
    await connected.log.appending.wait()
    await connected.settle()
    assert connected.answers.noted() == [1]
    connected.log.gate_opens.set()
    await connected.settle()
    assert connected.answers.noted() == [1, 2]


async def test_a_link_that_submits_before_its_status_gets_nothing_recorded(bench: Bench) -> None:
    bench.take(held(1))
    await bench.settle()
    assert (bench.log.seqs(), bench.answers.verdicts()) == ([], [])
    bench.take(status(1, 1, 1))
    bench.take(held(1))
    await bench.settle()
    assert bench.log.seqs() == [1]
