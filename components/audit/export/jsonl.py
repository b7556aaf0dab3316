"""JSON Lines: a JSON object for each record, with all that is known of it, the stanza itself too."""

from collections.abc import Iterator

import orjson

from components.audit.export.format import About, FlatFormat, Holdings, Part, Shelved
from components.audit.export.message import Entry, ExportFile, ExportMessage
from components.audit.export.text import clean_value, write_time

NAME = "jsonl"


class JsonLines(FlatFormat):
    """The format `jsonl`."""

    name = NAME
    one_file = "export.jsonl"
    cannot_carry = (
        "Files lie beside it, in files/, and are named in it.",
        "It says nothing of what records say that the query did not match.",
    )

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """See Format."""
        for each in entries:
            described = describe_entry(each.entry, about)
            try:
                yield orjson.dumps(described, option=orjson.OPT_APPEND_NEWLINE)
            except TypeError:  # a lone half of a surrogate
                yield orjson.dumps(clean_value(described), option=orjson.OPT_APPEND_NEWLINE)


def describe_entry(entry: Entry, about: About) -> dict[str, object]:
    """Return a record as an object of JSON; what is empty is there, too."""
    message = entry.message
    return {
        "id": message.record,
        "at": write_time(message.at_ns, about.zone),
        "at_ns": message.at_ns,
        "kind": message.kind,
        "mark": message.mark,
        "conversation": message.conversation,
        "room": message.room,
        "from": message.sender,
        "from_name": message.sender_name,
        "to": message.to,
        "to_name": message.to_name,
        "nick": message.nick,
        "subject": message.subject,
        "text": message.text,
        "amended": message.amended,
        "thread": message.thread,
        "ids": message.ids,
        "target": message.target,
        "target_record": entry.target,
        "reply_to": message.reply_to,
        "answers_record": entry.answers,
        "detail": message.detail,
        "emojis": message.emojis,
        "verdict": message.verdict,
        "rules": message.rules,
        "outcome": message.outcome,
        "effects": [_describe_effect(each) for each in entry.effects],
        "files": [describe_file(each) for each in message.files],
        "stanza": message.stanza,
    }


def _describe_effect(effect: ExportMessage) -> dict[str, object]:
    return {
        "id": effect.record,
        "mark": effect.mark,
        "from": effect.sender,
        "from_name": effect.sender_name,
        "text": effect.text,
        "emojis": effect.emojis,
    }


def describe_file(file: ExportFile) -> dict[str, object]:
    """Return a file as an object of JSON."""
    return {
        "record": file.record,
        "name": file.name,
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "path": file.path,
        "fault": file.fault,
    }
