"""RSMF 2.0, Relativity's format of short messages: a mail with a zip of `rsmf_manifest.json` and the files."""

import io
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage

import orjson

from components.audit.export.eml import choose_attached, name_by_conversation, title_of
from components.audit.export.format import About, Format, Holdings, Part, Shelved
from components.audit.export.mail import header_text, make_mail, seal_boundaries
from components.audit.export.message import ACTS, Entry, ExportMessage, Outcome
from components.audit.export.text import clean_unicode, time_in, write_time
from components.audit.mark import Mark

VERSION = "2.0.0"
_CONVERSATION = "C1"
_NOBODY = "the line"
_TYPES = {Mark.JOIN: "join", Mark.LEAVE: "leave"}
# Zip files begin in 1980; the time of a member says nothing here.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_READ = ("displayed", "acknowledged")


class Rsmf(Format):
    """The format `rsmf`."""

    name = "rsmf"
    daily = True
    most_in_part = 5000
    cannot_carry = (
        "What acts on a message (edits, deletions, reactions, receipts) is told at that message, and is an event of its"
        " own only if that message is in another file or not in the export.",
        "RSMF has no field for a record's id, verdict and outcome, and for replaced reactions: they are custom"
        " properties of the event.",
        "RSMF has no verdicts: what was refused or held is an event, with a custom property that says so.",
        "The stanza itself is not in it; it is in records/.",
    )

    def name_part(self, part: Part) -> str:
        """See Format."""
        return name_by_conversation(part, "rsmf")

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """See Format."""
        held = [each.entry for each in entries]
        manifest = make_manifest(part, held, about)
        files = {file.path: holdings.read(file.path) for file in choose_attached(held)}
        times = [each.message.at_ns for each in held]
        mail = make_mail(part, about, time_in(times[0], about.zone).replace(microsecond=0), title_of(part))
        for name, value in _headers(manifest, about, times, len(files)).items():
            mail[f"X-RSMF-{name}"] = header_text(value)
        _fill(mail, held, _zip(manifest, files))
        yield seal_boundaries(mail, f"{about.id}/{part.shelf}/{part.number}")


def make_manifest(part: Part, entries: list[Entry], about: About) -> dict[str, object]:
    """Return the content of rsmf_manifest.json (schema 2.0.0)."""
    here = {each.message.record for each in entries}
    shown = [each for each in entries if not _is_told_elsewhere(each, here)]
    attached = {file.path for file in choose_attached(entries)}
    in_room = any(each.message.room for each in entries)
    people = dict.fromkeys((*(part.shelf.people if part.shelf else ()), *_actors(entries)))
    return {
        "version": VERSION,
        "participants": [_participant(jid, entries, part) for jid in people],
        "conversations": [
            {
                "id": _CONVERSATION,
                "display": clean_unicode(part.shelf.title) if part.shelf else "acts on the line",
                "platform": "xmpp",
                "type": "channel" if in_room else "direct",
                "participants": [_person(jid) for jid in people],
                "custom": _custom({"Export": about.id, "Site": about.site, "Zone": about.zone_name}),
            }
        ],
        "events": [_event(each, about, here, attached) for each in shown],
        "eventcollectionid": f"{about.id}/{part.shelf.number if part.shelf else 0}",
    }


def _is_told_elsewhere(entry: Entry, here: set[str]) -> bool:
    return entry.message.mark in ACTS and entry.target in here


def _actors(entries: list[Entry]) -> list[str]:
    acts = (act for each in entries for act in (each.message, *each.effects))
    return [act.sender_bare for act in acts]


def _person(jid: str) -> str:
    return clean_unicode(jid) or _NOBODY


def _participant(jid: str, entries: list[Entry], part: Part) -> dict[str, object]:
    nicks = (each.message.nick for each in entries if each.message.sender_bare == jid and each.message.nick)
    name, nick = part.shelf.names.get(jid, "") if part.shelf else "", clean_unicode(next(nicks, ""))
    return {
        "id": _person(jid),
        "display": (f"{name} ({nick})" if name and nick else name or nick) or _person(jid),
        "account_id": _person(jid),
    }


