"""The gate's review queue beside a log in memory: what is kept, told and asked for, and what reviewers get to hear."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from components.archive.log.leaf import LeafIndex
from components.archive.record import Event, RecordKind, parse_record
from components.archive.store import RequestRow
from components.archive.writer import Entry
from components.gate.adapter import Line
from components.gate.breaks import LinkBreaks
from components.gate.owed import OwedErrors
from components.gate.review.acts import ReviewActs
from components.gate.review.claims import Claims
from components.gate.review.queue import NOT_ASKED_FOR, ReviewQueue
from components.gate.submission import Answered
from components.link.codec import Status
from components.link.limits import FORWARDED_MAX_BYTES
from components.link.review_request import (
    ReviewAnswer,
    ReviewRequest,
    encode_review_request,
    parse_review_answer,
    prove_reading,
)
from components.rules.reviewers import Reviewers
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Lexicon, Rule
from policy.decide import decide
from policy.decision import Action, Decision
from policy.directory.directory import Directory, parse_directory
from policy.facts import StanzaFacts, Way
from policy.review import Item, ReviewAct, Stage
from policy.supervision.act import ActKind
from tests.support.decisions import NOBODY, Desks, decisions_of
from tests.support.gate_process import one_enterprise
from tests.support.process import wait_until
from tests.unit.gate.fakes import ALICE, BOB, DIRECTORY, GATE, Answers, FakeLog, held, status

# Without an error, of which its sender would be told (test_told.py).
HOLD = Decision(Action.HOLD, ("tips",))
TIP = held(5, text="tip")
EVIDENCE = prove_reading(TIP.epoch, TIP.seq, TIP.body)
WARN = Decision(Action.RELEASE, ("mind",), notice="Mind.")
WARNED = held(4, text="mind")
MESSAGE = f"h42-{EVIDENCE[:8]}"
NOTICE = f"n41-{prove_reading(WARNED.epoch, WARNED.seq, WARNED.body)[:8]}"
MIND = f"Your message of 00:16 UTC to {BOB}: Mind."


class Desk:
    """A queue in which one message of Alice's waits since `now_s`, after she was warned; the requests of reviewers."""

    def __init__(
        self,
        default: ReviewAct = ReviewAct.REFUSE,
        policy: ContentPolicy | None = None,
        reviewers: Reviewers = NOBODY,
    ) -> None:
        self.now_s = 1000.0
        self.log = FakeLog()
        self.rows: list[RequestRow] = []
        self.answers: dict[str, ReviewAnswer] = {}
        self.claims = Claims()
        self.uncertain: list[int] = []
        self.queue = ReviewQueue(
            GATE.jid,
            deadline_s=60,
            on_uncertain=self.uncertain.append,
            clock_ns=lambda: int(self.now_s * 1e9),
            clock_s=lambda: self.now_s,
        )
        self.line = Line(GATE)
        self.unsendable: list[int] = []
        self.breaks = LinkBreaks(self.unsendable.append, clock_s=lambda: self.now_s)
        self.decisions = decisions_of(policy, default, reviewers, directory=DIRECTORY, log=GATE.log)
        self.acts = ReviewActs(
            self.queue,
            self.line,
            self,
            self,
            self.breaks,
            self.decisions,
            (OwedErrors(self.queue).give_back, lambda: self.queue.let_join(DIRECTORY)),
        )
        self.keep(Answered(WARNED, WARN, 41), Answered(TIP, HOLD, 42))
        self.keep(told=status(1, 6, 6, done=5))

    def keep(self, *answers: Answered, told: Status | None = None) -> None:
        """Keep what follows from these answers, and from what the adapter told."""
        self.queue.keep(self.claims, answers, [told] if told else [])

    async def append(self, entries: Sequence[Entry]) -> LeafIndex:
        """See LogWriter."""
        return await self.log.append(entries)

    async def fetch_requests(self) -> list[RequestRow]:
        """See LogSource."""
        return self.rows

    async def answer(self, id_: str, answer: str) -> None:
        """See LogWriter."""
        self.answers[id_] = parse_review_answer(answer)
        self.rows = [row for row in self.rows if row.id != id_]

    async def purge(self, *, requests_only: bool) -> None:
        """See LogWriter."""
        assert requests_only

    async def ask(self, act: str, **changes: Any) -> ReviewAnswer | None:
        """Ask something about the message."""
        request = ReviewRequest(act, 42, "carol", "read it", EVIDENCE)
        body = encode_review_request(replace(request, **changes))
        self.rows = [RequestRow("review:1", body, None)]
        self.answers.clear()
        await self.acts.serve()
        return self.answers.get("review:1")

    def item(self, token: str = MESSAGE) -> Item:
        """Give an item, which must be there."""
        item = self.queue.find(token)
        assert item is not None
        return item

    def submit(self, token: str, seq: int, directory: Directory = DIRECTORY) -> Decision:
        """Submit what was asked for, record and answer it."""
        submission = held(seq, way=Way.GATE)._replace(inject=token)
        decision = self.queue.judge(self.claims, submission, lambda facts: decide(directory, facts))
        self.keep(Answered(submission, decision, 100 + seq))
        return decision

    def told(self) -> list[str]:
        """Give what Alice is told."""
        stanzas = [etree.fromstring(each.stanza) for each in self.queue.items if each.way is Way.GATE]
        assert all(
            each.get("from") == f"notice@{GATE.jid}" and each.get("type") == "chat" for each in stanzas
        )
        return [each.findtext("{jabber:client}body") or "" for each in stanzas]

    def events(self) -> list[tuple[str, Mapping[str, str | int]]]:
        """Give what is recorded of reviews."""
        records = [parse_record(entry.kind, entry.payload) for entry in self.log.entries]
        assert all(isinstance(each, Event) and each.kind == RecordKind.REVIEW for each in records)
        return [(each.name, dict(each.details)) for each in records if isinstance(each, Event)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_what_is_held_is_kept_once_and_who_was_warned_is_told_once(desk: Desk) -> None:
    desk.keep(Answered(WARNED, WARN, 41), Answered(TIP, HOLD, 42))
    assert [item.token for item in desk.queue.items] == [NOTICE, MESSAGE]
    assert desk.item().to == BOB and desk.item(NOTICE).to == ALICE
    assert desk.told() == [MIND]
    assert (desk.queue.count(Stage.WAITING), desk.queue.count(Stage.UNCERTAIN)) == (1, 0)


def test_a_record_number_that_comes_again_is_another_message(desk: Desk) -> None:
    """As after a log was restored from an older copy, while the queue was not."""
    desk.keep(Answered(held(9, text="another tip"), HOLD, 42))
    assert desk.queue.count(Stage.WAITING) == 2


@pytest.mark.parametrize("way", [Way.S2S, Way.COMPONENT])
def test_only_clients_of_this_server_are_told(desk: Desk, way: Way) -> None:
    desk.keep(Answered(held(6, way=way), HOLD, 43), Answered(held(7, way=way), WARN, 44))
    (item,) = [each for each in desk.queue.items if each.record > 42]
    assert item.way is way and desk.told() == [MIND]


ROOM = "desk@rooms.metals.example"


@pytest.mark.parametrize(
    ("kind", "type_", "to", "in_room"),
    [
        ("message", "groupchat", ROOM, True),
        ("message", "chat", f"{ROOM}/bob", False),
        ("message", "", BOB, False),
        ("presence", "", "", False),
    ],
)
def test_who_says_it_in_a_room_is_told_there_too(
    desk: Desk, kind: str, type_: str, to: str, in_room: bool
) -> None:
    """From nobody's address in it, and to nobody else."""
    said = held(8)._replace(facts=StanzaFacts(Way.C2S, kind, type_, ALICE, to))
    desk.keep(Answered(said, WARN, 45))
    told = [etree.fromstring(each.stanza) for each in desk.queue.items if each.record == 45]
    kinds = [("groupchat", ROOM)] if in_room else []
    assert [(each.get("type"), each.get("from")) for each in told] == [*kinds, ("chat", f"notice@{GATE.jid}")]
    assert {each.get("to") for each in told} == {ALICE}
    for each in told:
        body = each.findtext("{jabber:client}body") or ""
        assert body.startswith("[Recorded line]") == (each.get("type") == "groupchat")
        assert body.endswith("Mind.") and ("Your message" in body) == (kind == "message")


def test_what_is_outgoing_is_asked_for_until_it_comes(desk: Desk) -> None:
    (item,) = desk.queue.take_outgoing(desk.claims)
    assert item.token == NOTICE
    assert desk.queue.take_outgoing(desk.claims) == []
    desk.now_s += 6
    assert len(desk.queue.take_outgoing(desk.claims)) == 1
    assert desk.submit(NOTICE, 6).action is Action.RELEASE
    desk.now_s += 6
    assert desk.queue.take_outgoing(desk.claims) == []
    assert desk.submit(NOTICE, 7) == NOT_ASKED_FOR
    desk.keep(told=status(2, 8, 8, done=7))
    assert desk.queue.find(NOTICE) is None


async def test_the_adapter_is_asked_as_soon_as_it_is_there(desk: Desk) -> None:
    said = Answers()
    task = asyncio.create_task(desk.acts.run())
    await asyncio.sleep(0.01)
    desk.line.connect(said.write)
    desk.line.begin_session(status(1, 1, 1))
    desk.queue.changed.set()
    assert await wait_until(lambda: bool(said.elements()))
    (asked,) = said.elements()
    assert (asked.tag, asked.get("id")) == ("{urn:steelyard:gate:0}inject", NOTICE)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_another_adapter_is_asked_anew(desk: Desk) -> None:
    assert [item.token for item in desk.queue.take_outgoing(desk.claims)] == [NOTICE]
    assert desk.submit(NOTICE, 6).action is Action.RELEASE
    assert desk.queue.take_outgoing(Claims()) == []  # it is recorded, and said to be on its way
    desk.keep(told=status(1, 1, 1, epoch="another"))
    assert [item.token for item in desk.queue.take_outgoing(Claims())] == [NOTICE]


async def test_of_a_message_that_a_server_took_with_it_nobody_knows(desk: Desk) -> None:
    await desk.ask("release")
    desk.submit(MESSAGE, 6)
    assert desk.uncertain == []
    desk.keep(told=status(1, 1, 1, epoch="another"))
    assert desk.uncertain == [42] and desk.item().stage is Stage.UNCERTAIN


@pytest.mark.parametrize("token", ["", MESSAGE, "n41"])
def test_what_was_not_asked_for_does_not_pass(desk: Desk, token: str) -> None:
    assert desk.submit(token, 6) == NOT_ASKED_FOR
    assert desk.item().stage is Stage.WAITING


async def test_what_breaks_the_link_twice_is_said_no_more(desk: Desk) -> None:
    """Of several that may have, the one that has is found, and the others go on."""
    assert await desk.ask("release") == ReviewAnswer()
    desk.keep(Answered(held(7, text="another tip"), HOLD, 43))
    culprit = MESSAGE
    for _ in range(5):
        claims = desk.claims = Claims()
        for item in desk.queue.end_unsendable(claims, desk.breaks.is_injection_blamed):
            desk.unsendable.append(item.record)
        while asked := desk.queue.take_outgoing(claims, alone=desk.breaks.is_careful):
            tokens = [item.token for item in asked]
            if culprit in tokens:
                desk.breaks.broken(held(1).epoch, claims.unheard)
                break
            for token in tokens:
                desk.submit(token, 10 + len(claims.places))
                desk.keep(told=status(2, 30, 30, done=29))
    assert desk.queue.find(MESSAGE) is None
    assert desk.unsendable == [42]
    assert desk.told() == [] and desk.queue.count(Stage.WAITING) == 1


async def test_what_is_too_large_to_be_said_is_not_tried(desk: Desk) -> None:
    large = TIP._replace(seq=9, body=b"<message>".ljust(FORWARDED_MAX_BYTES + 1024) + b"</message>")
    desk.keep(Answered(large, HOLD, 50))
    desk.keep(told=status(2, 10, 10, done=9))
    await desk.ask("release", record=50, evidence=prove_reading(large.epoch, large.seq, large.body))
    ended = desk.queue.end_unsendable(desk.claims, lambda _token: False)
    assert [item.record for item in ended] == [50]
    assert any("could not deliver" in text for text in desk.told())


async def test_a_release_is_recorded_and_goes_out(desk: Desk) -> None:
    assert await desk.ask("release") == ReviewAnswer()
    details = {"actor": "carol", "reason": "read it", "record": "gate/42", "stage": "waiting"}
    assert desk.events() == [("release", details)]
    assert desk.submit(MESSAGE, 6).rules == ("released-after-review",)
    desk.keep(told=status(2, 7, 7, done=6))
    assert desk.queue.find(MESSAGE) is None
    assert desk.told()[-1].endswith("it was reviewed and has been sent now.")


async def test_a_refusal_is_told(desk: Desk) -> None:
    assert await desk.ask("refuse") == ReviewAnswer()
    assert desk.told()[-1] == f"Your message of 00:16 UTC to {BOB}: it was reviewed and was not sent."
    answer = await desk.ask("release")
    assert answer is not None and "gate/42 is not held" in answer.problem
    assert [name for name, _ in desk.events()] == ["refuse"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"evidence": "0" * 64}, "does not say what was reviewed"),
        ({"evidence": ""}, "does not say what was reviewed"),
        ({"reason": " "}, "needs a reason"),
        ({"record": 41}, "is not held"),
        ({"act": "destroy"}, "not an act of a reviewer"),
    ],
)
async def test_a_wrong_request_changes_nothing(desk: Desk, changes: dict[str, Any], problem: str) -> None:
    answer = await desk.ask(**({"act": "release"} | changes))
    assert answer is not None and problem in answer.problem
    assert desk.item().stage is Stage.WAITING and desk.events() == []


