"""One exported record as all formats see it, and what later records did to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from lxml import etree

from components.archive.record import Event, RecordKind, Submission
from components.audit.index.found import DeliveryState
from components.audit.mark import Mark, Marks
from components.audit.marks import read_marks_of
from components.audit.query.tree import SearchKind
from components.audit.stanza import STANZAS, Reading, read_submission
from components.audit.stanza_tree import StanzaTree, read_tree
from components.audit.view import RecordView
from policy.address import bare


class Outcome(StrEnum):
    """What became of a message (docs/export.md, section 3)."""

    DELIVERED = "delivered"
    HELD = "held"
    NOT_DELIVERED = "not delivered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file that a record carries, or links to.

    `path` is where it lies in the export; it is empty if it is not there, and `fault` says why. `record` is the record
    of its receipt, or the file's own id in a stanza; `sha256` is in hexadecimal digits.
    """

    record: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    path: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ExportMessage:
    """A record in the clear. `conversation` is the room's JID, or two bare JIDs with a blank between.

    `sender` and `to` are JIDs as written; `text` is what people read, `amended` what they read instead of it where a
    rule changed it. `ids` are those by which later messages name this one, `target` is the id that it names itself.
    `stanza` is the stanza as it was carried out, or the whole content of another record. `sender_name` and `to_name`
    are what a person or a room of these JIDs was called, as the directory stood; empty where the log does not tell.
    """

    record: str
    at_ns: int
    kind: str
    mark: str
    conversation: str
    sender: str
    to: str
    text: str
    stanza: str
    room: str = ""
    nick: str = ""
    amended: str = ""
    subject: str = ""
    thread: str = ""
    reply_to: str = ""
    ids: tuple[str, ...] = ()
    target: str = ""
    detail: str = ""
    by_moderator: bool = False
    emojis: tuple[str, ...] = ()
    verdict: str = ""
    rules: tuple[str, ...] = ()
    outcome: str = Outcome.UNKNOWN
    files: tuple[ExportFile, ...] = field(default=())
    sender_name: str = ""
    to_name: str = ""

    @property
    def sender_bare(self) -> str:
        """The bare JID of its sender."""
        return bare(self.sender)

    @property
    def people(self) -> tuple[str, ...]:
        """The bare JIDs of who wrote it and, outside rooms, to whom."""
        named = (self.sender_bare,) if self.room else (self.sender_bare, bare(self.to))
        return tuple(each for each in dict.fromkeys(named) if each)

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """The bare JIDs that have a name, and these names."""
        pairs = ((self.sender_bare, self.sender_name), (bare(self.to), self.to_name))
        return tuple((jid, name) for jid, name in pairs if name)


def call_jid(name: str, jid: str) -> str:
    """Return what a JID is called: with the name of whose it is, if it is known."""
    return f"{name} <{jid}>" if name else jid


@dataclass(frozen=True, slots=True)
class Entry:
    """A message with what later records of the export did to it; `target` is the record that it acts on itself.

    `target` is empty if that record is not in the export, or is another's, whom this sender may not change. `answers`
    is the record that it replies to, if that is in the export.
    """

    message: ExportMessage
    effects: tuple[ExportMessage, ...] = ()
    target: str = ""
    answers: str = ""

    def effects_of(self, *marks: Mark) -> tuple[ExportMessage, ...]:
        """Return what was done to it in these ways, in order."""
        return tuple(each for each in self.effects if each.mark in marks)


ACTS = frozenset((Mark.CORRECTION, Mark.RETRACTION, Mark.REACTION, Mark.RECEIPT, Mark.MARKER))
"""What is done to another message."""

_CHANGES = frozenset((Mark.CORRECTION, Mark.RETRACTION))
_SETTLED = {
    DeliveryState.CARRIED_OUT: Outcome.DELIVERED,
    DeliveryState.KEPT: Outcome.HELD,
    DeliveryState.RETURNED: Outcome.NOT_DELIVERED,
    DeliveryState.REPEATED: Outcome.NOT_DELIVERED,
    DeliveryState.BOUNCED: Outcome.NOT_DELIVERED,
}
_NOT_READ = Reading(SearchKind.OTHER, "", "", "", "")
_DECIDED = {"hold": Outcome.HELD, "refuse": Outcome.NOT_DELIVERED}


def may_act(act: ExportMessage, sender: str) -> bool:
    """Return whether an act counts for a message of this bare JID.

    Only its sender, a moderator or the room may change it (XEP-0308, 5; XEP-0424, 5; XEP-0425); anybody may react.
    """
    return act.mark not in _CHANGES or act.by_moderator or act.sender_bare in (sender, act.room)


