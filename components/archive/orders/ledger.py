"""The orders in a log, and the holds in force."""

from collections.abc import Iterator

from components.archive.errors import LogDamaged
from components.archive.log.leaf import LeafError, LeafIndex, is_payload_of, parse_leaf
from components.archive.orders.order import Order, OrderAct, OrderError, order_text, parse_order
from components.archive.record import RecordKind
from components.archive.store import LogSource, RecordRow, SegmentRow
from policy.destruction import Hold
from policy.retention import PERMANENT_CLASS

# Read a few at a time: other tasks of a gate wait for nothing longer.
_CHUNK_SEGMENTS = 500

# Its beginning, the order, the details, its end.
_RECORDS_OF_ORDER = 4


class RecordedOrder:
    """An order in the log; `index` is its record's, that of its details is the next."""

    __slots__ = ("index", "note", "order")

    def __init__(self, index: LeafIndex, note: str) -> None:
        self.index = index
        self.note = note
        self.order: Order = parse_order(order_text(note))


class Ledger:
    """All orders of a log by id, in the log's order. Each was checked before it was recorded.

    Each has a segment of its own, in a class that holds nothing else. So it reads these segments, and not all records.
    """

    def __init__(self) -> None:
        self.orders: dict[str, RecordedOrder] = {}
        self._next_segment = 1

    async def catch_up(self, source: LogSource) -> None:
        """Read the orders that came since the last call; raises LogUnavailable and LogDamaged."""
        last = await source.fetch_last_segment()
        while self._next_segment <= last:
            end = min(self._next_segment + _CHUNK_SEGMENTS, last + 1)
            for row in await source.fetch_segments(self._next_segment, end):
                if row.retention_class == PERMANENT_CLASS:
                    await self._read(source, row)
            self._next_segment = end

    def holds(self) -> list[Hold]:
        """Return the holds that are in force."""
        released = {each.order.hold for each in self.orders.values() if each.order.act is OrderAct.RELEASE}
        return [make_hold(each) for each in self._of(OrderAct.HOLD) if each.id not in released]

    def destructive(self) -> list[Order]:
        """Return the orders to destroy, carried out or not."""
        return [*self._of(OrderAct.EXPIRE), *self._of(OrderAct.ERASE)]

    def _of(self, act: OrderAct) -> Iterator[Order]:
        return (each.order for each in self.orders.values() if each.order.act is act)

    async def _read(self, source: LogSource, row: SegmentRow) -> None:
        for record in await source.fetch_rows(row.first, row.first + _RECORDS_OF_ORDER):
            try:
                if parse_leaf(record.leaf).kind == RecordKind.ORDER:
                    recorded = _parse(record)
                    self.orders.setdefault(recorded.order.id, recorded)
            except (LeafError, OrderError, UnicodeDecodeError) as error:
                raise LogDamaged(f"record {record.index}: {error}") from error


def make_hold(order: Order) -> Hold:
    """Return what a hold covers: single records if it names any, otherwise whole segments; and conversations."""
    segments = () if order.indexes else order.segments
    return Hold(order.id, frozenset(segments), frozenset(order.indexes), frozenset(order.conversations))


def _parse(record: RecordRow) -> RecordedOrder:
    if record.payload is None or not is_payload_of(parse_leaf(record.leaf), record.payload):
        raise LogDamaged(f"the order in record {record.index} is not the one its leaf names")
    return RecordedOrder(LeafIndex(record.index), record.payload.decode())
