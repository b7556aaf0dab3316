"""The demonstration is strict: whatever the line does otherwise than it promises makes it fail."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from components.access.notice import ASK
from components.link.client import Received, SendResult
from components.site import demo
from components.site.demo import acknowledge, tell_fault
from components.site.demo_conversation import ALICE, BOB, GEORGE, HANNA, Conversation, UnexpectedError
from components.site.demo_scenes import Message, Notice, Scene
from tests.support.audit_site import make_site
from tests.support.audit_sites import name_sites

GATE = "gate.steelyard.example"
Deliver = Callable[["FakeLine", str, str, str, bool], SendResult]


class FakeClient:
    """A client on a line that does what the test wants."""

    def __init__(self, jid: str, line: "FakeLine") -> None:
        self.jid = jid
        self.inbox: asyncio.Queue[Received] = asyncio.Queue()
        self._line = line

    async def send_chat(self, to: str, body: str, *, corrects: str = "", payload: Any = None) -> SendResult:
        return self._line.deliver(self._line, self.jid, to, body, payload is not None)

    async def receive(self) -> Received:
        if self.inbox.empty():
            raise TimeoutError
        return self.inbox.get_nowait()


class FakeLine:
    """Four clients and a rule that says what becomes of each message."""

    def __init__(self, deliver: Deliver) -> None:
        self.deliver = deliver
        self.clients = {jid: FakeClient(jid, self) for jid in (ALICE, BOB, GEORGE, HANNA)}
        self.records = 0
        self.scenes: list[Scene] = []

    def put(
        self, sender: str, to: str, body: str, *, stanza_ids: Mapping[str, str] | None = None
    ) -> SendResult:
        self.records += 1
        ids = {GATE: f"gate/{self.records}"} if stanza_ids is None else dict(stanza_ids)
        self.clients[to].inbox.put_nowait(Received(f"{sender}/phone", body, ids, delayed=False))
        return SendResult(f"m{self.records}", delivered=True)

    def refuse(self, sender: str, *, told: bool) -> SendResult:
        """Refuse a message, and have the line say so in its own conversation if that is what it does."""
        result = refused()
        if told:
            self.clients[sender].inbox.put_nowait(
                Received(f"notice@{GATE}", f"Your message: not delivered. {result.text}", {}, delayed=False)
            )
        return result

    async def play(self) -> list[str]:
        clients: Any = self.clients
        return await Conversation(GATE, clients, self.scenes.append).play()


def refused(condition: str = "not-allowed", text: str = "Ask your compliance desk.") -> SendResult:
    return SendResult("m0", delivered=False, condition=condition, text=text)


def good(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    if encrypted or sender.partition("@")[2] != to.partition("@")[2]:
        return line.refuse(sender, told=encrypted)
    return line.put(sender, to, body)


def says_no_reason_itself(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    return refused() if encrypted else good(line, sender, to, body, encrypted)


def says_another_reason(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    result = good(line, sender, to, body, encrypted)
    return refused(text="Another reason.") if encrypted else result


def lets_encrypted_through(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    return line.put(sender, to, body) if encrypted else good(line, sender, to, body, encrypted)


def lets_enterprises_meet(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    return line.put(sender, to, body) if to == GEORGE else good(line, sender, to, body, encrypted)


def refuses_all(_line: FakeLine, _sender: str, _to: str, _body: str, _encrypted: bool) -> SendResult:
    return refused()


def refuses_without_a_reason(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    outcome = good(line, sender, to, body, encrypted)
    return outcome if outcome.delivered else refused(text="")


def delivers_what_it_refuses(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    outcome = good(line, sender, to, body, encrypted)
    if not outcome.delivered:
        line.put(sender, to, body)
    return outcome


def delivers_without_a_record(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    outcome = good(line, sender, to, body, encrypted)
    if not outcome.delivered:
        return outcome
    line.clients[to].inbox.get_nowait()
    return line.put(sender, to, body, stanza_ids={to: "its own archive's"})


def delivers_something_else(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    return good(line, sender, to, body.replace("9410", "9140"), encrypted)


def delivers_twice(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    outcome = good(line, sender, to, body, encrypted)
    if outcome.delivered:
        line.put(sender, to, body)
    return outcome


def confirms_and_loses(line: FakeLine, sender: str, to: str, body: str, encrypted: bool) -> SendResult:
    outcome = good(line, sender, to, body, encrypted)
    if outcome.delivered:
        line.clients[to].inbox.get_nowait()
    return outcome


def never_answers(_line: FakeLine, _sender: str, _to: str, _body: str, _encrypted: bool) -> SendResult:
    raise TimeoutError


async def test_a_line_that_keeps_its_promises() -> None:
    line = FakeLine(good)
    assert await line.play() == ["gate/1", "gate/2", "gate/3", "gate/4"]
    messages = [scene for scene in line.scenes if isinstance(scene, Message)]
    assert [(each.to, each.record, each.condition, each.is_correction) for each in messages] == [
        (BOB, "gate/1", "", False),
        (ALICE, "gate/2", "", False),
        (GEORGE, "", "not-allowed", False),
        (BOB, "", "not-allowed", False),
        (BOB, "gate/3", "", True),
        (GEORGE, "gate/4", "", False),
    ]


@pytest.mark.parametrize(
    ("deliver", "reason"),
    [
        (lets_encrypted_through, r"alice.* to bob.* \(encrypted\) was not refused with a reason"),
        (lets_enterprises_meet, r"alice.* to george.* \(another enterprise\) was not refused with a reason"),
        (refuses_all, "alice.* could not write to bob.*: not-allowed: Ask your compliance desk"),
        (refuses_without_a_reason, "was not refused with a reason"),
        (delivers_what_it_refuses, "received"),
        (delivers_without_a_record, "not what alice.* had written, with its record"),
        (delivers_something_else, "not what alice.* had written"),
        (delivers_twice, "received"),
        (says_no_reason_itself, "did not receive what was confirmed"),
        (says_another_reason, "not why their message was refused"),
        (confirms_and_loses, "did not receive what was confirmed"),
        (never_answers, "neither delivered nor refused"),
    ],
)
async def test_a_line_that_breaks_one(deliver: Deliver, reason: str) -> None:
    with pytest.raises(UnexpectedError, match=reason):
        await FakeLine(deliver).play()


async def test_what_an_interrupted_demonstration_left_is_passed_over() -> None:
    line = FakeLine(good)
    for client in line.clients.values():
        client.inbox.put_nowait(Received(f"{HANNA}/phone", "an earlier message", {}, delayed=True))
    assert len(await line.play()) == 4


NOTICE = "notice@access.steelyard.example"


class FakeNewcomer:
    """Somebody who is told of the recording, and thanked once all who are `asked` have answered."""

    def __init__(self, jid: str, asked: dict[str, "FakeNewcomer"], *told: str) -> None:
        self.jid = jid
        self._asked = asked
        self._told = list(told)
        self.wrote: list[tuple[str, str]] = []

    def write(self, to: str, text: str) -> None:
        self.wrote.append((to, text))

    async def receive(self) -> Received:
        if self._told:
            sender, _, text = self._told.pop(0).partition(": ")
            return Received(sender, text, {}, delayed=False)
        if not self.wrote or not all(each.wrote for each in self._asked.values()):
            raise TimeoutError
        return Received(NOTICE, "Thank you.", {}, delayed=False)


async def test_all_say_yes_before_anybody_waits_for_thanks() -> None:
    asked: dict[str, FakeNewcomer] = {}
    for jid in (ALICE, BOB):
        asked[jid] = FakeNewcomer(jid, asked, f"{BOB}: of a time before", f"{NOTICE}: It is recorded. {ASK}")
    clients = asked | {HANNA: FakeNewcomer(HANNA, asked, f"{NOTICE}: It is recorded.")}
    shown: list[Scene] = []
    await acknowledge(NOTICE, clients, shown.append)  # type: ignore[arg-type]
    assert [each.wrote for each in clients.values()] == [[(NOTICE, "yes")], [(NOTICE, "yes")], []]
    assert shown[1:] == [
        Notice(NOTICE, ALICE, f"It is recorded. {ASK}", "Thank you."),
        Notice(NOTICE, BOB, f"It is recorded. {ASK}", "Thank you."),
        Notice(NOTICE, HANNA, "It is recorded."),
    ]


@pytest.mark.parametrize("told", [(), (f"{BOB}: something else",)])
async def test_whoever_is_told_nothing_fails_the_demonstration(told: tuple[str, ...]) -> None:
    client = FakeNewcomer(ALICE, {}, *told)
    with pytest.raises(UnexpectedError, match=f"{ALICE} was not told that the line is recorded"):
        await acknowledge(NOTICE, {ALICE: client}, lambda _scene: None)  # type: ignore[dict-item]


def found(id_: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return id_, {"id": id_, "at_ns": 100, "verdict": "release", **more}


REFUSED = (found("gate/8", verdict="refuse"), found("gate/9", verdict="refuse"))
TALK = (found("gate/1"), found("gate/2"), *REFUSED)
READ = found("gate/3", kept_files=[{"in_the_file": True}])
UNREAD = found("gate/3", kept_files=[{"in_the_file": False}])


@pytest.mark.parametrize(
    ("records", "fault"),
    [
        ((*TALK, READ), ""),
        ((*TALK, READ, found("gate/0", verdict="refuse", at_ns=99)), ""),
        ((found("gate/1"), *REFUSED, READ), "the search did not find gate/2"),
        (TALK, "the search did not find gate/3"),
        ((*TALK, UNREAD), "the search found gate/3, but not nordsee in its file"),
        ((*TALK, found("gate/3")), "the search found gate/3, but not nordsee in its file"),
        ((*TALK[:-1], READ), "the search found 1 refused messages of this talk, not 2"),
        ((*TALK, READ, found("gate/7", verdict="refuse")), "the search found 3 refused messages of this"),
    ],
)
def test_all_is_found_or_what_is_not_is_told(records: tuple[tuple[str, Any], ...], fault: str) -> None:
    told = tell_fault(dict(records), ["gate/1", "gate/2"], {"nordsee": "gate/3"}, since_ns=100)
    assert told.startswith(fault)
    assert bool(told) == bool(fault)


def test_a_file_that_nothing_here_can_read_is_found_by_its_name() -> None:
    assert tell_fault(dict((*TALK, UNREAD)), ["gate/1"], {"file:voice-note": "gate/3"}, since_ns=100) == ""


async def test_where_other_sites_are_named_it_looks_at_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several sites, ids would have the names of these, and a message of two of them one id."""
    own, london = [await make_site(made(tmp_path / name)) for name in ("own", "london")]
    asked: list[tuple[str, ...]] = []

    async def fetch(_settings: object, *arguments: str) -> str:
        asked.append(arguments)
        return '{"records": [{"id": "gate/1"}]}'

    monkeypatch.setattr(demo, "_fetch_output", fetch)
    assert (
        await demo.find_missing(own.settings, "tin", ["gate/1", "gate/2"]) == "the search did not find gate/2"
    )
    name_sites(own, london=london.path)
    assert await demo.find_missing(own.settings, "tin", ["gate/1"]) == ""
    plain, narrowed = asked
    assert narrowed == (*plain, "--at", own.settings.site.name)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder
