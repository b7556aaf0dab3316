"""Heads of files from another machine: what is none, or of another file, is refused, whatever it is."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive.backup import CopyError
from components.archive.blobs.head import encode_head
from components.archive.follow.files import MAX_HEADS, FileMark, encode_heads, parse_heads
from tests.support.file_copying import mark_of, put

MARK = FileMark(1, bytes(16))


async def test_heads_arrive_as_they_were_sent(tmp_path: Path) -> None:
    head = await put(tmp_path, b"x")
    beside = await put(tmp_path, b"y", head.address)
    assert list(parse_heads(encode_heads([head, beside]), mark_of(head.address))) == [head, beside]
    assert list(parse_heads(b"", MARK)) == []


async def test_the_head_of_another_file_is_refused(tmp_path: Path) -> None:
    head, other = await put(tmp_path, b"x"), await put(tmp_path, b"y")
    for heads in ([other], [head, other]):
        with pytest.raises(CopyError, match="another file"):
            parse_heads(encode_heads(heads), mark_of(head.address))
    with pytest.raises(CopyError, match="another file"):
        parse_heads(encode_heads([head]), FileMark(2, head.address.mark))


@pytest.mark.parametrize(
    "change",
    [
        {"stored_size_bytes": 1.5},
        {"stored_size_bytes": True},
        {"stored_size_bytes": -1},
        {"stored_size_bytes": 2**63},
        {"stored_size_bytes": "9"},
        {"stored_at_ns": None},
        {"stored_sha256": "../../x"},
        {"stored_sha256": 7},
        {"stored_sha256": "A" * 64},
        {"data": "../keys/auditor.key"},
        {"data": "data/20261123/../../x"},
        {"data": 1},
        {"address": "1/" + "0" * 63},
        {"address": "99999/" + "0" * 64},
        {"format": "steelyard-blob/2"},
        {"more": 1},
    ],
)
async def test_a_head_that_is_none_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    head = await put(tmp_path, b"x")
    fields = json.loads(encode_head(head)) | change
    with pytest.raises(CopyError):
        parse_heads(json.dumps(fields).encode(), mark_of(head.address))


async def test_too_many_heads_and_the_same_twice_are_refused(tmp_path: Path) -> None:
    head = await put(tmp_path, b"x")
    line = encode_heads([head])
    for data in (line * 2, line * (MAX_HEADS + 1)):
        with pytest.raises(CopyError):
            parse_heads(data, mark_of(head.address))


@given(st.binary(max_size=200))
def test_bytes_by_chance_are_refused_or_nothing(data: bytes) -> None:
    with suppress(CopyError):
        assert not list(parse_heads(data, MARK))


def test_nesting_without_an_end_is_refused() -> None:
    deep: Callable[[str], bytes] = lambda letter: letter.encode() * 200_000  # noqa: E731
    for letter in ("[", '{"a":'):
        with pytest.raises(CopyError):
            parse_heads(deep(letter), MARK)