async def test_what_the_adapter_has_not_let_go_of_has_to_wait(desk: Desk) -> None:
    second = held(6, text="another tip")
    desk.keep(Answered(second, HOLD, 43))
    evidence = prove_reading(second.epoch, second.seq, second.body)
    assert await desk.ask("release", record=43, evidence=evidence) is None
    desk.keep(told=status(2, 7, 7, done=6))
    assert await desk.ask("release", record=43, evidence=evidence) == ReviewAnswer()


async def test_the_list_has_what_is_held(desk: Desk) -> None:
    answer = await desk.ask("list")
    assert answer is not None
    (message,) = answer.held
    assert (message.record, message.stage, message.sender, message.to) == (42, "waiting", ALICE, BOB)
    assert message.deadline_ns - message.held_at_ns == 60 * 10**9


async def test_requests_of_others_are_left_alone(desk: Desk) -> None:
    desk.rows = [RequestRow("2026-1", b"an order", None), RequestRow("other:1", b"x", None)]
    await desk.acts.serve()
    assert desk.answers == {}


@pytest.mark.parametrize(("default", "told"), [(ReviewAct.REFUSE, 2), (ReviewAct.RELEASE, 1)])
async def test_when_time_is_over_the_default_is_carried_out(default: ReviewAct, told: int) -> None:
    desk = Desk(default)
    desk.now_s += 59
    await desk.acts.serve()
    assert desk.events() == []
    desk.now_s += 1
    await desk.acts.serve()
    ((name, details),) = desk.events()
    assert (name, details["actor"]) == (default.value, "deadline")
    assert len(desk.told()) == told
    await desk.acts.serve()
    assert len(desk.events()) == 1


