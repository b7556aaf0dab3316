"""Joins that wait for their sender to acknowledge the notice: one for each session and nickname, until it is over."""

from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from components.gate.review.claims import Claims
from components.gate.review.queue import JOINED, ReviewQueue
from components.gate.submission import Answered
from components.link.codec import Held
from policy.access.admission import restrict
from policy.address import BareJid
from policy.decide import decide
from policy.decision import release
from policy.directory.directory import Directory
from policy.directory.enterprise import Role
from policy.facts import NamedJid, StanzaFacts, Way
from policy.reach.affiliation import JOIN_WAITS, NOTICE_UNACKNOWLEDGED
from policy.review import MAX_ATTEMPTS, Item, ItemKind, Stage
from tests.unit.gate.fakes import EPOCH, GATE, HOST, status
from tests.unit.policy.samples import EXAMPLE

ALICE, DESK = BareJid("alice@metals.example"), "alice@metals.example/desk"
ROOM = "desk@rooms.metals.example"
ADMITTED = {ALICE: frozenset({Role.TRADER})}
INFORMED, UNINFORMED = restrict(EXAMPLE, ADMITTED, {ALICE}), restrict(EXAMPLE, ADMITTED)
X = "<x xmlns='http://jabber.org/protocol/muc'/>"


def presence(seq: int, to: str = f"{ROOM}/alice", sender: str = DESK, type_: str = "", x: str = X) -> Held:
    body = f"<presence xmlns='jabber:client' from='{sender}' to='{to}'>{x}</presence>".encode()
    elements = ("{http://jabber.org/protocol/muc}x",) if x else ()
    return Held(HOST, EPOCH, seq, "c1", body, StanzaFacts(Way.C2S, "presence", type_, sender, to, elements))


class Door:
    """The queue, and the numbers of what is submitted."""

    def __init__(self) -> None:
        self.queue, self.claims = ReviewQueue(GATE.jid), Claims()
        self.seq = 0

    def wait(self, **changes: str) -> None:
        """Have a join wait, let go of by the adapter."""
        self.seq += 1
        self.take(Answered(presence(self.seq, **changes), JOIN_WAITS, self.seq))
        self.told(done=self.seq)

    def take(self, *answers: Answered) -> None:
        self.queue.keep(self.claims, answers, [])

    def told(self, done: int, **changes: Any) -> None:
        said = status(self.seq, done + 1, done + 1, done)
        self.queue.keep(self.claims, [], [replace(said, **changes)])

    def ask(self) -> list[Item]:
        return self.queue.take_outgoing(self.claims)

    def submit(self, item: Item, directory: Directory) -> tuple[str, ...]:
        """Submit what was asked for; returns by which rule it is decided."""
        self.seq += 1
        facts = presence(self.seq).facts._replace(way=Way.GATE, to=item.to, sender=item.sender)
        held = Held(HOST, EPOCH, self.seq, "c1", item.stanza, facts, inject=item.token)
        decision = self.queue.judge(self.claims, held, lambda said: decide(directory, said))
        self.take(Answered(held, decision, self.seq))
        return decision.rules

    def waiting(self) -> list[tuple[str, str, bytes]]:
        return [(item.sender, item.to, item.stanza) for item in self.queue.items]


@pytest.fixture
def door() -> Door:
    return Door()


def test_it_is_let_go_once_its_sender_is_informed(door: Door) -> None:
    door.wait()
    door.queue.let_join(UNINFORMED)
    assert door.ask() == []
    assert door.queue.count(Stage.WAITING) == 0  # for reviewers
    door.queue.let_join(INFORMED)
    (item,) = door.ask()
    assert (item.kind, item.to, item.way) == (ItemKind.JOIN, f"{ROOM}/alice", Way.C2S)
    assert door.submit(item, INFORMED) == JOINED.rules
    door.told(done=door.seq)
    assert door.queue.items == ()


def test_not_before_the_adapter_has_let_go_of_it(door: Door) -> None:
    door.take(Answered(presence(1), JOIN_WAITS, 1))
    door.queue.let_join(INFORMED)
    assert door.ask() == []
    door.told(done=0, bounced=(1,))  # its sender has it back
    assert door.queue.items == ()


def test_the_newest_join_counts_and_a_change_of_presence_is_none(door: Door) -> None:
    door.wait()
    door.wait(x="")
    assert [X.encode() in stanza for _, _, stanza in door.waiting()] == [True]
    door.wait(x=X + "<show>away</show>")
    (only,) = door.waiting()
    assert b"away" in only[2]
    door.wait(to=f"{ROOM}/other")
    door.wait(sender="alice@metals.example/phone")
    assert len(door.waiting()) == 3


@pytest.mark.parametrize("to", ["", ROOM, f"{ROOM}/alice"])
def test_who_goes_does_not_come_in(door: Door, to: str) -> None:
    door.wait()
    door.wait(to="tin@rooms.metals.example/alice")
    door.wait(sender="alice@metals.example/phone")
    door.take(Answered(presence(9, to=to, type_="unavailable"), NOTICE_UNACKNOWLEDGED, 9))
    assert len(door.waiting()) == (2 if to else 1)


def test_a_session_that_is_over_does_not_come_in(door: Door) -> None:
    door.wait()
    door.wait(sender="alice@metals.example/phone")
    door.queue.let_join(INFORMED)
    named = NamedJid("{urn:steelyard:gate:0}unbind", DESK)
    ended = presence(9)._replace(facts=StanzaFacts(Way.SESSION, "unbind", "", "", "", jids=(named,)))
    door.take(Answered(ended, release(), 9))
    assert [sender for sender, _, _ in door.waiting()] == ["alice@metals.example/phone"]
    door.told(done=9, epoch="another")
    assert door.waiting() == []


def test_who_is_listed_no_more_does_not_come_in(door: Door) -> None:
    door.wait()
    door.queue.let_join(restrict(EXAMPLE, {}))
    assert door.queue.items == ()


def test_a_room_that_is_closed_meanwhile_answers(door: Door) -> None:
    door.wait(to="gone@rooms.metals.example/alice")
    door.queue.let_join(INFORMED)
    (item,) = door.ask()
    assert door.submit(item, INFORMED) == ("recipient-not-admitted",)
    (told,) = door.queue.items
    answer = etree.fromstring(told.stanza)
    assert (answer.get("type"), answer.get("from"), answer.get("to")) == ("error", item.to, DESK)
    assert answer.find("{*}error/{*}not-allowed") is not None
    assert door.submit(told, INFORMED) == ("gate-notice",)
    door.told(done=door.seq)
    assert door.queue.items == ()


def test_what_the_server_hands_back_is_tried_again_and_not_for_ever(door: Door) -> None:
    door.wait()
    door.queue.let_join(INFORMED)
    for _ in range(MAX_ATTEMPTS):
        (item,) = door.ask()
        door.submit(item, INFORMED)
        door.told(done=door.seq, bounced=(door.seq,))
    assert door.queue.items == ()
