"""Conversations as pages show them: values for templates, taken from what was read."""

from collections.abc import Iterator
from dataclasses import dataclass

from components.audit.conversation.item import Item, ItemKind, Party, Version
from components.audit.conversation.read import ConversationView
from components.audit.excerpt import ExcerptPiece, mark_all
from components.audit.moment import format_time
from components.audit.query.tree import Node

_SAID = (ItemKind.MESSAGE, ItemKind.CORRECTION, ItemKind.SUBJECT)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a conversation: an item, its text with hits marked, and what is to be said of it.

    `because` names the evidence that the judgement rests on whether it had reached somebody.
    """

    item: Item
    iso: str
    pieces: tuple[ExcerptPiece, ...]
    earlier: tuple[Version, ...]
    is_event: bool
    because: str


@dataclass(frozen=True, slots=True)
class TalkPage:
    """A part of a conversation; `title` are its parties."""

    title: tuple[Party, ...]
    lines: tuple[Line, ...]
    view: ConversationView


def view_talk(view: ConversationView, query: Node | None) -> TalkPage:
    """Return what the page of a conversation shows."""
    return TalkPage(view.parties, tuple(_view_line(item, query) for item in view.items), view)


def _view_line(item: Item, query: Node | None) -> Line:
    earlier = tuple(_find_earlier(item))
    pieces = mark_all(item.text, query) if query is not None else (ExcerptPiece(item.text),)
    return Line(
        item, format_time(item.at_ns), tuple(pieces), earlier, item.kind not in _SAID, _find_reason(item)
    )


def _find_reason(item: Item) -> str:
    """Return the name of the best evidence, in the catalogue's spelling; empty if nobody is asked about."""
    if item.reached is None:
        return ""
    certainty = item.reached.certainty
    return next((each.how.name.lower() for each in item.reached.evidence if each.certainty is certainty), "")


def _find_earlier(item: Item) -> Iterator[Version]:
    """Yield the versions that are not the text that is shown."""
    shown = False
    for version in reversed(item.versions):
        if not shown and version.text == item.text:
            shown = True
            continue
        yield version


def name_party(party: Party) -> str:
    """Return how a person is called on a page: by name, by the name in the room, or by address."""
    return party.name or party.nick or party.jid
