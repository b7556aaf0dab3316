"""A reviewer's request to the gate, and its answer; both travel as orders do."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from components.process.json_text import read_json
from policy.review import ReviewAct

REQUEST_PREFIX = "review:"
"""The beginning of these requests' ids. An order's id has no colon, so the two cannot be confused."""

FILE_REQUEST_PREFIX = "file-review:"
"""Likewise of those to the transfer component, about held files."""

SHUT_REQUEST_PREFIX = "file-shut:"
"""Likewise of an auditor's, about files that are open."""

FETCH_PREFIX = "fetch:"
"""Likewise of those to the follower of a feed, which copies the file of a record. Such a request never leaves the
machine; its body is the record's index."""

LIST = "list"


class ReviewRequestError(ValueError):
    """The text is not a reviewer's request, or not an answer to one."""


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message in the review queue; `stage` is `waiting`, `outgoing`, `sent` or `uncertain`, times are Unix time.

    Or a held file: `stage` is `held`, `sender` its owner, `to` the id of its upload. So many `reviewers` must agree;
    `votes` are who has decided what so far, as pairs.
    """

    record: int
    stage: str
    sender: str
    to: str
    rules: tuple[str, ...]
    held_at_ns: int
    deadline_ns: int
    reviewers: int = 1
    votes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """An act (`list`, `release` or `refuse`) on the held message of record `record`, with who asks for it and why.
    `evidence` is `prove_reading` of this record. A list needs none of these. `statement` is the same as a signed note
    (docs/review.md, section 7), where reviewers have keys.
    """

    act: str
    record: int = -1
    actor: str = ""
    reason: str = ""
    evidence: str = ""
    statement: str = ""


@dataclass(frozen=True, slots=True)
class ShutRequest:
    """A request to shut an open file, because of what is found in it today, with who asks for it and why.

    `action` is `hold` or `refuse`, `rules` are the rules that match, `text` is what whoever sends its link is told.
    `record` and `evidence` are as for a review.
    """

    action: str
    record: int
    rules: tuple[str, ...]
    text: str
    actor: str
    reason: str
    evidence: str


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """The result of a request: a problem, or none, and for `list` all held messages, the oldest first.

    `waits`: the decision is recorded, and another person has to decide the same.
    """

    problem: str = ""
    held: tuple[HeldMessage, ...] = ()
    waits: bool = False


def encode_review_request(request: ReviewRequest | ShutRequest) -> bytes:
    """Encode as one JSON object."""
    return json.dumps(asdict(request), ensure_ascii=False).encode()


def parse_review_request(body: bytes) -> ReviewRequest:
    """Parse a request; raises ReviewRequestError."""
    try:
        value: dict[str, Any] = read_json(body)
        request = ReviewRequest(**value)
    except (ValueError, TypeError):
        raise ReviewRequestError("not a reviewer's request") from None
    texts = (request.act, request.actor, request.reason, request.evidence, request.statement)
    if type(request.record) is not int or any(type(text) is not str for text in texts):
        raise ReviewRequestError("not a reviewer's request")
    return request


def parse_shut_request(body: bytes) -> ShutRequest:
    """Parse a request; raises ReviewRequestError."""
    try:
        value: dict[str, Any] = read_json(body)
        request = ShutRequest(**{**value, "rules": tuple(value["rules"])})
    except (ValueError, TypeError, KeyError):
        raise ReviewRequestError("not a request to shut a file") from None
    texts = (request.action, *request.rules, request.text, request.actor, request.reason, request.evidence)
    if type(request.record) is not int or any(type(text) is not str for text in texts):
        raise ReviewRequestError("not a request to shut a file")
    return request


def take_review_request(
    body: bytes, held: Callable[[], tuple[HeldMessage, ...]]
) -> tuple[ReviewRequest, ReviewAct] | ReviewAnswer:
    """Return a request with the act to do, or the answer where there is nothing to do: the list of what is held."""
    try:
        request = parse_review_request(body)
        if request.act == LIST:
            return ReviewAnswer(held=held())
        return request, ReviewAct(request.act)
    except ValueError:
        return ReviewAnswer("this is not an act of a reviewer")


def find_request_problem(request: ReviewRequest, record_id: str, evidence: str) -> str:
    """Return why a decision on a record cannot be taken, or nothing; `evidence` shows that it was read."""
    if not request.reason.strip():
        return "a decision needs a reason"
    if request.evidence != evidence:
        return f"{record_id} does not say what was reviewed"
    return ""


def encode_review_answer(answer: ReviewAnswer) -> str:
    """Encode as one JSON object."""
    return json.dumps(asdict(answer), ensure_ascii=False)


def parse_review_answer(text: str) -> ReviewAnswer:
    """Parse an answer; raises ReviewRequestError."""
    try:
        value: dict[str, Any] = read_json(text)
        messages = tuple(map(_parse_held, value["held"]))
        return ReviewAnswer(str(value["problem"]), messages, waits=value["waits"] is True)
    except (ValueError, KeyError, TypeError):
        raise ReviewRequestError("not an answer to a reviewer") from None


def _parse_held(value: dict[str, Any]) -> HeldMessage:
    votes = tuple((str(who), str(act)) for who, act in value["votes"])
    return HeldMessage(**{**value, "rules": tuple(value["rules"]), "votes": votes})


def prove_reading(epoch: str, seq: int, body: bytes) -> str:
    """Return the SHA-256 (hex) of a held record's content, which only a person who has read it can know."""
    return sha256(f"{epoch} {seq}\n".encode() + body).hexdigest()
