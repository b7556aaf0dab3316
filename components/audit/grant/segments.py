"""Which segments a grant is asked for: by number, by time, by conversation, or by a hold; no key is needed for it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from components.archive.conversation import ConversationHash
from components.archive.keys import KeyFileError, load_conversation_key
from components.archive.log.leaf import NOT_SEALED, parse_leaf
from components.archive.orders.ledger import Ledger
from components.archive.reader import LogReader
from components.archive.store import LogSource, SegmentRow
from components.audit.orders.plan import measure_segment
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile

_CHUNK = 500
_CHUNK_LEAVES = 10_000


@dataclass(frozen=True, slots=True)
class SegmentChoice:
    """What is asked for: segments by number; of a time (nanoseconds, the end is outside); of conversations; of holds.

    A conversation is two JIDs, or a room's; a hold the id of its order. Numbers and holds add up; a time narrows
    conversations, and stands for itself without them.
    """

    numbers: tuple[int, ...] = ()
    after_ns: int = 0
    before_ns: int = 0
    conversations: tuple[tuple[str, ...], ...] = ()
    holds: tuple[str, ...] = ()

    def covers(self, opened_ns: int, newest_ns: int) -> bool:
        """Return whether a segment that began and ended at these times has records of the time."""
        return newest_ns >= self.after_ns and (not self.before_ns or opened_ns < self.before_ns)


async def choose_segments(settings: SiteFile, log: LogSettings, choice: SegmentChoice) -> tuple[int, ...]:
    """Return the numbers of the segments, in order; raises SiteError, also if there are none, and LogError."""
    reader = await LogReader.open(log.store)
    try:
        found = set(choice.numbers)
        found |= await _of_holds(reader.source, choice.holds)
        if choice.conversations:
            found |= await _of_conversations(settings, reader, choice)
        elif choice.after_ns or choice.before_ns:
            found |= {row.number async for row in _of_time(reader.source, choice)}
        for number in sorted(found):
            rows = await reader.source.fetch_segments(number, number + 1)
            if not rows or rows[0].keys is None:
                raise SiteError(f"the log {log.name} has no segment {number}, or its keys are gone")
    finally:
        await reader.close()
    if not found:
        raise SiteError(
            "nothing is to be opened: name segments, a time, conversations or holds that have records"
        )
    return tuple(sorted(found))


async def _of_time(source: LogSource, choice: SegmentChoice) -> AsyncIterator[SegmentRow]:
    last = await source.fetch_last_segment()
    for first in range(1, last + 1, _CHUNK):
        for row in await source.fetch_segments(first, min(first + _CHUNK, last + 1)):
            if row.keys is None:
                continue
            # The newest record of a segment that is open is of now.
            newest_ns = (await measure_segment(source, row))[0] if row.manifest else 2**63
            if choice.covers(row.opened_at_ns, newest_ns):
                yield row


async def _of_conversations(settings: SiteFile, reader: LogReader, choice: SegmentChoice) -> set[int]:
    hashes = ConversationHash(_load_key(settings))
    wanted = {
        hashes.of_room(jids[0]) if len(jids) == 1 else hashes.of_people(jids[0], jids[1])
        for jids in choice.conversations
    }
    found, size = set[int](), await reader.size()
    for first in range(0, size, _CHUNK_LEAVES):
        for data in await reader.source.fetch_leaves(first, min(first + _CHUNK_LEAVES, size)):
            leaf = parse_leaf(data)
            if (
                leaf.segment != NOT_SEALED
                and leaf.conversation in wanted
                and choice.covers(leaf.time_ns, leaf.time_ns)
            ):
                found.add(leaf.segment)
    return found


async def _of_holds(source: LogSource, holds: Sequence[str]) -> set[int]:
    if not holds:
        return set()
    ledger = Ledger()
    await ledger.catch_up(source)
    orders = {each.order.id: each.order for each in ledger.orders.values()}
    if missing := sorted(set(holds) - orders.keys()):
        raise SiteError(f"there is no hold {missing[0]}; `steelyard archive orders` shows all orders")
    return {segment for hold in holds for segment in orders[hold].segments}


def _load_key(settings: SiteFile) -> bytes:
    try:
        return load_conversation_key(settings.archive.conversation_key_file)
    except KeyFileError as error:
        raise SiteError(str(error)) from None