def _event(entry: Entry, about: About, here: set[str], attached: set[str]) -> dict[str, object]:
    message = entry.message
    edits = entry.effects_of(Mark.CORRECTION)
    event: dict[str, object] = {
        "id": message.record,
        "type": _type_of(message),
        "body": clean_unicode(edits[-1].text if edits else message.text or " ".join(message.emojis)),
        "participant": _person(message.sender_bare),
        "conversation": _CONVERSATION,
        "timestamp": write_time(message.at_ns, about.zone),
        "deleted": bool(entry.effects_of(Mark.RETRACTION)),
        "edits": _edits(message, edits, about),
        "reactions": _reactions(entry),
        "read_receipts": [
            {
                "participant": _person(each.sender_bare),
                "timestamp": write_time(each.at_ns, about.zone),
                "action": "read" if each.detail in _READ else "delivered",
            }
            for each in entry.effects_of(Mark.RECEIPT, Mark.MARKER)
        ],
        "attachments": [
            {"id": _member(file.path), "display": clean_unicode(file.name), "size": file.size_bytes}
            for file in message.files
            if file.path in attached
        ],
        "custom": _custom(_properties(entry)),
    }
    if entry.answers in here:
        event["parent"] = entry.answers
    return event


def _type_of(message: ExportMessage) -> str:
    if message.mark in _TYPES:
        return _TYPES[Mark(message.mark)]
    return "message" if message.mark in (Mark.MESSAGE, Mark.CORRECTION, Mark.INVITE) else "unknown"


def _edits(message: ExportMessage, edits: tuple[ExportMessage, ...], about: About) -> list[dict[str, str]]:
    versions = (message.text, *(each.text for each in edits))
    return [
        {
            "participant": _person(each.sender_bare),
            "timestamp": write_time(each.at_ns, about.zone),
            "previous": clean_unicode(before),
            "new": clean_unicode(each.text),
        }
        for before, each in zip(versions, edits, strict=False)
    ]


def _reactions(entry: Entry) -> list[dict[str, object]]:
    """Return the reactions that are left: each person's last ones count (XEP-0444, 4.1)."""
    last = {each.sender_bare: each.emojis for each in entry.effects_of(Mark.REACTION)}
    by_value: dict[str, list[str]] = {}
    for jid, emojis in last.items():
        for emoji in emojis:
            by_value.setdefault(clean_unicode(emoji), []).append(_person(jid))
    return [
        {"value": emoji, "count": len(people), "participants": people} for emoji, people in by_value.items()
    ]


def _properties(entry: Entry) -> dict[str, str]:
    """Return what RSMF has no field for. The records of all that was done to a message are named here."""
    message = entry.message
    properties = {
        "Record": message.record,
        "Kind": f"{message.kind}, {message.mark}",
        "Verdict": ""
        if message.verdict in ("", "release") and not message.rules
        else f"{message.verdict} {' '.join(message.rules)}",
        "Outcome": "" if message.outcome == Outcome.DELIVERED else message.outcome,
        "Readers got instead": message.amended,
        "Subject": message.subject if message.subject != message.text else "",
        "Acts on": entry.target or message.target,
        "Answers": entry.answers or message.reply_to,
        "Files not attached": "; ".join(
            f"{each.name} {each.fault}" for each in message.files if not each.path
        ),
    }
    for each in entry.effects:
        properties[f"{each.mark} {each.record}"] = f"{each.sender_bare} {' '.join(each.emojis)}".rstrip()
    return properties


def _custom(properties: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": clean_unicode(value)} for name, value in properties.items() if value]


def _headers(manifest: dict[str, object], about: About, times: list[int], files: int) -> dict[str, str]:
    participants, events = manifest["participants"], manifest["events"]
    assert isinstance(participants, list) and isinstance(events, list)  # noqa: S101 - ours
    return {
        "Version": VERSION,
        "Generator": f"Steelyard {about.version}",
        "BeginDate": write_time(min(times), about.zone),
        "EndDate": write_time(max(times), about.zone),
        "EventCount": str(len(events)),
        "AttachmentCount": str(files),
        "Application": "xmpp",
        "Participants": ", ".join(each["display"] for each in participants),
        "EventCollectionID": str(manifest["eventcollectionid"]),
    }


def _fill(mail: EmailMessage, entries: list[Entry], packed: bytes) -> None:
    text = "\n".join(clean_unicode(each.message.text) for each in entries)
    mail.set_content(text or "\n", cte="base64")
    mail.add_attachment(packed, "application", "octet-stream", filename="rsmf.zip")


def _zip(manifest: dict[str, object], files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        members = {"rsmf_manifest.json": orjson.dumps(manifest, option=orjson.OPT_INDENT_2)}
        members |= {_member(path): content for path, content in files.items()}
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return packed.getvalue()


def _member(path: str) -> str:
    """Return the name of a file in the zip, which has no folders."""
    return path.rpartition("/")[2]
