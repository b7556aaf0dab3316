"""A recorded stanza for an auditor's search: sender, recipient, and every text that a person could read."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache

from lxml import etree

from components.archive.record import Access, Event, RecordKind, Submission
from components.audit.query.tree import SearchKind
from components.audit.query.words import fold_party
from components.rules.recorded_directory import DETAIL as LISTED
from policy.content.protocol_words import is_prose
from policy.content.stanza import StanzaTextError
from policy.content.stanza import read_stanza as parse
from policy.content.text_model import texts_of
from policy.facts import StanzaFacts

# No server writes these into a stanza (RFC 6120, 11.1), so a stanza with them is read as it is.
_NOT_OF_STANZAS = (b"<!--", b"<!D", b"<?")

STANZAS = (SearchKind.MESSAGE, SearchKind.PRESENCE, SearchKind.IQ)

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
_LENIENT_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a stanza or session event; `sender` and `to` are JIDs as written, or empty.

    `text` has one line for each element or attribute that a person could read. If it is not `readable`, this has a
    mistake that the stanza brings out: `text` is the stanza itself.
    """

    kind: SearchKind
    sender: str
    to: str
    thread: str
    text: str
    readable: bool = True


def read_submission(submission: Submission) -> Reading:
    """Read a submission: a stanza, or an event of a session."""
    read = read_event if submission.kind == RecordKind.SESSION else read_stanza
    return read(submission.body)


def read_done(event: Event) -> Reading:
    """Read an act on the line or on a file: in the details, `by` is who did it, and `who` is to whom.

    What was done with a file is its owner's act, but for fetching it.
    """
    details = dict(event.details)
    # Who is listed is asked for as desk:, person: and the like, and what was drawn by its id: not by words.
    said = [str(value) for name, value in details.items() if name not in (LISTED, "records")]
    lines = [event.kind.name.lower(), event.name, *said]
    to, text = str(details.get("who", "")), "\n".join(lines)
    if event.kind is RecordKind.FILE:
        owner = "" if event.name == "fetched" else str(details.get("owner", ""))
        return Reading(SearchKind.FILE, owner, to, "", text)
    return Reading(SearchKind.EVENT, str(details.get("by", "")), to, "", text)


def read_look(access: Access) -> Reading:
    """Read an auditor's look: who looked is its sender, and its text is what was done and asked for, and why."""
    values = (getattr(access, each.name) for each in fields(access))
    text = "\n".join(value for value in values if isinstance(value, str) and value)
    return Reading(SearchKind.LOOK, access.actor, "", "", text)


def read_stanza(body: bytes) -> Reading:
    """Read a stanza by the text model of the rules; if it cannot be read so, all of it counts as text."""
    try:
        if any(mark in body for mark in _NOT_OF_STANZAS):
            return _read_malformed(body)
        return _read_by_model(body)
    except StanzaTextError:
        return _read_malformed(body)
    except Exception:
        # A mistake of ours, which this stanza brings out (the gate calls it undecidable). All others are to be found.
        return replace(_read_malformed(body), readable=False)


def _read_by_model(body: bytes) -> Reading:
    facts = _parse(body)
    texts = [line for text in texts_of(facts) for line in text.split("\n") if line and not line.isspace()]
    kind = SearchKind(facts.kind) if facts.kind in STANZAS else SearchKind.OTHER
    return Reading(kind, facts.sender, facts.to, facts.thread, "\n".join(texts))


# Several parts of the index read the same stanza, one after the other.
@lru_cache(maxsize=2)
def _parse(body: bytes) -> StanzaFacts:
    return parse(body)


def has_words(body: bytes) -> bool:
    """Return whether elements of a stanza have text, other than the name of a thread (RFC 6121, 5.2.5)."""
    try:
        facts = _parse(body)
    except StanzaTextError:
        return True
    named = {*facts.attributes} if is_prose(facts.thread) else {*facts.attributes, facts.thread}
    return any(line not in named and not line.isspace() for line in facts.text.split("\n") if line)


def read_event(body: bytes) -> Reading:
    """Read a session event (gate protocol, section 4.1): `sender` is the person whose session it is."""
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
    local, _, domain = fold_party(jid.split("/", 1)[0]).rpartition("@")
    return local, domain


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
    return SearchKind(name) if name in STANZAS else SearchKind.OTHER


def _local_name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
