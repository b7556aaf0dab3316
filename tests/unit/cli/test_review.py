"""`steelyard review list` shows what held messages say, and that somebody saw it is a record that names them."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from components.audit.review import held as review
from components.link.review_request import HeldMessage, ReviewAnswer, ReviewRequest
from components.settings.site import SiteFile
from tests.support.audit_site import T0_NS, Site, make_site
from tests.support.retention_site import Shell

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"

Hold = Callable[..., None]


@pytest.fixture
async def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = await make_site(tmp_path)
    monkeypatch.setenv("STEELYARD_SITE", str(made.path))
    return made


@pytest.fixture
def shell(site: Site, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(site, capsys)


@pytest.fixture
def hold(site: Site, monkeypatch: pytest.MonkeyPatch) -> Hold:
    """Have a gate that holds the messages with these texts, as they are recorded; `more` are records of no message."""

    def held(*texts: str, more: tuple[int, ...] = ()) -> None:
        if texts:
            asyncio.run(site.record(*(site.say(ALICE, BOB, text, action="hold") for text in texts)))
        records = (*site.places, *more)
        answer = ReviewAnswer(
            held=tuple(
                HeldMessage(record, "waiting", ALICE, BOB, ("tips",), T0_NS, T0_NS) for record in records
            )
        )

        async def ask(_settings: SiteFile, _request: ReviewRequest, _timeout_s: float) -> ReviewAnswer:
            return answer

        monkeypatch.setattr(review, "_ask", ask)

    return held


def seen(site: Site) -> list[tuple[str, str]]:
    return [(access.act, access.query) for access in asyncio.run(site.accesses())]


def test_each_message_is_shown_with_its_text_and_the_look_names_it(
    site: Site, shell: Shell, hold: Hold
) -> None:
    hold("takeover at nine", "first line\nsecond line\nfirst line")
    status, output, _ = shell.run("review", "list")
    assert status == 0
    first, second = site.id_of(0), site.id_of(1)
    assert output.splitlines() == [
        f"{first} {ALICE} to {BOB} (tips): waits until 2026-11-23T20:04:05Z",
        "    takeover at nine",
        f"{second} {ALICE} to {BOB} (tips): waits until 2026-11-23T20:04:05Z",
        "    first line",
        "    second line",
        "2 messages. This look is record audit/1.",
    ]
    assert seen(site) == [("review-list", f"{first} {second}")]


def test_text_cannot_play_with_the_terminal_and_is_not_endless(shell: Shell, hold: Hold) -> None:
    hold("go\u202eld " * 1_000)
    _, output, _ = shell.run("review", "list")
    assert "\u202e" not in output and "go\\u202eld" in output
    assert "review show gate/1` shows all" in output
    assert len(output) < 10_000


def test_the_document_has_the_whole_text(shell: Shell, hold: Hold) -> None:
    hold("gold " * 1_000)
    status, output, _ = shell.run("review", "list", "--json")
    assert status == 0
    assert json.loads(output)["held"][0]["text"] == "gold " * 1_000


def test_what_cannot_be_read_is_said(site: Site, shell: Shell, hold: Hold) -> None:
    hold("takeover", more=(0, 999))  # the log's own record, and one that is not there
    _, output, _ = shell.run("review", "list")
    assert output.count("(cannot be read: see") == 2
    held = shell.document("review", "list")["held"]
    assert [message["text"] for message in held] == ["takeover", None, None]


def test_without_the_auditors_key_nothing_is_listed(site: Site, shell: Shell, hold: Hold) -> None:
    hold("takeover")
    (key,) = site.settings.audit.key_files
    assert isinstance(key, Path)
    key.unlink()
    status, output, errors = shell.run("review", "list")
    assert (status, output) == (2, "")
    assert "audit.key_files" in errors


def test_an_empty_queue_needs_no_key(site: Site, shell: Shell, hold: Hold) -> None:
    hold()
    (key,) = site.settings.audit.key_files
    assert isinstance(key, Path)
    key.unlink()
    status, output, _ = shell.run("review", "list")
    assert (status, output) == (0, "0 messages. This look is record audit/1.\n")
