"""Held files: decided on by whoever has read the record, or by the deadline; recorded first, and once carried out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.archive.record import Event, RecordKind, parse_record
from components.archive.store import RequestRow
from components.link.review_request import (
    FILE_REQUEST_PREFIX,
    LIST,
    REQUEST_PREFIX,
    ReviewAnswer,
    ReviewRequest,
    encode_review_request,
    parse_review_answer,
    prove_reading,
)
from components.rules.reviewers import Reviewers
from components.transfer.acts import FileActs
from components.transfer.journal import FileJournal
from components.transfer.state import UploadStore
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.review import ReviewAct
from tests.support.archive import START_S, open_payloads
from tests.support.decisions import NOBODY, Desks, decisions_of
from tests.support.file_server import FilesUnderTest, serve_files

HOLDS = ContentPolicy((Rule("holds", ContentAction.HOLD, "With compliance.", Uploads(names=("*.xlsm",))),))
TWO = ContentPolicy((replace(HOLDS.rules[0], reviewers=2),))
DEADLINE_S = 100.0


@dataclass
class Box:
    """Requests of reviewers, and what they are answered."""

    rows: list[RequestRow] = field(default_factory=list)
    answers: dict[str, ReviewAnswer] = field(default_factory=dict)

    async def fetch_requests(self) -> list[RequestRow]:
        return [row for row in self.rows if row.id not in self.answers]


@dataclass
class Desk:
    """A transfer component with one held file, at `url`."""

    files: FilesUnderTest
    acts: FileActs
    box: Box
    url: str
    request: ReviewRequest

    async def ask(self, request: ReviewRequest | bytes, id_: str = "") -> ReviewAnswer:
        id_ = id_ or f"{FILE_REQUEST_PREFIX}{len(self.box.rows)}"
        body = request if isinstance(request, bytes) else encode_review_request(request)
        self.box.rows.append(RequestRow(id_, body, None))
        await self.acts.serve()
        return self.box.answers[id_]

    async def reviews(self) -> list[tuple[str, dict[str, str | int]]]:
        await self.files.writer.sign()
        found = []
        for payload in await open_payloads(self.files.root / "transfer.db"):
            event = parse_record(RecordKind.FILE, payload)
            assert isinstance(event, Event)
            if "actor" in dict(event.details):
                found.append((event.name, dict(event.details)))
        return found


@asynccontextmanager
async def hold_one(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    default: ReviewAct = ReviewAct.REFUSE,
    policy: ContentPolicy = HOLDS,
    reviewers: Reviewers = NOBODY,
) -> AsyncIterator[Desk]:
    box = Box()

    async def answer(_journal: FileJournal, id_: str, text: str) -> None:
        box.answers[id_] = parse_review_answer(text)

    monkeypatch.setattr(FileJournal, "answer", answer)
    async with serve_files(root, policy=policy) as files:
        url = await files.put(b"macros", name="a.xlsm")
        acts = FileActs(
            files.uploads, files.journal, box, decisions_of(policy, default, reviewers),
            deadline_s=DEADLINE_S, clock_s=lambda: files.now_s,
        )  # fmt: skip
        ((upload, settled),) = await files.uploads.list_held()
        await files.writer.sign()
        (payload,) = await open_payloads(root / "transfer.db")
        evidence = prove_reading(upload.id.hex(), 0, payload)
        request = ReviewRequest("release", settled.record, "rita", "our own macros", evidence)
        yield Desk(files, acts, box, url, request)


@pytest.mark.parametrize(("act", "status"), [("release", 200), ("refuse", 404)])
async def test_a_reviewer_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, status: int
) -> None:
    async with hold_one(tmp_path, monkeypatch) as desk:
        assert await desk.files.status_of(desk.url) == 503
        request = ReviewRequest(act, *_rest(desk.request))
        assert await desk.ask(request) == ReviewAnswer()
        assert await desk.files.status_of(desk.url) == status
        record = f"transfer/{desk.request.record}"
        assert await desk.reviews() == [
            (act, {"actor": "rita", "reason": "our own macros", "record": record})
        ]
        # Decided once: neither another reviewer nor the deadline changes it.
        assert "no held file" in (await desk.ask(desk.request)).problem
        desk.files.now_s = START_S + 10 * DEADLINE_S
        await desk.acts.serve()
        assert await desk.files.status_of(desk.url) == status
        assert len(await desk.reviews()) == 1


def _rest(request: ReviewRequest) -> tuple[int, str, str, str]:
    return request.record, request.actor, request.reason, request.evidence


async def test_whoever_has_not_read_it_does_not_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hold_one(tmp_path, monkeypatch) as desk:
        record, actor, reason, evidence = _rest(desk.request)
        wrong: list[ReviewRequest | bytes] = [
            ReviewRequest("release", record, actor, reason, ""),
            ReviewRequest("release", record, actor, reason, prove_reading("", 0, b"")),
            ReviewRequest("release", record, actor, " ", evidence),
            ReviewRequest("release", record + 1, actor, reason, evidence),
            ReviewRequest("shred", record, actor, reason, evidence),
            b"no request at all",
        ]
        for each in wrong:
            assert (await desk.ask(each)).problem
        assert await desk.files.status_of(desk.url) == 503
        assert await desk.reviews() == []


async def test_what_is_held_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hold_one(tmp_path, monkeypatch) as desk:
        (held,) = (await desk.ask(ReviewRequest(LIST))).held
        assert (held.record, held.sender, held.rules) == (
            desk.request.record,
            "anna@metals.example",
            ("holds",),
        )
        assert held.deadline_ns - held.held_at_ns == int((DEADLINE_S - 2) * 1e9)


async def test_requests_to_others_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hold_one(tmp_path, monkeypatch) as desk:
        desk.box.rows.append(RequestRow(f"{REQUEST_PREFIX}1", encode_review_request(desk.request), None))
        desk.box.rows.append(RequestRow("order", b"x", None))
        await desk.acts.serve()
        assert desk.box.answers == {}


@pytest.mark.parametrize(("default", "status"), [(ReviewAct.REFUSE, 404), (ReviewAct.RELEASE, 200)])
async def test_the_deadline_decides_a_little_before_that_of_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, default: ReviewAct, status: int
) -> None:
    async with hold_one(tmp_path, monkeypatch, default) as desk:
        desk.files.now_s = START_S + DEADLINE_S - 3
        await desk.acts.serve()
        assert await desk.files.status_of(desk.url) == 503
        desk.files.now_s = START_S + DEADLINE_S - 2
        await desk.acts.serve()
        assert await desk.files.status_of(desk.url) == status
        ((act, details),) = await desk.reviews()
        assert (act, details["actor"]) == (default.value, "deadline")


async def test_a_decision_that_cannot_be_recorded_is_not_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    def fail_now(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    async with hold_one(tmp_path, monkeypatch) as desk:
        for place, name, what in ((FileJournal, "reviewed", fail), (UploadStore, "settle", fail_now)):
            with monkeypatch.context() as broken:
                broken.setattr(place, name, what)
                with pytest.raises(LogUnavailable):
                    await desk.ask(desk.request)
            assert await desk.files.status_of(desk.url) == 503
        # The request is still there.
        await desk.acts.serve()
        assert await desk.files.status_of(desk.url) == 200
        assert {act for act, _ in await desk.reviews()} == {"release"}


async def test_what_waits_survives_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with hold_one(tmp_path, monkeypatch) as desk:
        request, id_ = desk.request, (await desk.files.uploads.list_held())[0][0].id
    async with serve_files(tmp_path, policy=HOLDS) as files:
        ((upload, settled),) = await files.uploads.list_held()
        assert (upload.id, settled.record, settled.evidence) == (id_, request.record, request.evidence)


async def test_a_file_waits_for_the_second_of_two_people_and_each_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with hold_one(tmp_path, monkeypatch, policy=TWO) as desk:
        assert await desk.ask(desk.request) == ReviewAnswer(waits=True)
        assert await desk.files.status_of(desk.url) == 503
        (held,) = (await desk.ask(ReviewRequest(LIST))).held
        assert (held.reviewers, held.votes) == (2, (("rita", "release"),))
        desk.files.now_s += 1
        assert "rita has decided this already" in (await desk.ask(desk.request)).problem
        assert await desk.ask(replace(desk.request, actor="omar")) == ReviewAnswer()
        assert await desk.files.status_of(desk.url) == 200
        assert [(name, said["actor"], said.get("with")) for name, said in await desk.reviews()] == [
            ("proposed", "rita", None),
            ("release", "omar", "rita"),
        ]
        assert await desk.files.uploads.list_votes() == {}


async def test_a_file_is_not_released_by_its_owner_or_without_a_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys").mkdir()
    desks = Desks(tmp_path / "keys", rita={}, anna={"jid": "anna@metals.example"})
    async with hold_one(tmp_path, monkeypatch, reviewers=desks.reviewers) as desk:
        now_s = int(desk.files.now_s)
        assert "is not signed" in (await desk.ask(desk.request)).problem
        own = desks.sign(desk.request, "anna", "transfer", now_s)
        assert "nobody reviews their own" in (await desk.ask(own)).problem
        elsewhere = desks.sign(desk.request, "rita", "transfer", now_s, origin="metals.example/gate")
        assert "not what is asked for" in (await desk.ask(elsewhere)).problem
        assert await desk.files.status_of(desk.url) == 503
        assert await desk.ask(desks.sign(desk.request, "rita", "transfer", now_s)) == ReviewAnswer()
        assert await desk.files.status_of(desk.url) == 200
