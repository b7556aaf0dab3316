"""What clients leave out of a text (XEP-0428): rules, payload checks and searches see what is left."""

import pytest

from components.audit.stanza import read_stanza as read_recorded
from policy.content.fallback import MOST_PARTS
from policy.content.payload import READABLE, decide_payload
from policy.content.refusals import MIXED, OTR
from policy.content.stanza import read_stanza
from policy.content.text_model import texts_of

FALLBACK = "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>{}</fallback>"


def message(body: str, *parts: str, name: str = "body") -> str:
    inside = "".join(FALLBACK.format(f"<{name} {part}/>") for part in parts)
    return f"<message xmlns='jabber:client'><{name}>{body}</{name}>{inside}</message>"


def left(body: str, *parts: str, name: str = "body") -> list[str]:
    facts = read_stanza(message(body, *parts, name=name))
    return [line for text in texts_of(facts) for line in text.split("\n") if line not in body.split("\n")]


@pytest.mark.parametrize(
    ("body", "parts", "expected"),
    [
        ("whats> what he said\napp", ["start='5' end='20'"], ["whatsapp"]),
        ("wh1at2sapp", ["start='2' end='3'", "start='5' end='6'"], ["whatsapp", "what2sapp", "wh1atsapp"]),
        ("wh12atsapp", ["start='2' end='3'", "start='3' end='4'"], ["whatsapp", "wh2atsapp", "wh1atsapp"]),
        ("\U0001f600wh\U0001f600atsapp", ["start='3' end='4'"], ["\U0001f600whatsapp"]),
        # What is left stands there by itself, as in each reply; or there is nothing to leave out.
        ("> what he said\nwhatsapp", ["start='0' end='15'"], []),
        ("whatsapp", ["end='4'"], []),
        ("whatsapp", ["start='4'"], []),
        ("whatsapp", [""], []),
        ("whatsapp", ["start='4' end='4'"], []),
        ("whatsapp", ["start='6' end='2'"], []),
        ("whatsapp", ["start='-1' end='2'"], []),
        ("whatsapp", ["start='x' end='2'"], []),
        ("whatsapp", ["start='20' end='30'"], []),
        ("whatsapp", ["start='2' end='" + "9" * 5000 + "'"], []),
    ],
)
def test_words_that_a_part_cuts_are_put_together(body: str, parts: list[str], expected: list[str]) -> None:
    assert left(body, *parts) == expected
    assert left(body, *parts, name="subject") == expected


def test_it_is_what_is_searched_and_what_may_be_said_at_all() -> None:
    stanza = message("?O-T-R:AAMC", "start='2' end='3'", "start='4' end='5'")
    assert decide_payload(read_stanza(stanza)) == OTR
    assert "whatsapp" in read_recorded(message("what--sapp", "start='4' end='6'").encode()).text.split("\n")


def test_of_many_parts_nobody_could_say_what_is_shown() -> None:
    parts = [f"start='{2 * number + 1}' end='{2 * number + 2}'" for number in range(MOST_PARTS + 1)]
    assert decide_payload(read_stanza(message("a" * 40, *parts[:-1]))) is READABLE
    assert decide_payload(read_stanza(message("a" * 40, *parts))) is MIXED
