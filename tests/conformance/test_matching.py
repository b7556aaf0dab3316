"""Matching finds every difference that would matter, or the transcripts would prove nothing."""

from pathlib import Path

import pytest
from lxml import etree

from tests.support.pattern import find_difference
from tests.support.transcript import TranscriptError, read_transcript
from tests.support.typed import said_in

RECEIVED = (
    "<message from='a@x' to='b@x' id='m1' xml:lang='en'>"
    "<body>Hi</body><x xmlns='urn:x' n='1'/><x xmlns='urn:x' n='2'/></message>"
)


@pytest.mark.parametrize(
    "pattern",
    [
        RECEIVED,
        RECEIVED.replace(" xml:lang='en'", ""),
        RECEIVED.replace("m1", "{any}").replace(">Hi<", ">{any}<"),
        RECEIVED.replace("a@x", "{alice}"),
        RECEIVED.replace("b@x", "b@{=host}"),
        "<message from='a@x' to='b@x' id='m1'>"
        "<x xmlns='urn:x' n='2'/><x xmlns='urn:x' n='1'/><body>Hi</body></message>",
        "<message from='a@x' to='b@x' id='m1'><body>Hi</body><?more?></message>",
    ],
)
def test_what_matches(pattern: str) -> None:
    assert find_difference(etree.fromstring(pattern), etree.fromstring(RECEIVED), {"alice": "a@x"}) == ""


@pytest.mark.parametrize(
    ("pattern", "difference"),
    [
        (RECEIVED.replace("message", "presence"), "<message> instead of <presence>"),
        (RECEIVED.replace("<message", "<message xmlns='urn:other'"), "instead of"),
        (RECEIVED.replace(" id='m1'", ""), "has id='m1' instead of None"),
        (RECEIVED.replace("<message", "<message type='chat'"), "has type=None instead of 'chat'"),
        (RECEIVED.replace("a@x", "A@x"), "has from='a@x' instead of 'A@x'"),
        (RECEIVED.replace("lang='en'", "lang='de'"), "instead of 'de'"),
        (RECEIVED.replace(">Hi<", "> Hi <"), "has the text 'Hi' instead of ' Hi '"),
        (RECEIVED.replace(">Hi<", "><"), "has the text 'Hi' instead of None"),
        (RECEIVED.replace(">Hi<", ">Hi{any}<"), "has the text 'Hi' instead of 'Hi{any}'"),
        (RECEIVED.replace("<body>Hi</body>", ""), "there is also <body>Hi</body>"),
        (RECEIVED.replace("<body>Hi</body>", "<body>Hi</body><body>Hi</body>"), "there is no <body>"),
        (RECEIVED.replace("n='2'", "n='1'"), "has n='2' instead of '1'"),
        (RECEIVED.replace("a@x", "{bob}"), "has from='a@x' instead of '{bob}'"),
        ("<message from='a@x' to='b@x' id='m1'><subject/><?more?></message>", "there is no <subject>"),
    ],
)
def test_what_does_not_match(pattern: str, difference: str) -> None:
    found = find_difference(etree.fromstring(pattern), etree.fromstring(RECEIVED), {})
    assert difference in found
    assert found


@pytest.mark.parametrize("pattern", ["<a>\n  \n</a>", "<a/>"])
def test_lines_of_other_versions_leave_no_text(pattern: str) -> None:
    assert find_difference(etree.fromstring(pattern), etree.fromstring("<a/>"), {}) == ""
    assert find_difference(etree.fromstring(pattern), etree.fromstring("<a> </a>"), {})


@pytest.mark.parametrize(
    ("server", "expected"),
    [((0, 11), "old"), ((0, 12), "old both"), ((13, 0), "both new"), ((13, 1), "both new newest")],
)
def test_a_line_is_there_on_the_versions_that_it_names(
    tmp_path: Path, server: tuple[int, int], expected: str
) -> None:
    file = tmp_path / "lines.txt"
    file.write_text(
        "Title\n\nclient bob is bob/desk\nbob sends:\n"
        "    <presence><status>\n"
        "    before 13|old\n    from 0.12| both\n    from 13| new\n    from 13.1| newest\n"
        "    </status></presence>\n"
    )
    (step,) = read_transcript(file, server).steps
    assert " ".join(said_in(etree.fromstring(step.xml)).split()) == expected


def test_captured_text_must_recur() -> None:
    pattern = etree.fromstring("<a one='{=id}'><b two='{id}'/></a>")
    values: dict[str, str] = {}
    assert find_difference(pattern, etree.fromstring("<a one='7'><b two='7'/></a>"), values) == ""
    assert values == {"id": "7"}
    assert find_difference(pattern, etree.fromstring("<a one='7'><b two='8'/></a>"), {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Title\n\nalice dances\n", "bad.txt:3: this is no step of a transcript: alice dances"),
        ("Title\n\nalice connects\n", "bad.txt:3: no client is called alice"),
        ("Title\n\nclient alice is alice/desk\nalice sends:\n", "bad.txt:4: this is no step"),
        (
            "Title\n\nclient alice is alice/desk\nalice connects\n    <presence/>\n",
            "bad.txt:4: this is no step",
        ),
        (
            "Title\n\nclient alice is alice/desk\nalice receives 0 times:\n    <a/>\n",
            "bad.txt:4: this is no step",
        ),
        (
            "Title\n\nclient alice is alice/desk\nalice sends:\n    <presence>\n",
            "bad.txt:4: Opening and ending tag mismatch",
        ),
        (
            "Title\n\nclient alice is alice/desk\nalice sends:\n    <a b='{nobody}'/>\n",
            "bad.txt:4: nothing is called {nobody}",
        ),
        ("Title\n", "bad.txt:1: there are no steps"),
        ("", "bad.txt:1: there are no steps"),
    ],
)
def test_a_transcript_that_cannot_be_read_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "bad.txt"
    file.write_text(text)
    with pytest.raises(TranscriptError) as refusal:
        read_transcript(file, (13, 0))
    assert complaint in str(refusal.value)
