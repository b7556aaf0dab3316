"""The schema and the examples of docs/gate-protocol.md are those of the codec."""

import re
from pathlib import Path

import pytest
from lxml import etree

from components.link.borders import encode_borders, encode_occupants
from components.link.codec import XMLNS, Held, Status, SubmissionParser
from components.link.encode import (
    Answering,
    encode_canary,
    encode_inject,
    encode_noted,
    encode_unread,
    encode_verdicts,
)
from policy.address import BareJid
from policy.decision import Action, Decision, refuse, release
from policy.reach.partition import Partition, ReachClass

DOCUMENT = Path(__file__).parents[3] / "docs" / "gate-protocol.md"
BLOCKS = re.findall(r"```xml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
SCHEMA = etree.XMLSchema(etree.fromstring(BLOCKS[-1].encode()))
ANSWERING = Answering("gate.x", "x", "e", "gate")
EXAMPLES = [etree.fromstring(block) for block in BLOCKS[:-1]]


def outermost(example: etree._Element) -> etree._Element:
    """Give the element of the protocol that an example shows: itself, or what its message carries."""
    return example[0] if example.tag == "message" else example


ELEMENTS = [outermost(example) for example in EXAMPLES if outermost(example).tag.startswith(f"{{{XMLNS}}}")]


def test_every_element_has_an_example() -> None:
    names = {etree.QName(element).localname for element in ELEMENTS}
    assert names == {
        "held",
        "verdict",
        "status",
        "noted",
        "canary",
        "borders",
        "occupants",
        "inject",
        "unread",
    }


@pytest.mark.parametrize("element", ELEMENTS, ids=lambda element: etree.QName(element).localname)
def test_examples_fit_the_schema(element: etree._Element) -> None:
    SCHEMA.assertValid(etree.ElementTree(element))


@pytest.mark.parametrize(
    "message",
    [
        encode_noted("gate.x", "x", 7),
        encode_unread("gate.x", 7),
        encode_canary("gate.x", "x", "life-7"),
        encode_occupants("gate.x", "x", "r@rooms.x"),
        *encode_borders(
            "gate.x",
            "x",
            Partition((ReachClass((BareJid("a@x"),), frozenset({0})),), {BareJid("r@x"): frozenset()}),
        ),
        *encode_borders("gate.x", "x", Partition((), {}), is_open=True),
        encode_inject("gate.x", "x", "h7", b"<message xmlns='jabber:client'/>"),
        *encode_verdicts(ANSWERING, 1, 0, [release()]),
        *encode_verdicts(
            ANSWERING,
            1,
            0,
            [
                refuse("r", "modify", "policy-violation", "No."),
                Decision(Action.HOLD, error=refuse("r", "wait", "policy-violation", "Held.").error),
                Decision(Action.AMEND, amended=b"<message xmlns='jabber:client'/>"),
                Decision(Action.HOLD),
            ],
            bounced={4},
        ),
    ],
)
def test_what_the_gate_says_fits_the_schema(message: bytes) -> None:
    SCHEMA.assertValid(etree.ElementTree(etree.fromstring(message)[0]))


def test_the_codec_reads_the_examples() -> None:
    parser = SubmissionParser()
    got = [
        item
        for example in EXAMPLES
        if example.tag == "message"
        for item in parser.feed(etree.tostring(example))
    ]
    assert [type(item) for item in got] == [Held, Status]
    assert isinstance(got[0], Held)
    assert got[0].facts.to == "bob@metals.example"


def test_an_attribute_too_few_does_not_fit() -> None:
    [status] = [element for element in ELEMENTS if etree.QName(element).localname == "status"]
    broken = etree.fromstring(etree.tostring(status))
    del broken.attrib["done"]
    assert not SCHEMA.validate(etree.ElementTree(broken))
