"""A record of a conversation, read once: what it does, what it says, and what became of it."""

from dataclasses import dataclass

from components.archive.record import Submission
from components.audit.conversation.item import Fate
from components.audit.index.found import DeliveryState
from components.audit.index.talk import Turn, fold_bare
from components.audit.marks import Mark, Marks, read_marks
from components.audit.stanza_tree import StanzaTree, read_tree, text_of
from components.audit.view import FileView, RecordView

_FALLBACK = "{urn:xmpp:fallback:0}"  # XEP-0428
_REPLY = "urn:xmpp:reply:0"
_STATES = {
    DeliveryState.CARRIED_OUT: Fate.CARRIED_OUT,
    DeliveryState.RETURNED: Fate.REFUSED,
    DeliveryState.KEPT: Fate.HELD,
    DeliveryState.BOUNCED: Fate.BOUNCED,
    DeliveryState.REPEATED: Fate.REPEATED,
}
# What a verdict says before the server has said that it carried it out.
_VERDICTS = {"refuse": Fate.REFUSED, "hold": Fate.HELD}


@dataclass(frozen=True, slots=True)
class Said:
    """A record of a conversation; `place` is where it stands in the index, `author` who may change what it says.

    `quoted` is what it repeats of another message for clients that know no replies (XEP-0461, 3.1), and `text` is
    without that. `also` has what else of it a client may show.
    """

    place: int
    record: str
    turn: Turn
    at_ns: int
    submission: Submission | None
    marks: Marks
    author: str
    text: str = ""
    quoted: str = ""
    also: str = ""
    fate: Fate = Fate.NOT_KNOWN
    files: tuple[FileView, ...] = ()
    is_intact: bool = True
    is_destroyed: bool = False

    @property
    def sender(self) -> str:
        """The full JID of who sent it."""
        return self.marks.sender

    @property
    def to(self) -> str:
        """To whom it was sent, as it stands there."""
        return self.marks.to or self.marks.sender.partition("/")[0]


def read_said(place: int, turn: Turn, view: RecordView) -> Said:
    """Read a record of a conversation; never raises."""
    content = view.content
    if not isinstance(content, Submission):
        nothing = Marks(Mark.OTHER)
        return Said(
            place,
            view.id,
            turn,
            view.at_ns,
            None,
            nothing,
            "",
            is_intact=view.intact and content is not None,
            is_destroyed=view.destroyed,
        )
    marks = read_marks(content.body)
    text, quoted = _read_text(content.body, marks)
    return Said(
        place,
        view.id,
        turn,
        view.at_ns,
        content,
        marks,
        find_author(marks),
        text if marks.kind else view.reading.text,
        quoted,
        _find_also(view.reading.text, f"{text}\n{quoted}", marks) if marks.kind == "message" else "",
        _find_fate(content, view.delivery),
        view.files,
        view.intact,
    )


def _find_also(shown: str, said: str, marks: Marks) -> str:
    """Return the lines of what some client shows that are not `said` already, each once; emojis of reactions are."""
    known = {*said.split("\n"), *marks.emojis, "".join(marks.emojis)}
    lines = dict.fromkeys(shown.split("\n"))
    return "\n".join(line for line in lines if _unquoted(line) not in known and line not in known)


def find_author(marks: Marks) -> str:
    """Return who may change what was said: a person, or, as a room tells it, who has a nickname there."""
    bare, _, resource = marks.sender.partition("/")
    is_from_room = bool(marks.room) and fold_bare(bare) == fold_bare(marks.room)
    return f"{fold_bare(bare)}/{resource}" if is_from_room else fold_bare(bare)


def _find_fate(submission: Submission, delivery: DeliveryState | None) -> Fate:
    fate = _STATES.get(delivery, Fate.NOT_KNOWN) if delivery else Fate.NOT_KNOWN
    if fate is Fate.NOT_KNOWN:
        return _VERDICTS.get(submission.action, fate)
    return Fate.AMENDED if fate is Fate.CARRIED_OUT and submission.action == "amend" else fate


def _read_text(body: bytes, marks: Marks) -> tuple[str, str]:
    """Return what a message says, in each language that it has, and what it repeats of another message."""
    try:
        tree = read_tree(body)
    except ValueError:  # lxml's errors of syntax are SyntaxError; what else it dislikes is one
        return "", ""
    except SyntaxError:
        return "", ""
    if tree is None:
        return "", ""
    names = ("subject",) if marks.mark is Mark.SUBJECT else ("subject", "body")
    own = tree.root.tag.rpartition("}")[0]
    texts = [
        "".join(map(str, each.itertext()))
        for name in names
        for each in tree.root.findall(f"{own}}}{name}" if own else name)
    ]
    start, end = _find_quote(tree) if marks.reply_to else (0, 0)
    if len(texts) == 1 and 0 <= start < end <= len(texts[0]):
        whole = texts[0]
        quoted = "\n".join(_unquoted(line) for line in whole[start:end].strip("\n").split("\n"))
        return (whole[:start] + whole[end:]).strip("\n"), quoted
    return "\n".join(text for text in dict.fromkeys(texts) if text), ""


def _find_quote(tree: StanzaTree) -> tuple[int, int]:
    """Return where in its body a reply repeats the message that it answers, in code points (XEP-0428, 2.2)."""
    for fallback in tree.root.findall(f"{_FALLBACK}fallback"):
        part = fallback.find(f"{_FALLBACK}body")
        if fallback.get("for") == _REPLY and part is not None:
            start, end = part.get("start") or "", part.get("end") or ""
            if (
                start.isascii()
                and start.isdigit()
                and end.isascii()
                and end.isdigit()
                and len(start + end) < 16
            ):
                return int(start), int(end)
    return 0, 0


def _unquoted(line: str) -> str:
    return line.removeprefix(">").removeprefix(" ")


def text_of_status(body: bytes) -> str:
    """Return what a presence says of somebody: `show` and status (RFC 6121, 4.7.2)."""
    try:
        tree = read_tree(body)
    except (ValueError, SyntaxError):
        return ""
    if tree is None:
        return ""
    shown = (text_of(tree.first.get("show")), text_of(tree.first.get("status")))
    return ": ".join(filter(None, shown))
