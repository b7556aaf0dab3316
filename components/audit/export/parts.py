"""Divides the messages of an export into the files of its format."""

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from itertools import groupby

from components.audit.export.format import MOST_TEXT_IN_PART, Format, Part, Shelved
from components.audit.export.message import Entry
from components.audit.export.text import time_in


def split_parts(
    entries: Iterable[Shelved], format_: Format, zone: tzinfo
) -> Iterator[tuple[Part, Iterator[Shelved]]]:
    """Yield each file's place and its entries, which have to be read before the next file's."""
    if format_.one_file:
        yield Part(0, None), iter(entries)
        return
    yield from groupby(entries, key=_Division(format_, zone))


class _Division:
    """Says which file each entry belongs to; they come shelf by shelf, in the order of their times."""

    def __init__(self, format_: Format, zone: tzinfo) -> None:
        self._format = format_
        self._zone = zone
        self._part = Part(-1, None)
        self._held = 0
        self._text = 0

    def __call__(self, entry: Shelved) -> Part:
        """Return the part of the next entry."""
        day = time_in(entry.entry.message.at_ns, self._zone).date().isoformat() if self._format.daily else ""
        shelf = None if self._format.across_shelves else entry.shelf
        is_other_shelf = self._part.shelf is not shelf
        text = _length_of(entry.entry)
        most = self._format.most_in_part
        is_full = most > 0 and (self._held >= most or self._text + text > MOST_TEXT_IN_PART)
        if is_other_shelf or is_full or day != self._part.day or self._part.number < 0:
            number = 0 if is_other_shelf else self._part.number + 1
            self._part, self._held, self._text = Part(number, shelf, day), 0, 0
        self._held += 1
        self._text += text
        return self._part


def _length_of(entry: Entry) -> int:
    return sum([len(each.stanza) for each in (entry.message, *entry.effects)])
