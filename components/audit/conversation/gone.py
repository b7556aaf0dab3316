"""Records of a conversation that the index does not know: destroyed by an order, or not to be read."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from components.archive.conversation import ConversationHash
from components.archive.opener import RecordOpener
from components.audit.conversation.said import Said, read_said
from components.audit.index.index import Index
from components.audit.index.logs import LAST_NUMBER, IndexedLog, find_record
from components.audit.index.talk import Turn
from components.audit.show import is_missing
from components.audit.view import view_record

_MOST = 2_000  # of one page; whole segments that were destroyed have more


def hash_conversations(key: bytes, conversations: Iterable[tuple[str, str]]) -> frozenset[bytes]:
    """Return the bytes by which leaves name some conversations (docs/archive-format.md, section 3)."""
    hashes = ConversationHash(key)
    return frozenset(hashes.of_people(a, b) if b else hashes.of_room(a) for a, b in conversations)


async def find_gone(
    index: Index,
    logs: Mapping[IndexedLog, RecordOpener],
    names: Mapping[IndexedLog, str],
    hashes: frozenset[bytes],
    places: range,
) -> list[Said]:
    """Find the records of conversations, in a range of places, that were destroyed or cannot be read, in order."""
    found: list[Said] = []
    for which, log in logs.items():
        first, end = max(places.start, which.place(0)), min(places.stop, which.place(LAST_NUMBER) + 1)
        if first >= end:
            continue
        start, stop = find_record(first)[1], find_record(end - 1)[1] + 1
        destroyed = index.destroyed(which)
        gone = {*destroyed, *index.unread(which), *await log.reader.source.fetch_destroyed(start, stop)}
        numbers = sorted(number for number in gone if start <= number < stop)
        for number in numbers[:_MOST]:
            for opened in await log.fetch(number, 1):
                if opened.leaf.conversation in hashes:
                    missing = number not in destroyed and await is_missing(log.reader, opened)
                    view = replace(view_record(names[which], opened), missing=missing)
                    said = read_said(which.place(number), Turn.SAYS, view)
                    if said.submission is None:
                        found.append(said)
    return found
