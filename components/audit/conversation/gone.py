"""Records of a conversation that the index does not know: destroyed by an order, or not to be read."""

from collections.abc import Iterable, Mapping

from components.archive.conversation import ConversationHash
from components.archive.opener import RecordOpener
from components.audit.conversation.said import Said, read_said
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.audit.index.talk import Turn
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
        gone = index.destroyed(which) | index.unread(which)
        numbers = sorted(number for number in gone if which.place(number) in places)
        for number in numbers[:_MOST]:
            for opened in await log.fetch(number, 1):
                if opened.leaf.conversation in hashes:
                    said = read_said(which.place(number), Turn.SAYS, view_record(names[which], opened))
                    if said.submission is None:
                        found.append(said)
    return found
