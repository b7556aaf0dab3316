"""JSON that others wrote: however deep it is inside itself, it is told as what cannot be read, and ends nothing."""

import ast
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import components
from components.access.memory import Memory
from components.archive.backup import CopyError
from components.archive.backup.encoding import parse_memos, parse_outline, parse_segments
from components.archive.blobs.head import HeadError, parse_head
from components.archive.bookkeeping import BookkeepingError, parse_bookkeeping
from components.archive.follow.encoding import parse_batch
from components.archive.grant import GrantError
from components.archive.orders.request import OrderRequestError, parse_answer, parse_request
from components.archive.record import RecordKind
from components.archive.seal import SealError, open_envelopes
from components.audit.console.state import ConsoleState
from components.audit.grant.file import parse_grant_file
from components.audit.reading.workers import _parse_answer
from components.audit.review.listed import read_id
from components.link.review_request import (
    ReviewRequestError,
    parse_review_answer,
    parse_review_request,
    parse_shut_request,
)
from components.process.errors import SiteError
from components.process.json_text import read_json
from components.process.status import read_status
from components.roster.state import RosterStateError, load_state
from components.rules.file_facts import parse_facts
from components.rules.recorded_directory import parse_listed
from components.site.attach.survey import read_answer
from components.verifier.evidence import read_said
from components.verifier.format import parse_object
from components.verifier.format import read_json as read_json_of_verifier

DEEP = '{"a":' * 100_000
"""Python's reader of JSON gives up long before its end, by a RecursionError."""

BYTES = DEEP.encode()
ROOT = Path(next(iter(components.__path__)))
THEIR_OWN = {
    "process/json_text.py",
    "verifier/format.py",  # which imports nothing of ours
    "audit/reading/worker.py",  # what its own parent told it
    "site/demo.py",  # what our own command printed
}


@pytest.mark.parametrize("read", [read_json, read_json_of_verifier])
def test_json_is_read_or_is_no_value(read: Callable[[str | bytes], Any]) -> None:
    assert read('{"a": [1, 2.5, null, "ü"]}') == {"a": [1, 2.5, None, "ü"]}
    assert read(b"[]") == []
    assert read("[1e300, -0.0, 1E-400]") == [1e300, 0.0, 0.0]
    assert read(f"{2**80}") == 2**80
    for text in ("", "{", "[1,]", b"\xff", DEEP, BYTES, "[" * 100_000):
        with pytest.raises(ValueError):
            read(text)


@pytest.mark.parametrize("read", [read_json, read_json_of_verifier])
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", f"1{'0' * 400}.0"])
def test_what_is_no_number_is_no_json(read: Callable[[str | bytes], Any], number: str) -> None:
    """Python would take it, and `int` of it is an error that nobody expects (OverflowError)."""
    for text in (number, f'{{"a": [{number}]}}'):
        with pytest.raises(ValueError):
            read(text)


def reads_json(text: str) -> bool:
    """Whether a module calls Python's reader, or gives it a name of its own; most need not be parsed for that."""
    return "json" in text and any(is_reader(node) for node in ast.walk(ast.parse(text)))


def is_reader(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="json"), attr="load" | "loads")):
            return True
        case ast.ImportFrom(module="json", names=names):
            return any(name.name in ("load", "loads", "*") for name in names)
        case ast.Import(names=names):
            return any(name.name == "json" and name.asname for name in names)
    return False


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("import json\njson.loads(text)", True),
        ("json.load(file)['a']", True),
        ("from json import dumps, loads", True),
        ("from json import *", True),
        ("import json as reader", True),
        ("import json\njson.dumps(value)", False),
        ("from json import dumps, JSONDecodeError", False),
        ("from components.process.json_text import read_json\nread_json(text)", False),
        ("'json.loads(text)'", False),
        ("orjson.loads(text)", False),
    ],
)
def test_whoever_reads_json_is_found(text: str, reads: bool) -> None:
    assert reads_json(text) is reads


@pytest.mark.slow
def test_nobody_reads_json_in_another_way() -> None:
    """Whoever calls `json.loads` forgets what deep texts do: a hostile one ends the process that reads it."""
    written = ((path, path.read_text()) for path in ROOT.rglob("*.py"))
    found = {path.relative_to(ROOT).as_posix() for path, text in written if reads_json(text)}
    assert found == THEIR_OWN


PARSERS: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    "an order's file": (lambda: parse_request(BYTES), OrderRequestError),
    "the answer to an order": (lambda: parse_answer(DEEP), OrderRequestError),
    "a grant's file": (lambda: parse_grant_file(DEEP), GrantError),
    "envelopes": (lambda: open_envelopes(BYTES, b"", (), "it"), SealError),
    "a manifest": (lambda: parse_bookkeeping(RecordKind.MANIFEST, BYTES), BookkeepingError),
    "a blob's head": (lambda: parse_head(BYTES), HeadError),
    "a backup's log": (lambda: parse_outline(BYTES), CopyError),
    "a backup's segments": (lambda: parse_segments(BYTES), CopyError),
    "a backup's memos": (lambda: parse_memos(BYTES), CopyError),
    "a batch of a feed": (lambda: parse_batch(BYTES + b"\n"), CopyError),
    "a reviewer's request": (lambda: parse_review_request(BYTES), ReviewRequestError),
    "a request to shut a file": (lambda: parse_shut_request(BYTES), ReviewRequestError),
    "the answer to a reviewer": (lambda: parse_review_answer(DEEP), ReviewRequestError),
    "a line of a list": (lambda: read_id(DEEP), SiteError),
    "what is known of a file": (lambda: parse_facts(DEEP), ValueError),
    "a recorded directory": (lambda: parse_listed("listed", DEEP), ValueError),
    "a server's survey": (lambda: read_answer(f"survey {DEEP}\n", "", Path("/x"), "Prosody"), SiteError),
}


@pytest.mark.parametrize("what", PARSERS)
def test_what_is_too_deep_is_refused_as_any_other_nonsense(what: str) -> None:
    parse, error = PARSERS[what]
    with pytest.raises(error):
        parse()


def test_states_that_are_too_deep_are_told_as_damaged(tmp_path: Path) -> None:
    file = tmp_path / "state"
    file.write_text(DEEP)
    with pytest.raises(RosterStateError, match="is not the roster component's state"):
        load_state(file)
    with pytest.raises(ValueError, match="is not what a console keeps"):
        ConsoleState.open(file)
    assert Memory(file).accounts == {}
    assert read_status(file) == ({}, "has not told its status yet")


def test_a_reader_of_files_that_was_taken_over_has_said_nothing() -> None:
    whole = {
        "text": "",
        "words": ["", ""],
        "picture": None,
        "state": "read",
        "heard_characters": 0,
        "has_sound": False,
    }
    assert _parse_answer(json.dumps(whole).encode()) is not None
    assert _parse_answer(BYTES) is None
    assert _parse_answer(json.dumps(whole | {"heard_characters": math.inf}).encode()) is None


def test_the_verifier_goes_on() -> None:
    assert parse_object(BYTES, {"a": int}) is None
    assert read_said(1, BYTES + b"\nsaid") == (BYTES + b"\nsaid").decode()
