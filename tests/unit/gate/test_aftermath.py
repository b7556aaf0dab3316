"""A server ended: what went out is not said twice, what did not is given back, and what nobody knows is counted."""

import asyncio
from typing import Any

import pytest
from lxml import etree

from components.archive.record import RecordKind
from components.archive.writer import Entry
from components.gate.aftermath import KEPT_S, KEPT_STANZAS, REPEATED, Aftermath, Unknown
from components.gate.kept import StanzaKeeper
from components.gate.memo import Memo, encode_memo, fetch_all_memos, parse_memo
from components.gate.memo_seal import MemoSeal
from components.gate.owed import SAID_AGAIN_WITHIN_S, OwedErrors
from components.gate.review.queue import ReviewQueue
from components.link.codec import Held
from policy.decision import release
from policy.facts import NamedJid, StanzaFacts, Way
from policy.review import ItemKind, Stage
from tests.unit.gate.fakes import (
    ALICE,
    EPOCH,
    GATE,
    SITE_KEY,
    Answers,
    Bench,
    FakeLog,
    held,
    make_gate,
    status,
)

NEXT = "0123456789abcdef"
SECRET = "Tin at 31,250"


def said(seq: int, id_: str, *, epoch: str = EPOCH, text: str = SECRET, **changes: Any) -> Held:
    """Return alice's message with this id; `changes` are facts."""
    message = held(seq, epoch=epoch, text=text)
    return message._replace(id=id_, counted=True, facts=message.facts._replace(**changes))


def session_event(seq: int, kind: str, jid: str = ALICE, *, epoch: str = NEXT, session: str = "c1") -> Held:
    """Return an event of a session."""
    facts = StanzaFacts(Way.SESSION, kind, "", "", "", jids=(NamedJid(kind, jid),))
    return Held("metals.example", epoch, seq, session, b"<bind/>", facts)


