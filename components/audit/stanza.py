"""A recorded stanza as an auditor looks for it: who, to whom, and every text that a person could read."""

from dataclasses import dataclass

from lxml import etree

from components.archive.record import Event, RecordKind, Submission
from components.audit.query.tree import SearchKind

# Attributes that clients show to people: names of rooms, contacts and files, reasons, labels, links.
READABLE_ATTRIBUTES = ("name", "nick", "reason", "title", "label", "desc", "url", "uri", "target")

# Base64 of pictures and files: nobody reads it, and it would be most of the index.
UNREADABLE_ELEMENTS = frozenset(
    {
        "{vcard-temp}BINVAL",
        "{urn:ietf:params:xml:ns:vcard-4.0}photo",
        "{urn:xmpp:avatar:data}data",
        "{urn:xmpp:bob}data",
        "{http://jabber.org/protocol/ibb}data",
    }
)
_XHTML_BODY = "{http://www.w3.org/1999/xhtml}body"

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
_LENIENT_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stanza or session event says; `sender` and `to` are JIDs as written, or empty.

    `text` has one line for each element or attribute that a person could read.
    """

    kind: SearchKind
    sender: str
    to: str
    thread: str
    text: str


def read_submission(submission: Submission) -> Reading:
    """Read what was submitted, be it a stanza or an event of a session."""
    read = read_event if submission.kind == RecordKind.SESSION else read_stanza
    return read(submission.body)


def read_done(event: Event) -> Reading:
    """Read what was done with the line: `by` among the details is who did it, `who` to whom."""
    details = dict(event.details)
    lines = [event.kind.name.lower(), event.name, *(str(value) for value in details.values())]
    return Reading(
        SearchKind.EVENT, str(details.get("by", "")), str(details.get("who", "")), "", "\n".join(lines)
    )


def read_stanza(body: bytes) -> Reading:
    """Read a stanza; one that is not well-formed is read as far as it goes, and all of it counts as text."""
    try:
        root = etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError:
        return _read_malformed(body)
    return Reading(
        _kind(root), root.get("from") or "", root.get("to") or "", _thread(root), "\n".join(_readable(root))
    )


def read_event(body: bytes) -> Reading:
    """Read a session event (gate protocol, section 4.1): `sender` is whose session it is."""
    try:
        root = etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError:
        return Reading(SearchKind.SESSION, "", "", "", body.decode(errors="replace"))
    values = [str(value) for value in root.attrib.values()]
    return Reading(SearchKind.SESSION, root.get("jid") or "", "", "", "\n".join([_local_name(root), *values]))


def format_stanza(body: bytes) -> str | None:
    """Return a stanza indented for reading, one element a line; None if it is not well-formed."""
    try:
        root = etree.fromstring(body, _PARSER)
    except etree.XMLSyntaxError:
        return None
    etree.indent(root)
    return etree.tostring(root, encoding="unicode")


def split_jid(jid: str) -> tuple[str, str]:
    """Split a JID into its local part, which may be empty, and its domain, folded (RFC 7622, section 3)."""
    local, _, domain = jid.split("/", 1)[0].rpartition("@")
    return local.casefold(), domain.casefold()


def _read_malformed(body: bytes) -> Reading:
    text = body.decode(errors="replace")
    try:
        root = etree.fromstring(body, _LENIENT_PARSER)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        return Reading(SearchKind.OTHER, "", "", "", text)
    return Reading(_kind(root), root.get("from") or "", root.get("to") or "", "", text)


def _kind(root: etree._Element) -> SearchKind:
    name = _local_name(root)
    return (
        SearchKind(name)
        if name in (SearchKind.MESSAGE, SearchKind.PRESENCE, SearchKind.IQ)
        else SearchKind.OTHER
    )


def _local_name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _thread(root: etree._Element) -> str:
    for child in root:
        if _local_name(child) == "thread":
            return child.text or ""
    return ""


def _readable(root: etree._Element) -> list[str]:
    lines: list[str] = []
    for node in root.iter():
        if isinstance(node.tag, str):
            if node is not root:
                lines += [value for name in READABLE_ATTRIBUTES if (value := node.get(name))]
            if node.tag == _XHTML_BODY and len(node):
                # Markup inside a word must not hide it: `<b>go</b>ld`.
                lines.append("".join(str(part) for part in node.itertext()))
            if node.tag in UNREADABLE_ELEMENTS or _local_name(node) == "thread":
                continue
        lines += [text for text in (node.text, node.tail) if text]
    return [line for line in lines if not line.isspace()]
