"""Takes links out of a stanza: which bytes are removed, and what replaces them."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from operator import attrgetter, itemgetter
from xml.parsers import expat

from ahocorasick_rs import AhoCorasick, MatchKind

from policy.decision import Edit

LINK_REMOVED = "[link removed]"

_SEPARATOR = "\x0c"  # no character of XML, so that no namespace has it in it
_XHTML = "{http://www.w3.org/1999/xhtml}"
# Elements that only exist to carry a link are removed as a whole, the outermost first.
_CARRIERS = (
    "{urn:xmpp:reference:0}",  # XEP-0372
    "{urn:xmpp:sims:1}",  # XEP-0385
    "{urn:xmpp:sfs:0}",  # XEP-0447
    "{http://jabber.org/protocol/url-data}",  # XEP-0103
    "{jabber:x:oob}",  # XEP-0066
    "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description",  # XEP-0511
)
_DESCRIPTIONS = frozenset({"desc", "name"})  # words about a file, in which a link is only text
_PICTURES = frozenset({f"{_XHTML}img", f"{_XHTML}object", f"{_XHTML}embed"})  # nothing without their link
# Attributes that count the characters of the body (XEP-0426): they follow when it gets shorter.
_COUNTING = {
    "{urn:xmpp:reference:0}": ("begin", "end"),  # XEP-0372, 3.1
    "{urn:xmpp:fallback:0}": ("start", "end"),  # XEP-0428, 3.2
    "{urn:xmpp:markup:0}": ("start", "end"),  # XEP-0394, 3
}
_BODY = "{jabber:client}body"

_TAG = re.compile(rb"<[^>\"']*(?:(?:\"[^\"]*\"|'[^']*')[^>\"']*)*>")
_ESCAPED = re.compile(r"&#?\w+;|\r\n?")
_PREDEFINED = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&apos;": "'", "&quot;": '"'}  # XML 1.0, 4.6


class AmendError(ValueError):
    """The links cannot be taken out of this stanza."""


def plan_edits(stanza: bytes, links: Sequence[str]) -> tuple[Edit, ...]:
    """Return the edits that take links, as they were written, out of a stanza (docs/policy.md, section 5).

    In text "[link removed]" replaces them; elements that only carry a link are removed. Raises AmendError for a stanza
    that a server would not write.
    """
    if b"<!" in stanza or b"<?" in stanza:
        raise AmendError("a stanza has no comments, no CDATA and no instructions")  # RFC 6120, 11.1
    elements = _read_elements(stanza)
    # An expression would try the links one by one, at each place.
    wanted = AhoCorasick(links, matchkind=MatchKind.LeftmostFirst)
    edits: set[Edit] = set()
    for element in elements:
        edits.update(_edits_of(stanza, element, wanted))
    kept = list(_outermost(edits))
    return tuple(sorted([*kept, *_counts(stanza, elements, kept)]))


def apply_edits(stanza: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the stanza with these sorted edits, which do not overlap; raises AmendError if they do not fit."""
    parts: list[bytes] = []
    done = 0
    for edit in edits:
        if not done <= edit.start <= edit.end <= len(stanza):
            raise AmendError("the edits are of another stanza")
        parts += (stanza[done : edit.start], edit.text.encode())
        done = edit.end
    return b"".join([*parts, stanza[done:]])


@dataclass(slots=True, eq=False)
class _Element:
    """An element: its start tag is the bytes from `start` to `tag_end`; `runs` are its texts, as spans of bytes."""

    name: str
    attributes: dict[str, str]
    parent: "_Element | None"
    start: int
    tag_end: int
    end: int = 0
    runs: list[tuple[int, int]] = field(default_factory=list)

    def carrier(self) -> "_Element | None":
        """Return the outermost element, around or equal to this one, that only exists to carry a link."""
        found, element = None, self
        while element is not None:
            if element.name.startswith(_CARRIERS):
                found = element
            element = element.parent  # type: ignore[assignment]
        return found


def _read_elements(stanza: bytes) -> list[_Element]:
    """Read all elements in document order, the stanza itself first."""
    names: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate(namespace_separator=_SEPARATOR)
    parser.StartElementHandler = lambda name, attributes: names.append((name, attributes))
    try:
        parser.Parse(stanza, True)
    except expat.ExpatError as error:
        raise AmendError(f"not well-formed: {expat.errors.messages[error.code]}") from None
    elements: list[_Element] = []
    open_: _Element | None = None
    text_from = 0
    for tag in _TAG.finditer(stanza):
        start, end = tag.span()
        if open_ is not None and start > text_from:
            open_.runs.append((text_from, start))
        text_from = end
        if not tag[0].startswith(b"</"):
            name, attributes = names[len(elements)]
            full = "{" + name.replace(_SEPARATOR, "}") if _SEPARATOR in name else name
            open_ = _Element(full, attributes, open_, start, end)
            elements.append(open_)
        if tag[0].startswith(b"</") or tag[0].endswith(b"/>"):
            if open_ is None:
                raise AmendError("more ends than elements")
            open_.end, open_ = end, open_.parent
    return elements


def _edits_of(stanza: bytes, element: _Element, wanted: AhoCorasick) -> Iterator[Edit]:
    carrier = element.carrier()
    local = element.name.rpartition("}")[2]
    for run in element.runs:
        matches = list(_find_in_text(stanza, run, wanted))
        if matches and carrier is not None and local not in _DESCRIPTIONS:
            yield Edit(carrier.start, carrier.end)
        else:
            yield from matches
    for name, value in element.attributes.items():
        if not wanted.find_matches_as_indexes(value):
            continue
        if carrier is not None:
            yield Edit(carrier.start, carrier.end)
        elif element.name in _PICTURES:
            yield Edit(element.start, element.end, LINK_REMOVED)
        elif element.name.startswith(_XHTML):
            yield _edit_attribute(stanza, element, name, "")


