"""Divides the messages of an export into the files of its format."""

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from itertools import groupby

from components.audit.export.format import Format, Part, Shelved
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

    def __call__(self, entry: Shelved) -> Part:
        """Return the part of the next entry."""
        day = time_in(entry.entry.message.at_ns, self._zone).date().isoformat() if self._format.daily else ""
        shelf = None if self._format.across_shelves else entry.shelf
        is_other_shelf = self._part.shelf is not shelf
        is_full = self._held >= self._format.most_in_part > 0
        if is_other_shelf or is_full or day != self._part.day or self._part.number < 0:
            number = 0 if is_other_shelf else self._part.number + 1
            self._part, self._held = Part(number, shelf, day), 0
        self._held += 1
        return self._part
