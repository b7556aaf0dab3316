"""A record told to people: what transcripts, mails and printed pages say of it, the same in each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

from components.audit.export.format import About, Shelf
from components.audit.export.message import Entry, ExportFile, ExportMessage, Outcome, call_jid
from components.audit.export.text import one_line, write_time_for_people
from components.audit.mark import Mark

_ACTS = {
    Mark.CORRECTION: "Corrects",
    Mark.RETRACTION: "Takes back",
    Mark.REACTION: "Reacts to",
    Mark.RECEIPT: "Confirms receipt of",
    Mark.MARKER: "Marks",
}
_EFFECTS = {
    Mark.CORRECTION: "Corrected later",
    Mark.RETRACTION: "Taken back later",
    Mark.REACTION: "Reaction",
    Mark.RECEIPT: "Receipt confirmed",
    Mark.MARKER: "Marked",
}
_HAPPENED = {
    Mark.JOIN: "Joins the room.",
    Mark.LEAVE: "Leaves the room.",
    Mark.SUBJECT: "Sets the room's subject.",
    Mark.INVITE: "Invites.",
    Mark.CHAT_STATE: "Chat state:",
}
_OUTCOMES = {
    Outcome.HELD: "Held for review.",
    Outcome.NOT_DELIVERED: "Not delivered.",
    Outcome.UNKNOWN: "Whether it was delivered is not recorded.",
}


MOST_LISTED = 5
"""So many people of a conversation are named in a table of contents; all of them are where the conversation begins."""


@dataclass(frozen=True, slots=True)
class Told:
    """A record for people: `notes` are sentences on what it is and what became of it, each on a line."""

    record: str
    time: str
    who: str
    text: str
    notes: tuple[str, ...]
    files: tuple[ExportFile, ...]


def tell(entry: Entry, zone: tzinfo) -> Told:
    """Tell a record."""
    message = entry.message
    who = call_jid(message.sender_name, message.sender) or "the line"
    return Told(
        message.record,
        write_time_for_people(message.at_ns, zone),
        f"{message.nick} ({who})" if message.nick else who,
        message.text or " ".join(message.emojis),
        tuple(one_line(note) for note in (*_on_itself(entry), *_on_effects(entry, zone)) if note),
        message.files,
    )


def times_of(shelf: Shelf, about: About) -> tuple[str, str]:
    """Return when a conversation begins and ends."""
    return write_time_for_people(shelf.first_ns, about.zone), write_time_for_people(shelf.last_ns, about.zone)


def count_records(count: int) -> str:
    """Return a number of records in words."""
    return f"{count:,} record{'' if count == 1 else 's'}"


def list_people(shelf: Shelf, call: Callable[[str], str], most: int | None = None) -> str:
    """Return who takes part in a conversation, if its title does not say so: all, or so many and how many more."""
    listed = shelf.listed
    more = f" and {len(listed) - most:,} more" if most and len(listed) > most else ""
    return f" {', '.join(map(call, listed[:most]))}{more}." if listed else ""


def _on_itself(entry: Entry) -> list[str]:
    message = entry.message
    notes = []
    if message.subject and message.subject != message.text:
        notes.append(f"Subject: {message.subject}")
    if message.mark in _ACTS:
        missing = (
            f"no message that is in this export and that it may act on (it names the id {message.target})"
        )
        detail = f" as {message.detail}" if message.mark == Mark.MARKER and message.detail else ""
        notes.append(f"{_ACTS[Mark(message.mark)]} {entry.target or missing}{detail}.")
    if message.mark in _HAPPENED:
        notes.append(f"{_HAPPENED[Mark(message.mark)]} {message.detail}".strip())
    if message.kind not in ("message", "other") and message.mark == Mark.OTHER:
        notes.append(f"A record of the kind {message.kind}.")
    if message.reply_to:
        notes.append(
            f"Answers {entry.answers or f'a message that is not in this export (its id is {message.reply_to})'}."
        )
    return [*notes, *_on_outcome(message)]


def _on_outcome(message: ExportMessage) -> list[str]:
    if not message.verdict:
        return []
    notes = [_OUTCOMES.get(Outcome(message.outcome), "")]
    if message.verdict != "release":
        by = f" by the rules {', '.join(message.rules)}" if message.rules else ""
        notes.append(f"Verdict: {message.verdict}{by}.")
    elif message.rules:
        notes.append(f"Flagged by the rules {', '.join(message.rules)}.")
    if message.amended:
        notes.append(f"Readers got instead: {message.amended}")
    return notes


def _on_effects(entry: Entry, zone: tzinfo) -> list[str]:
    return [
        f"{_EFFECTS[Mark(each.mark)]} by {call_jid(each.sender_name, each.sender_bare)},"
        f" {write_time_for_people(each.at_ns, zone)}, {each.record}{_said(each)}."
        for each in entry.effects
    ]


def _said(effect: ExportMessage) -> str:
    said = " ".join(effect.emojis) if effect.mark == Mark.REACTION else effect.detail
    return f": {said}" if said else ""
