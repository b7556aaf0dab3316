"""Requests for slots and their answers as XML (XEP-0363)."""

from xml.etree import ElementTree as ET

import pytest

from components.link.entity import XmppError
from components.transfer.slots import (
    NS,
    NS_PURPOSE,
    Slot,
    encode_info,
    encode_slot,
    parse_request,
    refusal_error,
)
from policy.files.slot import Purpose, SlotRefusal, SlotRequest


def request(inside: str = "", **attributes: str) -> ET.Element:
    given = {"filename": "très cool.jpg", "size": "23456", "content-type": "image/jpeg"} | attributes
    element = ET.fromstring(f"<request xmlns='{NS}'>{inside}</request>")
    element.attrib.update(given)
    return element


def purpose(inside: str) -> str:
    return inside.replace("/>", f" xmlns='{NS_PURPOSE}'/>")


@pytest.mark.parametrize(
    ("element", "parsed"),
    [
        (request(), SlotRequest("très cool.jpg", 23456, "image/jpeg")),
        (request(purpose("<message/>")), SlotRequest("très cool.jpg", 23456, "image/jpeg")),
        (request(purpose("<profile/>")), SlotRequest("très cool.jpg", 23456, "image/jpeg", Purpose.PROFILE)),
        (
            request(purpose("<ephemeral expire-before='2026-11-29T00:00:01Z'/>")),
            SlotRequest("très cool.jpg", 23456, "image/jpeg", Purpose.EPHEMERAL, 1_795_910_401),
        ),
        (
            request(filename="../../etc/passwd\u202egpj.exe"),
            SlotRequest(".._.._etc_passwdgpj.exe".strip("."), 23456, "image/jpeg"),
        ),
        (request(size="9" * 40), SlotRequest("très cool.jpg", 10**40 - 1, "image/jpeg")),
        (request("<other xmlns='urn:x'/>"), SlotRequest("très cool.jpg", 23456, "image/jpeg")),
    ],
)
def test_requests(element: ET.Element, parsed: SlotRequest) -> None:
    assert parse_request(element) == parsed


@pytest.mark.parametrize(
    ("element", "condition"),
    [
        (request(size=""), "bad-request"),
        (request(size="-1"), "bad-request"),
        (request(size="1e3"), "bad-request"),
        (request(size="٣"), "bad-request"),
        (request(size="9" * 1000), "bad-request"),
        (request(size="1.5"), "bad-request"),
        (request(purpose("<permanent/>")), "feature-not-implemented"),
        (request(purpose("<ephemeral/>")), "bad-request"),
        (request(purpose("<ephemeral expire-before='2026-11-29T00:00:01'/>")), "bad-request"),
    ],
)
def test_requests_that_are_wrong(element: ET.Element, condition: str) -> None:
    with pytest.raises(XmppError) as caught:
        parse_request(element)
    assert caught.value.condition == condition
    assert caught.value.text


def test_a_slot() -> None:
    slot = ET.fromstring(ET.tostring(encode_slot(Slot("https://a/f/x/y", "Bearer z"))))
    assert slot.find(f"{{{NS}}}put/{{{NS}}}header[@name='Authorization']").text == "Bearer z"  # type: ignore[union-attr]
    assert [child.get("url") for child in slot] == ["https://a/f/x/y"] * 2


def test_refusals_say_what_would_do() -> None:
    too_large = refusal_error(SlotRefusal("modify", "not-acceptable", "Too large.", max_bytes=5))
    assert too_large.more is not None
    assert [(child.tag, child.text) for child in too_large.more] == [(f"{{{NS}}}max-file-size", "5")]
    later = refusal_error(SlotRefusal("wait", "resource-constraint", "Later.", retry_at_s=1_795_910_401))
    assert later.more is not None
    assert (later.more.tag, later.more.get("stamp")) == (f"{{{NS}}}retry", "2026-11-29T00:00:01Z")
    assert (later.kind, later.condition, later.text) == ("wait", "resource-constraint", "Later.")


def test_what_clients_look_for() -> None:
    info = encode_info(5242880)
    features = {element.get("var") for element in info if element.tag.endswith("feature")}
    assert {NS, *(f"{NS_PURPOSE}#{each}" for each in ("message", "profile", "ephemeral"))} <= features
    (form,) = [element for element in info if element.tag == "{jabber:x:data}x"]
    assert {field.get("var"): field[0].text for field in form} == {
        "FORM_TYPE": NS,
        "max-file-size": "5242880",
    }
