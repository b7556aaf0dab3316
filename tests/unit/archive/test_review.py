"""Reviewers' requests and the gate's answers, on their way."""

import pytest

from components.link.review_request import (
    HeldMessage,
    ReviewAnswer,
    ReviewRequest,
    ReviewRequestError,
    encode_review_answer,
    encode_review_request,
    parse_review_answer,
    parse_review_request,
    prove_reading,
)

REQUEST = ReviewRequest("release", 7, "carol", "public since noon “é”", "ab" * 32)
ANSWER = ReviewAnswer("no", (HeldMessage(7, "waiting", "a@x/d", "b@x", ("tips", "words"), 1, 2),))


def test_what_is_asked_and_answered_arrives() -> None:
    assert parse_review_request(encode_review_request(REQUEST)) == REQUEST
    assert parse_review_answer(encode_review_answer(ANSWER)) == ANSWER


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"act": 1}',
        b'{"act": "release", "record": "7"}',
        b'{"act": "list", "x": 1}',
        b"\xff",
    ],
)
def test_what_is_no_request_is_told_apart(body: bytes) -> None:
    with pytest.raises(ReviewRequestError):
        parse_review_request(body)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"problem": "", "held": [{}]}', '{"problem": "", "held": 1}']
)
def test_what_is_no_answer_is_told_apart(text: str) -> None:
    with pytest.raises(ReviewRequestError):
        parse_review_answer(text)


def test_evidence_is_of_one_record() -> None:
    assert len({prove_reading("e", 1, b"x"), prove_reading("e", 2, b"x"), prove_reading("f", 1, b"x")}) == 3