class Scene:
    """An account with clocks that stand, and what it gave; `answered` submissions got a verdict."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.keeper = StanzaKeeper(b"the site's key")
        self.queue = ReviewQueue(GATE.jid)
        self.errors = OwedErrors(
            self.queue, clock_ns=lambda: int(self.now_s * 1e9), clock_s=lambda: self.now_s
        )
        self.unknown: list[Unknown] = []
        self.aftermath = Aftermath(self.keeper, self.errors, self.unknown.append, clock_s=lambda: self.now_s)
        self.aftermath.begin(EPOCH)

    def record(self, *submissions: Held, answered: bool = True) -> None:
        """Record messages that are released, at index 100 + number."""
        kept = [(100 + each.seq, self.keeper.keep(each, release())) for each in submissions]
        self.aftermath.recorded(submissions[0].epoch, kept, ())
        if answered:
            self.aftermath.answered(submissions[0].epoch, submissions[-1].seq)

    def hear(self, done: int, *bounced: int) -> None:
        """Hear a status."""
        self.aftermath.carried_out(status(1, done + 1, done + 1, done, bounced=bounced))

    def restart_server(self) -> None:
        """Have the server say that it is another epoch; what is owed is stored."""
        self.aftermath.begin(NEXT)
        self.aftermath.store()

    def errors_out(self) -> list[tuple[str, str]]:
        """Have what is due go out; return whom it is for, and the id."""
        self.errors.give_back()
        out = [item for item in self.queue.items if item.stage is Stage.OUTGOING]
        return [(item.to, etree.fromstring(item.stanza).get("id", "")) for item in out]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_what_went_out_is_said_once_however_often_its_client_says_it(scene: Scene) -> None:
    scene.record(said(1, "m1"), said(2, "m2"))
    scene.hear(2)
    scene.restart_server()
    assert scene.aftermath.recognise(said(1, "m1", epoch=NEXT, sender=f"{ALICE}2")) == REPEATED
    assert not scene.unknown
    assert not scene.aftermath.deliveries[1:]


@pytest.mark.parametrize(
    "other",
    [
        said(7, "m9", epoch=NEXT),
        said(7, "m1", epoch=NEXT, text="Zinc"),
        said(7, "m1", epoch=NEXT, to="carol@metals.example"),
        said(7, "m1", epoch=NEXT, sender="bob@metals.example/desk"),
        said(7, "m1", epoch=NEXT, type="groupchat"),
        said(7, "", epoch=NEXT),
        said(7, "m1", epoch=NEXT)._replace(facts=said(7, "m1").facts._replace(way=Way.COMPONENT)),
    ],
    ids=["id", "text", "recipient", "sender", "type", "no id", "way"],
)
def test_another_message_is_another(scene: Scene, other: Held) -> None:
    scene.record(said(1, "m1"))
    scene.hear(1)
    scene.restart_server()
    assert scene.aftermath.recognise(other) is None


def test_it_may_have_been_stamped_in_between(scene: Scene) -> None:
    scene.record(said(1, "m1"))
    scene.hear(1)
    scene.restart_server()
    stamped = ("{jabber:client}body", "{urn:xmpp:delay}delay")
    again = said(1, "m1", epoch=NEXT)
    assert scene.aftermath.recognise(again._replace(facts=again.facts._replace(elements=stamped))) == REPEATED


def test_one_message_stands_for_one(scene: Scene) -> None:
    scene.record(said(1, "m1"))
    scene.hear(1)
    scene.restart_server()
    first, second = said(5, "m1", epoch=NEXT), said(6, "m1", epoch=NEXT)
    assert scene.aftermath.recognise(first) == REPEATED
    assert scene.aftermath.recognise(second) is None
    # Submitted again after a break, it is what it was.
    assert scene.aftermath.recognise(first) == REPEATED


def test_what_nobody_knows_is_counted_and_may_be_said_again(scene: Scene) -> None:
    scene.record(said(1, "m1"), said(2, "m2"), said(3, "m3"), said(4, "m4"))
    scene.hear(1, 3)
    scene.restart_server()
    assert scene.unknown == [Unknown(EPOCH, 2, 102)]
    assert scene.aftermath.recognise(said(1, "m2", epoch=NEXT)) is None
    scene.now_s += SAID_AGAIN_WITHIN_S * 10
    scene.aftermath.heard(session_event(1, "bind"))
    assert scene.errors_out() == []


def test_a_submission_that_says_what_is_done_leaves_less_unknown(scene: Scene) -> None:
    scene.record(said(1, "m1"), said(2, "m2"))
    scene.record(said(3, "m3"))
    scene.aftermath.heard(said(3, "m3")._replace(done=2))
    scene.restart_server()
    assert scene.unknown == [Unknown(EPOCH, 1, 103)]
    assert [(each.through, each.bounced) for each in scene.aftermath.deliveries] == [(2, ())]


def test_what_did_not_go_out_is_given_back_when_its_sender_is_back(scene: Scene) -> None:
    scene.record(said(1, "m1"))
    scene.record(said(2, "m2"), answered=False)
    scene.hear(1)
    scene.restart_server()
    assert not scene.unknown
    assert [(each.epoch, each.through, each.bounced) for each in scene.aftermath.deliveries] == [
        (EPOCH, 1, (2,))
    ]
    assert scene.errors_out() == []
    scene.aftermath.heard(session_event(1, "bind", f"{ALICE}2"))
    assert scene.errors_out() == []  # its client may say it again
    scene.now_s += SAID_AGAIN_WITHIN_S
    assert scene.errors_out() == [(f"{ALICE}2", "m2")]
    (item,) = scene.queue.items
    assert item.kind is ItemKind.ERROR
    assert b"type='error'" in item.stanza
    assert SECRET.encode() not in item.stanza


def test_a_sender_who_is_back_before_the_error_is_stored_gets_it(scene: Scene) -> None:
    scene.record(said(1, "m1"), answered=False)
    scene.aftermath.begin(NEXT)
    scene.aftermath.heard(session_event(1, "bind", f"{ALICE}2"))
    scene.aftermath.store()
    scene.now_s += SAID_AGAIN_WITHIN_S
    assert scene.errors_out() == [(f"{ALICE}2", "m1")]


def test_what_is_said_again_is_owed_no_more(scene: Scene) -> None:
    scene.record(said(1, "m1"), said(2, "m2"), answered=False)
    scene.restart_server()
    scene.aftermath.heard(session_event(1, "bind"))
    assert scene.aftermath.recognise(said(2, "m1", epoch=NEXT)) is None
    scene.aftermath.store()
    scene.now_s += SAID_AGAIN_WITHIN_S
    assert scene.errors_out() == [(ALICE, "m2")]


def test_what_is_recorded_when_another_server_is_there_went_nowhere(scene: Scene) -> None:
    scene.restart_server()
    scene.record(said(1, "m1"), answered=False)
    scene.aftermath.store()
    assert [item.record for item in scene.queue.items] == [101]
    assert scene.aftermath.deliveries[-1].bounced == (1,)


def test_a_component_is_told_at_once(scene: Scene) -> None:
    bot = said(1, "m1", sender="bot.metals.example")
    scene.record(bot._replace(facts=bot.facts._replace(way=Way.COMPONENT)), answered=False)
    scene.restart_server()
    assert scene.errors_out() == [("bot.metals.example", "m1")]


def test_whoever_never_comes_back_is_owed_nothing_for_ever(scene: Scene) -> None:
    scene.record(said(1, "m1"), answered=False)
    scene.restart_server()
    scene.now_s += 8 * 24 * 3600
    assert scene.errors_out() == []
    assert not scene.queue.items


@pytest.mark.parametrize(
    ("kind", "type_"), [("message", "error"), ("presence", ""), ("iq", "get"), ("iq", "result")]
)
def test_what_wants_no_error_gets_none(scene: Scene, kind: str, type_: str) -> None:
    scene.record(said(1, "m1", kind=kind, type=type_), answered=False)
    scene.restart_server()
    assert not scene.queue.items
    assert scene.aftermath.deliveries[0].bounced == (1,)


def test_a_session_that_has_said_goodbye_says_nothing_again(scene: Scene) -> None:
    scene.record(said(1, "m1"))
    scene.aftermath.heard(session_event(2, "unbind", epoch=EPOCH))
    scene.hear(2)
    scene.restart_server()
    assert scene.aftermath.recognise(said(1, "m1", epoch=NEXT)) is None


def test_a_client_that_does_not_count_says_nothing_again(scene: Scene) -> None:
    scene.record(said(1, "m1")._replace(counted=False))
    scene.hear(1)
    scene.restart_server()
    assert scene.aftermath.recognise(said(1, "m1", epoch=NEXT)) is None


def test_after_a_while_a_message_is_a_new_one(scene: Scene) -> None:
    scene.record(said(1, "m1"))
    scene.hear(1)
    scene.restart_server()
    scene.now_s += KEPT_S + 1
    assert scene.aftermath.recognise(said(1, "m1", epoch=NEXT)) is None


def test_it_keeps_a_bounded_number_of_what_went_out(scene: Scene) -> None:
    count = KEPT_STANZAS + 5
    scene.record(*(said(seq, f"m{seq}") for seq in range(1, count + 1)))
    scene.hear(count)
    scene.restart_server()
    assert scene.aftermath.recognise(said(1, "m5", epoch=NEXT)) is None
    assert scene.aftermath.recognise(said(2, "m6", epoch=NEXT)) == REPEATED


def test_a_server_may_run_for_months(scene: Scene) -> None:
    for seq in range(1, 1001):
        scene.record(said(seq, f"m{seq}"))
        # Each session says one message, which is given back to it, and ends.
        scene.aftermath.heard(session_event(seq, "unbind", epoch=EPOCH, session=f"c{seq}"))
        scene.aftermath.carried_out(told := status(seq, seq + 1, seq + 1, seq, bounced=(seq,)))
        scene.aftermath.recorded(EPOCH, (), [told])
        scene.now_s += 60
    (epoch,) = scene.aftermath._epochs
    assert len(epoch.kept) == KEPT_S // 60 + 1
    assert len(epoch.bounced) == KEPT_S // 60 + 1
    assert len(epoch.over) == 2 * KEPT_S // 60 + 1


def test_what_came_back_is_named_until_a_status_that_names_it_is_recorded(scene: Scene) -> None:
    scene.hear(7, 2, 5)
    scene.aftermath.recorded(EPOCH, (), [status(1, 5, 5, 4, bounced=(2,))])
    scene.hear(7, 2, 5)
    scene.restart_server()
    assert [(each.through, each.bounced) for each in scene.aftermath.deliveries] == [(7, (5,))]


def test_a_session_is_over_as_long_as_anything_that_it_said_is_kept(scene: Scene) -> None:
    scene.record(said(1, "m1"), answered=False)
    scene.aftermath.heard(session_event(2, "unbind", epoch=EPOCH))
    scene.now_s += 3 * KEPT_S
    scene.hear(0)
    scene.restart_server()
    scene.aftermath.recognise(said(1, "m1", epoch=NEXT))  # somebody else's, by chance
    scene.aftermath.store()
    assert [item.record for item in scene.queue.items] == [101]


def test_the_last_status_of_a_server_is_recorded_by_the_next(scene: Scene) -> None:
    scene.record(said(1, "m1"), said(2, "m2"))
    scene.hear(2)
    scene.restart_server()
    assert [(each.through, each.bounced) for each in scene.aftermath.deliveries] == [(2, ())]


async def test_a_gate_that_starts_again_knows_it_all(scene: Scene) -> None:
    log = FakeLog()
    stanza = scene.keeper.keep(said(2, "m2"), release())
    assert stanza is not None
    memo = Memo(EPOCH, [(2, release()), (3, release())], (stanza,), ("c9",), 1, (7,), 999, 1)
    assert parse_memo(encode_memo(memo)) == memo
    assert SECRET.encode() not in encode_memo(memo)
    await log.append([said_entry() for _ in range(2)], memo=encode_memo(memo))
    another = Scene()
    another.aftermath.load(await fetch_all_memos(log, MemoSeal(SITE_KEY)))
    another.aftermath.begin(NEXT)
    assert another.unknown == [Unknown(EPOCH, 1, 0)]


async def test_the_gate_settles_a_server_that_ended_in_the_middle() -> None:
    scene, log, answers = Scene(), FakeLog(), Answers()
    bench = Bench()
    bench.task.cancel()
    bench.log, bench.answers = log, answers
    bench.gate = make_gate(log, queue=scene.queue, aftermath=scene.aftermath)
    bench.gate.connected(answers.write)
    bench.task = asyncio.create_task(bench.gate.run())
    try:
        bench.take(status(1, 1, 1), said(1, "done"), said(2, "unknown"))
        await bench.settle()
        bench.take(status(2, 2, 3, 1))
        await bench.settle()
        log.gate_opens.clear()
        bench.take(said(3, "lost"))
        await log.appending.wait()
        bench.gate.disconnected()
        log.gate_opens.set()
        await bench.settle()
        bench.gate.connected(answers.write)
        bench.take(status(1, 1, 1, epoch=NEXT))
        await bench.settle()
        assert scene.unknown == [Unknown(EPOCH, 1, 1)]
        assert [item.record for item in scene.queue.items] == [4]
        assert (log.deliveries()[-1].epoch, log.deliveries()[-1].bounced) == (EPOCH, (3,))
        bench.take(
            session_event(1, "bind"),
            said(2, "done", epoch=NEXT),
            said(3, "unknown", epoch=NEXT),
            said(4, "lost", epoch=NEXT),
        )
        await bench.settle()
        again = [(each.action, each.rules) for each in log.submissions() if each.epoch == NEXT]
        assert again[1:] == [("refuse", ("repeated",)), ("release", ()), ("release", ())]
        assert answers.elements()[-1][0].tag.endswith("}keep")
        bench.take(said(5, "next", epoch=NEXT))
        await bench.settle()
        assert not scene.queue.items
    finally:
        bench.task.cancel()


async def test_what_was_carried_out_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    try:
        bench.take(status(1, 1, 1), said(1, "m1"))
        await bench.settle()
        bench.take(status(2, 2, 2, 1))
        await bench.settle()
        seal = MemoSeal(SITE_KEY)
        assert any(memo.kept for _, memo in await fetch_all_memos(bench.log, seal))
        monkeypatch.setattr("components.gate.journal.KEPT_S", -1)
        bench.take(said(2, "m2"), status(3, 2, 3, 1))
        await bench.settle()
        assert [
            memo.kept[0].id for _, memo in await fetch_all_memos(bench.log, MemoSeal(SITE_KEY)) if memo.kept
        ] == ["m2"]
    finally:
        bench.task.cancel()


async def test_the_last_word_of_a_server_that_stops_is_recorded() -> None:
    bench = Bench()
    try:
        bench.take(status(1, 1, 1), said(1, "m1"))
        await bench.settle()
        bench.take(status(2, 2, 2, 1))
        bench.gate.disconnected()
        await bench.settle()
        assert bench.log.deliveries()[-1].through == 1
    finally:
        bench.task.cancel()


def said_entry() -> Entry:
    """Return any entry of a log."""
    return Entry(RecordKind.STANZA, b"")
