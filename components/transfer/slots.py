"""The wire of XEP-0363 (HTTP File Upload 1.2.0): requests for slots, and what is answered."""

from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as ET

from components.link.entity import XMLNS_DISCO_INFO, XmppError
from policy.files.media_type import UNTYPED
from policy.files.name import clean_name
from policy.files.slot import Purpose, SlotRefusal, SlotRequest
from policy.utc import format_utc

NS = "urn:xmpp:http:upload:0"
NS_PURPOSE = "urn:xmpp:http:upload:purpose:0"
_NS_FORMS = "jabber:x:data"
# Of larger files than any disk has the error is that they are too large; what is longer takes long to read.
_MOST_DIGITS = 1000


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a file is put, and fetched later; `authorization` is the header of the PUT alone."""

    url: str
    authorization: str


def parse_request(element: ET.Element) -> SlotRequest:
    """Parse a request for a slot; raises XmppError (`bad-request`)."""
    name, size = element.get("filename", ""), element.get("size", "")
    if not (size.isascii() and size.isdigit() and len(size) < _MOST_DIGITS):
        raise XmppError("bad-request", "The size of the file is missing, or is no number of bytes.", "modify")
    purpose, expire_before_s = _parse_purpose(element)
    media_type = element.get("content-type") or UNTYPED
    return SlotRequest(clean_name(name) if name else "", int(size), media_type, purpose, expire_before_s)


def _parse_purpose(element: ET.Element) -> tuple[Purpose, int | None]:
    for child in element:
        namespace, _, local = child.tag.rpartition("}")
        if namespace != f"{{{NS_PURPOSE}":
            continue
        if local not in set(Purpose):
            raise XmppError("feature-not-implemented", "Files are not kept for this purpose here.")
        if local == Purpose.EPHEMERAL:
            return Purpose.EPHEMERAL, _parse_time(child.get("expire-before", ""))
        return Purpose(local), None
    return Purpose.MESSAGE, None


def _parse_time(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)  # XEP-0082
        if at.tzinfo is None:
            raise ValueError
        return int(at.timestamp())
    except (ValueError, OverflowError):
        raise XmppError(
            "bad-request", "The time at which the file should expire is malformed.", "modify"
        ) from None


def encode_slot(slot: Slot) -> ET.Element:
    """Encode what a request for a slot is answered with (XEP-0363, 4)."""
    element = ET.Element(f"{{{NS}}}slot")
    put = ET.SubElement(element, f"{{{NS}}}put", url=slot.url)
    ET.SubElement(put, f"{{{NS}}}header", name="Authorization").text = slot.authorization
    ET.SubElement(element, f"{{{NS}}}get", url=slot.url)
    return element


def refusal_error(refusal: SlotRefusal) -> XmppError:
    """Return the stanza error of a refused slot (XEP-0363, 6)."""
    more: ET.Element | None = None
    if refusal.max_bytes is not None:
        more = ET.Element(f"{{{NS}}}file-too-large")
        ET.SubElement(more, f"{{{NS}}}max-file-size").text = str(refusal.max_bytes)
    elif refusal.retry_at_s is not None:
        more = ET.Element(f"{{{NS}}}retry", stamp=format_utc(refusal.retry_at_s))
    return XmppError(refusal.condition, refusal.text, refusal.type, more)


def encode_info(max_bytes: int) -> ET.Element:
    """Encode what the component is and can do (XEP-0030, XEP-0128)."""
    query = ET.Element(f"{{{XMLNS_DISCO_INFO}}}query")
    ET.SubElement(
        query,
        f"{{{XMLNS_DISCO_INFO}}}identity",
        category="store",
        type="file",
        name="Files of the recorded line",
    )
    for feature in (XMLNS_DISCO_INFO, NS, *(f"{NS_PURPOSE}#{purpose}" for purpose in Purpose)):
        ET.SubElement(query, f"{{{XMLNS_DISCO_INFO}}}feature", var=feature)
    form = ET.SubElement(query, f"{{{_NS_FORMS}}}x", type="result")
    for var, value, type_ in (("FORM_TYPE", NS, "hidden"), ("max-file-size", str(max_bytes), "")):
        field = ET.SubElement(
            form, f"{{{_NS_FORMS}}}field", {"var": var} | ({"type": type_} if type_ else {})
        )
        ET.SubElement(field, f"{{{_NS_FORMS}}}value").text = value
    return query
