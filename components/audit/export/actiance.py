"""Actiance-style XML, with the elements that Mattermost's compliance export has (`FileDump`).

Each conversation says who is present when it begins and when it ends, in between all messages, and what was edited or
deleted.
"""

from collections.abc import Iterator
from itertools import groupby

from components.audit.export.format import About, Format, Holdings, Part, Shelf, Shelved
from components.audit.export.message import Entry, ExportFile, ExportMessage
from components.audit.export.text import escape_attribute, escape_xml
from components.audit.mark import Mark

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<FileDump xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n'
)
_NS_PER_MS = 1_000_000


class Actiance(Format):
    """The format `actiance`. Times are Unix times in milliseconds, as Mattermost writes them."""

    name = "actiance"
    one_file = "actiance_export.xml"
    cannot_carry = (
        "Times are cut to milliseconds.",
        "It has no element for reactions, receipts, markers, replies and verdicts: these records are messages whose"
        " text says what they are.",
        "It has no element for people's names; their JIDs are in it.",
        "Who is present in a room is known from the exported records alone: who wrote, joined or left.",
        "Characters that XML cannot hold are replaced by U+FFFD.",
        "The stanza itself is not in it; it is in records/.",
    )

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """See Format."""
        yield _HEAD.encode()
        for shelf, held in groupby(entries, key=lambda each: each.shelf):
            presence = _Presence(shelf)
            yield _begin(shelf)
            for each in held:
                presence.note(each.entry.message)
                yield _write_entry(each.entry)
            yield presence.end()
        yield b"</FileDump>\n"


class _Presence:
    """Who is in a conversation at its end: all who were there at its beginning, or joined, and did not leave."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._left: dict[str, int] = {}

    def note(self, message: ExportMessage) -> None:
        """Take a message."""
        self._left.pop(message.sender_bare, None)
        if message.mark == Mark.LEAVE:
            self._left[message.sender_bare] = message.at_ns

    def end(self) -> bytes:
        """Return the end of the conversation."""
        last_ns = self._shelf.last_ns
        left = "".join(
            _participant("Left", jid, self._left.get(jid, last_ns)) for jid in sorted(self._shelf.people)
        )
        return f"{left}<EndTimeUTC>{last_ns // _NS_PER_MS}</EndTimeUTC>\n</Conversation>\n".encode()


def _begin(shelf: Shelf) -> bytes:
    name = shelf.name or "acts on the line"
    entered = "".join(_participant("Entered", jid, shelf.first_ns) for jid in sorted(shelf.people))
    return (
        f"<Conversation Perspective={escape_attribute(name)}>\n<RoomID>{escape_xml(name)}</RoomID>\n"
        f"<StartTimeUTC>{shelf.first_ns // _NS_PER_MS}</StartTimeUTC>\n{entered}"
    ).encode()


def _participant(what: str, jid: str, at_ns: int) -> str:
    login = escape_xml(jid)
    return (
        f"<Participant{what}><LoginName>{login}</LoginName><UserType>user</UserType>"
        f"<DateTimeUTC>{at_ns // _NS_PER_MS}</DateTimeUTC><CorporateEmailID>{login}</CorporateEmailID>"
        f"</Participant{what}>\n"
    )


def _write_entry(entry: Entry) -> bytes:
    message = entry.message
    fields = {
        "MessageId": message.record,
        "LoginName": message.sender_bare,
        "UserType": "user",
        "DateTimeUTC": str(message.at_ns // _NS_PER_MS),
        **_update_of(entry),
        "Content": _content_of(entry),
    }
    written = "".join(f"<{name}>{escape_xml(value)}</{name}>" for name, value in fields.items())
    files = "".join(_transfer(file, message) for file in message.files)
    return f"<Message>{written}</Message>\n{files}".encode()


def _update_of(entry: Entry) -> dict[str, str]:
    """Return how a message was changed: the original points to its last edit, the edit is a message of its own."""
    message = entry.message
    retractions = entry.effects_of(Mark.RETRACTION)
    edits = entry.effects_of(Mark.CORRECTION)
    if retractions:
        return _updated("Deleted", retractions[0])
    if edits:
        return {**_updated("EditedOriginalMsg", edits[-1]), "EditedNewMsgId": edits[-1].record}
    if message.mark == Mark.CORRECTION:
        return _updated("EditedNewMsg", message)
    return _updated("UpdatedNoMsgChange", entry.effects[-1]) if entry.effects else {}


def _updated(how: str, by: ExportMessage) -> dict[str, str]:
    return {"UpdatedType": how, "UpdatedDateTimeUTC": str(by.at_ns // _NS_PER_MS)}


def _content_of(entry: Entry) -> str:
    message = entry.message
    said = " ".join(message.emojis) if message.mark == Mark.REACTION else message.text
    what = "" if message.mark == Mark.MESSAGE else f"[{message.mark} of {entry.target or message.target}] "
    if message.mark in (Mark.JOIN, Mark.LEAVE, Mark.SUBJECT, Mark.INVITE, Mark.CHAT_STATE, Mark.OTHER):
        what = f"[{message.mark}] "
    undelivered = f"[{message.verdict}, {message.outcome}] " if message.verdict not in ("", "release") else ""
    return f"{undelivered}{what}{said}"


def _transfer(file: ExportFile, message: ExportMessage) -> str:
    who, at_ms = escape_xml(message.sender_bare), message.at_ns // _NS_PER_MS
    fields = (
        f"<LoginName>{who}</LoginName><DateTimeUTC>{at_ms}</DateTimeUTC>"
        f"<UserFileName>{escape_xml(file.name)}</UserFileName><FileName>{escape_xml(file.path)}</FileName>"
    )
    status = "Completed" if file.path else "Failed"
    return (
        f"<FileTransferStarted>{fields}</FileTransferStarted>\n"
        f"<FileTransferEnded>{fields}<Status>{status}</Status></FileTransferEnded>\n"
    )
