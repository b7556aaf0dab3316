"""What a server says on one connection, read as it comes: its streams, one after another, and their elements."""

import copy
import re
from collections.abc import Iterator

from lxml import etree

Element = etree._Element

_DECLARATION = rb"(?:<\?xml[^>]*>\s*)?"
_HEADER = re.compile(_DECLARATION + rb"<stream:stream[ >]")
# What may go on in the next read as a header does.
_UNFINISHED = re.compile(_DECLARATION + rb"(?:<[^>]*)?\Z")


class StreamReader:
    """Reads bytes however they are cut.

    Each header begins a stream, be the one before at its end or not: a server that ends the connection after a login
    says the next header unasked (RFC 6120, 4.9.1.2).
    """

    def __init__(self) -> None:
        self._rest = b""
        self._begin()

    def feed(self, data: bytes) -> Iterator[Element | None]:
        """Take what came, and give each whole element of a stream; None is a stream's end."""
        data = self._rest + data
        end = _UNFINISHED.search(data)
        assert end
        data, self._rest = data[: end.start()], data[end.start() :]
        headers = [each.start() for each in _HEADER.finditer(data)]
        yield from self._read(data[: headers[0]] if headers else data)
        for start, stop in zip(headers, (*headers[1:], len(data)), strict=False):
            self._begin()
            yield from self._read(data[start:stop])

    def _begin(self) -> None:
        self._parser = etree.XMLPullParser(events=("start", "end"), resolve_entities=False, no_network=True)
        self._depth, self._is_over = 0, False

    def _read(self, data: bytes) -> Iterator[Element | None]:
        if self._is_over or not data:
            return
        self._parser.feed(data)
        for event, element in self._parser.read_events():
            assert isinstance(element, Element)
            self._depth += 1 if event == "start" else -1
            if event == "end" and self._depth == 0:
                self._is_over = True
                yield None
            elif event == "end" and self._depth == 1:
                yield copy.deepcopy(element)  # a copy keeps its own namespace declarations
                parent = element.getparent()
                assert parent is not None
                parent.remove(element)
