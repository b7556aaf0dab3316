"""How the load generator counts without parsing: wherever the stream is cut, nothing is missed or counted twice."""

import pytest
from lxml import etree

from tests.bench.client import MessageCounter, MessageMaker, StampReader, read_stamp

MAKER = MessageMaker("u1@metals.example/desk")
STREAM = b"".join(MAKER.make(10**18 + number, number) for number in range(5))


@pytest.mark.parametrize("size_bytes", [1, 2, 7, 9, 10, 11, 100, len(STREAM)])
def test_messages_are_counted_however_the_stream_is_cut(size_bytes: int) -> None:
    counter, reader = MessageCounter(), StampReader()
    counted, read = 0, []
    for begin in range(0, len(STREAM), size_bytes):
        chunk = STREAM[begin : begin + size_bytes]
        counted += counter.count(chunk)
        read += reader.read(chunk)
    assert counted == 5
    assert read == [(10**18 + number, number) for number in range(5)]


def test_messages_are_well_formed() -> None:
    message = etree.fromstring(MAKER.make(1, 2))
    assert message.get("to") == "u1@metals.example/desk"
    assert message.get("id") == "m2"


def test_a_message_without_a_stamp_is_refused() -> None:
    with pytest.raises(ValueError, match="not found"):
        read_stamp(b"<message><subject>none</subject>")
