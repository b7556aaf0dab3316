"""Open files that are found bad later: shut on an auditor's request, recorded first, and never twice for the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.link.review_request import (
    SHUT_REQUEST_PREFIX,
    ReviewAnswer,
    ReviewRequest,
    ShutRequest,
    encode_review_request,
    parse_shut_request,
)
from components.rules.file_links import FileLink
from components.rules.file_states import FileStates
from components.transfer.acts import FileActs
from components.transfer.journal import FileJournal
from components.transfer.state import UploadStore
from policy.files.standing import FileState
from tests.support.archive import START_S
from tests.support.decisions import decisions_of
from tests.unit.transfer.test_acts import DEADLINE_S, Desk, hold_one


@asynccontextmanager
async def open_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Desk, ShutRequest]]:
    """Serve a file that a reviewer has released."""
    async with hold_one(root, monkeypatch) as desk:
        assert await desk.ask(desk.request) == ReviewAnswer()
        assert await desk.files.status_of(desk.url) == 200
        found = desk.request
        yield (
            desk,
            ShutRequest(
                "refuse",
                found.record,
                ("virus",),
                "A virus.",
                "rita",
                "files rescan: access/4",
                found.evidence,
            ),
        )


async def ask(desk: Desk, request: ShutRequest | bytes) -> ReviewAnswer:
    body = request if isinstance(request, bytes) else encode_review_request(request)
    return await desk.ask(body, f"{SHUT_REQUEST_PREFIX}{len(desk.box.rows)}")


async def shuts(desk: Desk) -> list[dict[str, str | int]]:
    return [dict(each.details) for each in await desk.files.events() if each.name == "shut"]


def standing(desk: Desk) -> tuple[FileState, tuple[str, ...], str]:
    """Return how the file stands for the gate."""
    states = FileStates(desk.files.root / "state.db")
    link = desk.files.links.open(desk.url.split("/")[-2])
    assert isinstance(link, FileLink)
    (found,) = states.read([link], desk.files.now_s)
    states.close()
    return found.state, found.rules, found.text


@pytest.mark.parametrize(
    ("action", "status", "state"), [("refuse", 404, FileState.REFUSED), ("hold", 503, FileState.HELD)]
)
async def test_an_open_file_is_shut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: str, status: int, state: FileState
) -> None:
    async with open_one(tmp_path, monkeypatch) as (desk, request):
        assert await ask(desk, replace(request, action=action)) == ReviewAnswer()
        assert await desk.files.status_of(desk.url) == status
        # A message with its link goes as the file does.
        assert standing(desk) == (state, ("holds", "virus"), "A virus.")
        assert await shuts(desk) == [
            {
                "actor": "rita",
                "reason": "files rescan: access/4",
                "record": f"transfer/{request.record}",
                "action": action,
                "rules": "virus",
            }
        ]
        assert "not open any more" in (await ask(desk, request)).problem
        assert len(await shuts(desk)) == 1


async def test_what_a_reviewer_lets_go_again_is_not_shut_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_one(tmp_path, monkeypatch) as (desk, request):
        hold = replace(request, action="hold")
        assert await ask(desk, hold) == ReviewAnswer()
        assert await desk.ask(replace(desk.request, reason="a false alarm")) == ReviewAnswer()
        assert await desk.files.status_of(desk.url) == 200
        assert "a reviewer let it go" in (await ask(desk, hold)).problem
        assert await desk.files.status_of(desk.url) == 200
        # For something else it is.
        assert await ask(desk, replace(hold, rules=("virus", "worm"))) == ReviewAnswer()
        assert await desk.files.status_of(desk.url) == 503
        desk.files.now_s = START_S + 2 * DEADLINE_S
        await desk.acts.serve()
        assert await desk.files.status_of(desk.url) == 404


async def test_what_nobody_has_read_is_not_shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_one(tmp_path, monkeypatch) as (desk, request):
        wrong: list[ShutRequest | bytes] = [
            replace(request, evidence=""),
            replace(request, record=request.record + 1),
            replace(request, action="release"),
            b"[]",
            b"no request at all",
            encode_review_request(ReviewRequest("refuse", request.record)),
        ]
        for each in wrong:
            assert (await ask(desk, each)).problem
        assert await desk.files.status_of(desk.url) == 200
        assert await shuts(desk) == []


async def test_a_link_that_has_ended_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_one(tmp_path, monkeypatch) as (desk, request):
        desk.files.now_s = START_S + 86_400
        assert "not open any more" in (await ask(desk, request)).problem


async def test_what_cannot_be_recorded_is_not_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    def fail_now(*_: object) -> None:
        raise LogUnavailable("the disk is full")

    async with open_one(tmp_path, monkeypatch) as (desk, request):
        for place, name, what in ((FileJournal, "shut", fail), (UploadStore, "settle", fail_now)):
            with monkeypatch.context() as broken:
                broken.setattr(place, name, what)
                with pytest.raises(LogUnavailable):
                    await ask(desk, request)
            assert await desk.files.status_of(desk.url) == 200
        # The request is still there, also after a restart.
        acts = FileActs(
            desk.files.uploads, desk.files.journal, desk.box, decisions_of(),
            deadline_s=DEADLINE_S, clock_s=lambda: desk.files.now_s,
        )  # fmt: skip
        await acts.serve()
        assert await desk.files.status_of(desk.url) == 404


def test_a_request_is_read_as_it_was_written() -> None:
    request = ShutRequest("hold", 3, ("a", "b"), "Téxt.", "rita", "why", "ab")
    assert parse_shut_request(encode_review_request(request)) == request
