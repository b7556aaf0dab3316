"""CSV (RFC 4180) for spreadsheets: a row for each record, and no cell that a spreadsheet would compute."""

import csv
import re
from collections.abc import Iterator

from components.audit.export.format import About, FlatFormat, Holdings, Part, Shelved
from components.audit.export.message import Entry
from components.audit.export.text import clean_xml, write_time

# What spreadsheets take for a formula, also behind blanks and what nobody sees; full-width signs are signs, too.
# A cell that begins with an apostrophe gets another one, so that taking one away always gives back what was there.
_SIGNS = "=+@＝＋－＠﹢﹣﹦﹫−"
_UNSEEN = "\\s\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x1f"
_COMPUTED = re.compile(f"['\t\r\n]|[{_UNSEEN}]*[{_SIGNS}\\-]")
# Where semicolons divide cells, as in much of Europe, a spreadsheet takes what is behind one for a cell, whatever the
# quotes around it say, and so what is on another line. A quote there is doubled in the file, and opens and closes
# nothing but an empty text. (A smiley stays one.)
_COMPUTED_WITHIN = re.compile(f"(?<=[;\t\r\n])(?='|(?:(?![\t\r\n])[{_UNSEEN}\"])*(?:[{_SIGNS}]|-(?!\\))))")
_MOST_CHARACTERS = 32_767  # in a cell of a spreadsheet; a longer one is cut by it, not by us

COLUMNS = (
    "id",
    "time",
    "kind",
    "mark",
    "conversation",
    "from",
    "to",
    "nick",
    "subject",
    "text",
    "amended",
    "verdict",
    "rules",
    "outcome",
    "acts_on",
    "target_id",
    "reply_to",
    "thread",
    "reactions",
    "changed_by",
    "files",
    "from_name",
    "to_name",
)


class Csv(FlatFormat):
    """The format `csv`."""

    name = "csv"
    one_file = "export.csv"
    cannot_carry = (
        "The stanza itself is not in it; it is in records/.",
        "A cell that a spreadsheet would compute, or that begins with an apostrophe, has an apostrophe before it, and"
        " so has what stands behind a semicolon, a tab or on a new line in it: take those away to have the text back.",
        "Control characters are replaced by U+FFFD.",
        f"Spreadsheets show at most {_MOST_CHARACTERS:,} characters of a cell; the file has all of them.",
        "Files lie beside it, in files/, and are named in it.",
    )

    def encode(
        self, part: Part, entries: Iterator[Shelved], about: About, holdings: Holdings
    ) -> Iterator[bytes]:
        """See Format. It begins with a byte order mark, without which spreadsheets take it for another encoding."""
        lines = _Lines()
        writer = csv.writer(lines, quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS)
        yield b"\xef\xbb\xbf" + lines.line.encode()
        for each in entries:
            writer.writerow([neutralise(cell) for cell in _row_of(each.entry, about)])
            yield lines.line.encode()


def neutralise(cell: str) -> str:
    """Return a cell of which no spreadsheet computes anything.

    Taking away an apostrophe at its beginning, and behind each semicolon, tab and end of line, gives the text.
    """
    cell = _COMPUTED_WITHIN.sub("'", clean_xml(cell))
    return f"'{cell}" if _COMPUTED.match(cell) else cell


class _Lines:
    """Takes what a CSV writer writes, a line at a time."""

    def __init__(self) -> None:
        self.line = ""

    def write(self, line: str) -> None:
        self.line = line


def _row_of(entry: Entry, about: About) -> tuple[str, ...]:
    message = entry.message
    return (
        message.record,
        write_time(message.at_ns, about.zone),
        message.kind,
        message.mark,
        message.conversation,
        message.sender,
        message.to,
        message.nick,
        message.subject,
        message.text,
        message.amended,
        message.verdict,
        " ".join(message.rules),
        message.outcome,
        entry.target,
        message.target,
        message.reply_to,
        message.thread,
        " ".join(message.emojis),
        " ".join(f"{each.mark}:{each.record}" for each in entry.effects),
        "\n".join(f"{each.path or each.name} {each.sha256}".strip() for each in message.files),
        message.sender_name,
        message.to_name,
    )