async def test_who_may_not_be_reached_any_more_is_not(desk: Desk) -> None:
    await desk.ask("release")
    decision = desk.submit(MESSAGE, 6, parse_directory(one_enterprise([ALICE.partition("/")[0]])))
    assert (decision.action, decision.rules) == (Action.REFUSE, ("recipient-not-admitted",))
    assert desk.queue.find(MESSAGE) is None
    assert "may not reach" in desk.told()[-1]


async def test_what_the_server_does_not_take_is_told_and_not_tried_again(desk: Desk) -> None:
    await desk.ask("release")
    desk.submit(MESSAGE, 6)
    desk.keep(told=replace(status(2, 7, 7, done=6, bounced=(6,)), refused=(6,)))
    assert desk.queue.find(MESSAGE) is None
    assert "could not deliver" in desk.told()[-1]


async def test_a_decision_that_the_disk_does_not_take_is_recorded_once(desk: Desk) -> None:
    from components.archive.errors import LogUnavailable

    class Full:
        def save(self, *_: object) -> None:
            raise LogUnavailable("the disk is full")

    store, desk.queue._store = desk.queue._store, Full()
    for _ in range(3):
        with pytest.raises(LogUnavailable):
            await desk.ask("release")
    desk.queue._store = store
    assert await desk.ask("release") == ReviewAnswer()
    assert len(desk.events()) == 1


