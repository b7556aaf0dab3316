"""The quarantine: what was added is what is read again, however it comes, and however much the disk takes at once."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.transfer.quarantine import MOST_IN_MEMORY_BYTES, Quarantine
from tests.support.blobs import content


@pytest.mark.parametrize("size_bytes", [1, MOST_IN_MEMORY_BYTES, MOST_IN_MEMORY_BYTES + 1, 3 << 20])
@pytest.mark.parametrize("most_written_bytes", [997, 1 << 30], ids=["in parts", "as a whole"])
async def test_what_was_added_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size_bytes: int, most_written_bytes: int
) -> None:
    whole, writev = content(size_bytes), os.writev

    def write(file: int, pieces: Sequence[bytes]) -> int:
        return writev(file, [b"".join(pieces)[:most_written_bytes]])

    if most_written_bytes < size_bytes < 1 << 20:  # each part is joined anew here
        monkeypatch.setattr("components.transfer.quarantine.os.writev", write)
    with Quarantine(tmp_path, size_bytes) as quarantine:
        # More pieces than one call takes.
        for start in range(0, size_bytes, 700):
            await quarantine.add(whole[start : start + 700])
        await quarantine.flush()
        assert b"".join([piece async for piece in quarantine.read()]) == whole