def _find_in_text(stanza: bytes, run: tuple[int, int], wanted: AhoCorasick) -> Iterator[Edit]:
    text, places = _read_text(stanza, run)
    for _, start, end in wanted.find_matches_as_indexes(text):
        yield Edit(_place_of(text, places, start), _place_of(text, places, end), LINK_REMOVED)


def _read_text(stanza: bytes, run: tuple[int, int]) -> tuple[str, list[tuple[int, int]]]:
    """Return a run's text, and places from which on one can count: each in the text, and in the stanza.

    There is one at the beginning, and one behind each character that is written in another way than as itself.
    """
    written = stanza[run[0] : run[1]].decode()
    parts: list[str] = []
    length, start = 0, run[0]
    places = [(length, start)]
    read_to = 0
    for match in _ESCAPED.finditer(written):
        plain = written[read_to : match.start()]
        parts += (plain, _unescape(match[0]))
        length += len(plain) + 1
        start += len(plain.encode()) + len(match[0].encode())
        places.append((length, start))
        read_to = match.end()
    parts.append(written[read_to:])
    return "".join(parts), places


def _offsets_of(stanza: bytes, run: tuple[int, int]) -> Iterator[int]:
    """Yield where in the stanza each character of a run begins."""
    text, places = _read_text(stanza, run)
    for (first, begins_at), (end, _) in pairwise([*places, (len(text), 0)]):
        start = begins_at
        for character in text[first:end]:
            yield start
            start += len(character.encode())


def _place_of(text: str, places: list[tuple[int, int]], index: int) -> int:
    """Return where in the stanza the character of this index begins, or the last one before it ends."""
    length, start = places[bisect_right(places, index, key=itemgetter(0)) - 1]
    return start + len(text[length:index].encode())


def _unescape(written: str) -> str:
    if written.startswith("\r"):
        return "\n"  # XML 1.0, 2.11
    if len(written) < 2:
        return written
    if written.startswith("&#x"):
        return chr(int(written[3:-1], 16))
    if written.startswith("&#"):
        return chr(int(written[2:-1]))
    try:
        return _PREDEFINED[written]
    except KeyError:
        raise AmendError("an entity that XMPP does not have") from None


def _edit_attribute(stanza: bytes, element: _Element, name: str, value: str) -> Edit:
    """Return the edit that removes an attribute, or gives it another value that needs no escaping."""
    pattern = rb"\s%s\s*=\s*(?:\"([^\"]*)\"|'([^']*)')" % re.escape(name.encode())
    match = re.compile(pattern).search(stanza, element.start, element.tag_end)
    if match is None:
        raise AmendError("an attribute of another namespace")
    if not value:
        return Edit(*match.span())
    group = 1 if match[1] is not None else 2
    return Edit(*match.span(group), value)


def _counts(stanza: bytes, elements: Sequence[_Element], edits: Sequence[Edit]) -> Iterator[Edit]:
    """Yield the edits that adjust counts of the body's characters to its new length."""
    bodies = [each for each in elements[1:] if each.name == _BODY and each.parent is elements[0]]
    counting = [
        (element, name)
        for element in elements
        for namespace, names in _COUNTING.items()
        if element.name.startswith(namespace)
        for name in names
        if element.attributes.get(name, "").isdecimal()
    ]
    if not bodies or not counting:
        return
    shift = _Shift(stanza, bodies[0], edits)
    for element, name in counting:
        old = int(element.attributes[name])
        new = shift.moved(old, is_end=name == "end")
        edit = _edit_attribute(stanza, element, name, str(new))
        if new != old and not _is_within(edit, edits):
            yield edit


class _Shift:
    """The places of a body's characters after its links are removed."""

    def __init__(self, stanza: bytes, body: _Element, edits: Iterable[Edit]) -> None:
        offsets: list[int] = []
        for run in body.runs:
            offsets += _offsets_of(stanza, run)
        offsets.append(body.runs[-1][1] if body.runs else body.end)
        inside = sorted(each for each in edits if body.start < each.start and each.end <= body.end)
        self._spans = [
            (bisect_right(offsets, each.start) - 1, bisect_right(offsets, each.end) - 1) for each in inside
        ]
        longer = (len(LINK_REMOVED) - (end - start) for start, end in self._spans)
        self._moved_by = list(accumulate(longer, initial=0))  # by so many of the first spans

    def moved(self, position: int, *, is_end: bool) -> int:
        passed = bisect_right(self._spans, position, key=itemgetter(1))
        moved = position + self._moved_by[passed]
        if passed < len(self._spans) and position > (start := self._spans[passed][0]):
            moved += start - position + (len(LINK_REMOVED) if is_end else 0)
        return moved


def _outermost(edits: Iterable[Edit]) -> Iterator[Edit]:
    """Yield the edits that are not within another; they do not overlap otherwise, as elements do not."""
    end = -1
    for edit in sorted(edits, key=lambda each: (each.start, -each.end)):
        if edit.end > end:
            yield edit
            end = edit.end


def _is_within(edit: Edit, edits: Sequence[Edit]) -> bool:
    """Return whether an edit is within one of these, which are sorted and do not overlap."""
    before = bisect_right(edits, edit.start, key=attrgetter("start"))
    return before > 0 and edit.end <= edits[before - 1].end