TWO = ContentPolicy((Rule("tips", ContentAction.HOLD, "Held.", Lexicon((), fold=True), reviewers=2),))
OLD_REQUEST = ReviewRequest("release", 42, "rita", "read it", EVIDENCE)


def recorded(desk: Desk) -> list[tuple[str, dict[str, str | int]]]:
    events = [parse_record(entry.kind, entry.payload) for entry in desk.log.entries]
    return [(each.name, dict(each.details)) for each in events if isinstance(each, Event)]


async def test_the_second_of_two_people_releases_what_a_rule_wants_two_for() -> None:
    desk = Desk(policy=TWO)
    first = await desk.ask("release", actor="rita")
    assert first == ReviewAnswer(waits=True)
    assert desk.item().stage is Stage.WAITING
    listed = await desk.ask("list")
    assert listed is not None
    assert (listed.held[0].reviewers, listed.held[0].votes) == (2, (("rita", "release"),))
    assert await desk.ask("release", actor="omar") == ReviewAnswer()
    assert desk.item().stage is Stage.OUTGOING
    assert [(name, said["actor"], said.get("with", "")) for name, said in recorded(desk)] == [
        ("proposed", "rita", ""),
        ("release", "omar", "rita"),
    ]


async def test_one_person_is_not_two() -> None:
    desk = Desk(policy=TWO)
    for reason in ("read it", "once more", "and again"):
        answer = await desk.ask("release", actor="rita", reason=reason)
        assert answer is not None
        assert answer.waits or "waits for another person" in answer.problem
    assert [vote.by for vote in desk.item().votes] == ["rita"]
    assert desk.item().stage is Stage.WAITING