FindName = Callable[[str, int], str]
"""Returns what somebody with a JID was called at a time, in nanoseconds since 1970; nothing if that is not known."""


def make_message(
    view: RecordView,
    files: tuple[ExportFile, ...] = (),
    room_id: str = "",
    find_name: FindName = lambda jid, at_ns: "",
) -> ExportMessage:
    """Return a record as an export has it; `room_id` is the id that its room gave it, if it is known."""
    content = view.content
    if not isinstance(content, Submission) or content.kind is not RecordKind.STANZA:
        return _make_other(view, files, find_name)
    tree = _read(content.body)
    marks = read_marks_of(tree).with_room_id(room_id)
    reading = _read_head(content, tree)
    text = _read_text(tree, marks)
    if not text and marks.mark not in ACTS:
        text = reading.text or read_submission(content).text
    amended = content.amended if content.action == "amend" else b""
    return ExportMessage(
        view.id,
        view.at_ns,
        reading.kind,
        marks.mark,
        name_conversation(reading.sender, reading.to, marks.room),
        reading.sender,
        reading.to,
        text,
        (amended or content.body).decode(errors="replace"),
        room=marks.room,
        nick=marks.nick,
        amended=_read_text(_read(amended), marks) if amended else "",
        subject=tree.text("subject") if tree else "",
        thread=reading.thread,
        reply_to=marks.reply_to,
        ids=_ids_of(marks),
        target=marks.target if marks.mark in ACTS else "",
        detail=marks.detail,
        by_moderator=marks.is_by_moderator,
        emojis=marks.emojis,
        verdict=content.action,
        rules=content.rules,
        outcome=_outcome_of(view, content.action),
        files=files,
        sender_name=find_name(reading.sender, view.at_ns),
        to_name=find_name(reading.to, view.at_ns),
    )


def _make_other(view: RecordView, files: tuple[ExportFile, ...], find_name: FindName) -> ExportMessage:
    """Return a session's event, an act on the line or a file's record; or a record that could not be parsed."""
    content = view.content
    is_act = isinstance(content, Event)
    reading = read_submission(content) if isinstance(content, Submission) else view.reading
    body = content.body if isinstance(content, Submission) else view.opened.payload or b""
    return ExportMessage(
        view.id,
        view.at_ns,
        reading.kind,
        Mark.OTHER,
        name_conversation(reading.sender, reading.to, ""),
        reading.sender,
        reading.to,
        reading.text,
        body.decode(errors="replace"),
        verdict="" if content is None or is_act else getattr(content, "action", ""),
        files=files,
        sender_name=find_name(reading.sender, view.at_ns),
        to_name=find_name(reading.to, view.at_ns),
    )


def name_conversation(sender: str, to: str, room: str) -> str:
    """Return what a conversation is called: a room's bare JID, or those of two people, sorted."""
    people = sorted({bare(jid) for jid in (sender, to) if jid})
    return bare(room) if room else " ".join(people)


def skip_reading(_submission: Submission) -> Reading:
    """Return nothing: `make_message` reads the stanza itself, and the text model only where it has no body."""
    return _NOT_READ


def _read_head(content: Submission, tree: StanzaTree | None) -> Reading:
    """Return who said what to whom, without the text."""
    if tree is None:
        return read_submission(content)
    kind = SearchKind(tree.name) if tree.name in STANZAS else SearchKind.OTHER
    return Reading(kind, tree.get("from"), tree.get("to"), tree.text("thread"), "")


def _read(body: bytes) -> StanzaTree | None:
    try:
        return read_tree(body)
    except etree.XMLSyntaxError:
        return None


def _read_text(tree: StanzaTree | None, marks: Marks) -> str:
    """Return the bodies of a message, one for each language, or a room's new subject; empty if there is neither."""
    if tree is None:
        return ""
    namespace = tree.root.nsmap.get(tree.root.prefix)
    bodies = tree.root.findall(f"{{{namespace}}}body" if namespace else "body")
    if not bodies and marks.mark is Mark.SUBJECT:
        return tree.text("subject")
    return "\n".join(_unique("".join(map(str, each.itertext())) for each in bodies))


def _unique(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _ids_of(marks: Marks) -> tuple[str, ...]:
    return tuple(_unique((marks.id, marks.origin_id, *(id_ for _by, id_ in marks.stanza_ids))))


def _outcome_of(view: RecordView, action: str) -> Outcome:
    known = _SETTLED.get(view.delivery) if view.delivery else None
    return known or _DECIDED.get(action, Outcome.UNKNOWN)
