"""Which bytes a Range header asks for (RFC 9110, 14)."""

import pytest

from components.transfer.ranges import ByteRange, RangeNotSatisfiable, parse_ranges

SIZE_BYTES = 1000
WHOLE: tuple[ByteRange, ...] = ()


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-", (ByteRange(0, 1000),)),  # as players begin
        ("bytes=0-0", (ByteRange(0, 1),)),
        ("bytes=0-999", (ByteRange(0, 1000),)),
        ("bytes=500-5000", (ByteRange(500, 1000),)),
        ("bytes=-1", (ByteRange(999, 1000),)),
        ("bytes=-5000", (ByteRange(0, 1000),)),
        ("BYTES = 1 - 2", (ByteRange(1, 3),)),
        ("bytes=0-1,998-", (ByteRange(0, 2), ByteRange(998, 1000))),
        ("bytes=998-,0-1", (ByteRange(998, 1000), ByteRange(0, 2))),
        ("bytes=998-,0-1,1-2", (ByteRange(0, 3), ByteRange(998, 1000))),
        ("bytes=0-99,50-149,150-199", (ByteRange(0, 200),)),
        ("bytes=0-1,2000-", (ByteRange(0, 2),)),
        ("bytes=0-499,500-999", WHOLE),
        ("", WHOLE),
        ("bytes=", WHOLE),
        ("bytes=,", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=2-1", WHOLE),
        ("bytes=a-b", WHOLE),
        ("bytes=1-2;3-4", WHOLE),
        ("bytes=+1-2", WHOLE),
        ("bytes=1-2,x", WHOLE),
        ("items=0-1", WHOLE),
        ("bytes=" + ",".join(f"{n}-{n}" for n in range(0, 100, 2)), WHOLE),
        (f"bytes=0-{'9' * 30}", (ByteRange(0, 1000),)),
        (f"bytes=998-{'9' * 8000}", (ByteRange(998, 1000),)),
        (f"bytes=-{'9' * 30}", (ByteRange(0, 1000),)),
        (f"bytes={'0' * 8000}1-2", (ByteRange(1, 3),)),
        ("bytes=\u0660-\u0661", WHOLE),  # digits, and none of HTTP's
    ],
)
def test_what_is_asked_for(header: str, ranges: tuple[ByteRange, ...]) -> None:
    assert parse_ranges(header, SIZE_BYTES) == ranges


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=-0", "bytes=1000-2000,5000-", f"bytes={'9' * 30}-"])
def test_nothing_of_it_is_in_the_file(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_ranges(header, SIZE_BYTES)


def test_the_header_of_an_answer() -> None:
    assert ByteRange(500, 1000).content_range(SIZE_BYTES) == "bytes 500-999/1000"