async def test_people_who_do_not_agree_wait_for_a_third() -> None:
    desk = Desk(policy=TWO)
    assert await desk.ask("release", actor="rita") == ReviewAnswer(waits=True)
    assert await desk.ask("refuse", actor="omar") == ReviewAnswer(waits=True)
    assert await desk.ask("refuse", actor="li") == ReviewAnswer()
    assert desk.queue.find(MESSAGE) is None


async def test_a_first_decision_survives_and_the_deadline_still_decides() -> None:
    desk = Desk(policy=TWO)
    await desk.ask("release", actor="rita")
    desk.now_s += 61
    await desk.acts.serve()
    assert desk.queue.find(MESSAGE) is None
    assert recorded(desk)[-1][1]["actor"] == "deadline"


async def test_what_several_rules_hold_waits_for_as_many_as_the_strictest_wants() -> None:
    assert TWO.count_reviewers(["tips", "gone"]) == 2
    assert TWO.count_reviewers(["gone"]) == TWO.count_reviewers([]) == 1


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    (tmp_path / "keys").mkdir()
    return Desks(
        tmp_path / "keys",
        rita={},
        omar={"enterprises": ["metals"]},
        grace={"enterprises": ["grain"]},
        alice={"jid": ALICE.partition("/")[0]},
        ada={"roles": ["auditor", "overseer"]},
        gone={"until": "2026-01-01T00:00:00Z"},
    )


