"""How the load generator sends: as few writes as possible, and nothing of it lost or out of order."""

import asyncio

from tests.bench.client import MessageMaker, StampReader
from tests.bench.offer import Sender


class Session(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))


def test_what_is_due_at_once_is_one_write_in_order() -> None:
    session, reader = Session(), StampReader()
    sender = Sender(session, MessageMaker("u1@metals.example/desk"))
    for stamps in ([1, 2, 3], [], [4]):
        for stamp_ns in stamps:
            sender.send(stamp_ns)
        sender.flush()
    assert [reader.read(data) for data in session.written] == [[(1, 0), (2, 1), (3, 2)], [(4, 3)]]
    assert sender.sent == 4


def test_what_is_sent_on_a_lost_connection_is_counted_and_not_written() -> None:
    session = Session()
    sender = Sender(session, MessageMaker("u1@metals.example/desk"))
    sender.send(1)
    sender.connection_lost(None)
    sender.flush()
    assert (session.written, sender.sent) == ([], 1)
