"""EML (RFC 5322): a message for each conversation and day, with files attached, for any mail client."""

from collections.abc import Iterator

from components.audit.export.format import About, Format, Holdings, Part, Shelved
from components.audit.export.html import write_article, write_head
from components.audit.export.mail import make_mail, seal_boundaries
from components.audit.export.message import Entry, ExportFile
from components.audit.export.story import tell
from components.audit.export.text import clean_xml, file_name, one_line, time_in

MOST_ATTACHED_BYTES = 20 * 1024 * 1024  # in one message: many mail systems take no larger one
_UNTYPED = ("application", "octet-stream")


class Eml(Format):
    """The format `eml`."""

    name = "eml"
    daily = True
    most_in_part = 2000
    cannot_carry = (
        "The stanza itself is not in it; it is in records/.",
        "Ends of lines are all CR LF.",
        "Times of single records are in its text; the message's own time is that of its first record.",
        "A JID that is no mail address has an address in jid.invalid, and is the name beside it.",
        f"Files are attached up to {MOST_ATTACHED_BYTES // 1024 // 1024} MiB in a message; all of them lie in files/.",
    )

    def name_part(self, part: Part) -> str:
        """See Format."""
        return name_by_conversation(part, "eml")

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """See Format."""
        held = [each.entry for each in entries]
        title = f"{title_of(part)}, {part.day}, {len(held)} records"
        mail = make_mail(
            part, about, time_in(held[0].message.at_ns, about.zone).replace(microsecond=0), title
        )
        mail["X-Steelyard-Export"] = about.id
        mail["X-Steelyard-Records"] = f"{held[0].message.record} to {held[-1].message.record}"
        mail.set_content(clean_xml("\n".join(_write_text(each, about) for each in held)), cte="base64")
        page = [write_head(title, {}), *(write_article(each, about) for each in held), b"</body></html>\n"]
        mail.add_alternative(b"".join(page).decode(), subtype="html", cte="base64")
        for file in choose_attached(held):
            type_, _, subtype = file.media_type.partition("/")
            kind = (type_, subtype) if _is_type(type_) and _is_type(subtype) else _UNTYPED
            kind = _UNTYPED if type_ in ("text", "multipart", "message") else kind
            mail.add_attachment(holdings.read(file.path), *kind, filename=file_name(file.name, 200))
        yield seal_boundaries(mail, f"{about.id}/{title}")


def name_by_conversation(part: Part, ending: str) -> str:
    """Return the path of a conversation's file: a folder for each conversation, files in the order of time."""
    shelf = part.shelf
    folder = f"{shelf.number:06} {file_name(shelf.name or 'acts on the line')}" if shelf else "all"
    return f"conversations/{folder}/{part.number + 1:05} {part.day}.{ending}"


def title_of(part: Part) -> str:
    """Return what a conversation is called in a title."""
    return part.shelf.title if part.shelf else "Acts on the line"


def choose_attached(entries: list[Entry]) -> list[ExportFile]:
    """Return the files to attach, each once, as many as fit."""
    chosen, size = dict[str, ExportFile](), 0
    for file in (file for each in entries for file in each.message.files):
        if file.path and file.path not in chosen and size + file.size_bytes <= MOST_ATTACHED_BYTES:
            chosen[file.path] = file
            size += file.size_bytes
    return list(chosen.values())


def _write_text(entry: Entry, about: About) -> str:
    told = tell(entry, about.zone)
    notes = [f"  - {note}" for note in told.notes]
    notes += [
        f"  - File {file.name}, SHA-256 {file.sha256}, {file.path or file.fault}" for file in told.files
    ]
    # Names come last: one that turns the direction of text around turns nothing but itself.
    head = f"{told.time}  [{told.record}]  {one_line(told.who)}"
    # A line's end is CR LF in a mail: else what ends with CR would take the next one away.
    return "\n".join((head, told.text.replace("\r\n", "\n").replace("\r", "\n"), *notes, ""))


def _is_type(text: str) -> bool:
    return bool(text) and text.isascii() and text.replace("-", "").replace(".", "").replace("+", "").isalnum()