async def ask_signed(desk: Desk, desks: Desks, by: str, **signed: Any) -> ReviewAnswer | None:
    at_s = signed.pop("at_s", int(time.time()))
    request = desks.sign(OLD_REQUEST, by, "gate", at_s, **signed)
    return await desk.ask("release", actor=by, statement=request.statement)


async def test_a_signed_decision_is_carried_out_and_recorded_with_its_signature(desks: Desks) -> None:
    desk = Desk(reviewers=desks.reviewers)
    assert await ask_signed(desk, desks, "omar") == ReviewAnswer()
    ((name, said),) = recorded(desk)
    assert (name, said["actor"]) == ("release", "omar")
    assert "— auditor/omar " in str(said["statement"])


@pytest.mark.parametrize(
    ("by", "signed", "problem"),
    [
        ("grace", {}, "not of an enterprise that grace may see"),
        ("alice", {}, "nobody reviews their own messages"),
        ("ada", {}, "ada has not the role"),
        ("gone", {}, "was no auditor any more"),
        ("rita", {"item": "gate/43"}, "not what is asked for"),
        ("rita", {"origin": "grain.example/gate"}, "not what is asked for"),
        ("rita", {"kind": ActKind.REFUSE}, "not what is asked for"),
        ("rita", {"evidence": "ab" * 32}, "not what is asked for"),
        ("rita", {"note": "something else"}, "not what is asked for"),
        ("rita", {"at_s": 1_795_464_245}, "had to be signed within 15 minutes"),
    ],
)
async def test_the_gate_itself_refuses(desks: Desks, by: str, signed: dict[str, Any], problem: str) -> None:
    desk = Desk(reviewers=desks.reviewers)
    answer = await ask_signed(desk, desks, by, **signed)
    assert answer is not None
    assert problem in answer.problem
    assert desk.item().stage is Stage.WAITING
    assert recorded(desk) == []


async def test_without_a_right_signature_nobody_decides_where_there_are_keys(desks: Desks) -> None:
    desk = Desk(reviewers=desks.reviewers)
    good = desks.sign(OLD_REQUEST, "rita", "gate", int(time.time())).statement
    line, _, signature = good.partition("\n\n")
    other = desks.sign(OLD_REQUEST, "omar", "gate", int(time.time())).statement.partition("\n\n")[2]
    forged = "— auditor/rita " + signature.split(" ")[2][:8] + "A" * 84
    for statement in (
        "",
        f"{line}\n",
        f"{line}\n\n{other}",
        f"{line}\n\n{forged}\n",
        "nonsense",
        f"{good}\n",
    ):
        answer = await desk.ask("release", actor="rita", statement=statement)
        assert answer is not None
        assert answer.problem != "", statement
    stolen = await desk.ask("release", actor="omar", statement=good)
    assert stolen == ReviewAnswer("what was signed is not what is asked for")
    assert desk.item().stage is Stage.WAITING


async def test_an_older_decision_that_is_played_back_changes_nothing(desks: Desks) -> None:
    desk = Desk(policy=TWO, reviewers=desks.reviewers)
    now_s = int(time.time())
    for act, at_s in (("release", now_s - 20), ("refuse", now_s - 10)):
        request = desks.sign(replace(OLD_REQUEST, act=act), "rita", "gate", at_s)
        assert await desk.ask(act, actor="rita", statement=request.statement) == ReviewAnswer(waits=True)
    old = desks.sign(OLD_REQUEST, "rita", "gate", now_s - 20)
    answer = await desk.ask("release", actor="rita", statement=old.statement)
    assert answer == ReviewAnswer("rita has decided otherwise since")
    assert await ask_signed(desk, desks, "omar") == ReviewAnswer(waits=True)
    assert desk.item().stage is Stage.WAITING
