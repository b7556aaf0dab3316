"""A record told to people: what transcripts, mails and printed pages say of it, the same in each."""

from dataclasses import dataclass
from datetime import tzinfo

from components.audit.export.message import Entry, ExportFile, ExportMessage, Outcome
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
    who = message.sender or "the line"
    return Told(
        message.record,
        write_time_for_people(message.at_ns, zone),
        f"{message.nick} ({who})" if message.nick else who,
        message.text or " ".join(message.emojis),
        tuple(one_line(note) for note in (*_on_itself(entry), *_on_effects(entry, zone)) if note),
        message.files,
    )


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
        f"{_EFFECTS[Mark(each.mark)]} by {each.sender_bare}, {write_time_for_people(each.at_ns, zone)},"
        f" {each.record}{_said(each)}."
        for each in entry.effects
    ]


def _said(effect: ExportMessage) -> str:
    said = " ".join(effect.emojis) if effect.mark == Mark.REACTION else effect.detail
    return f": {said}" if said else ""
