"""A damaged file of uploads is named, with what to do; it is never begun anew by itself."""

from pathlib import Path

import pytest

from components.archive.errors import LogDamaged
from components.transfer.state import UploadStore


@pytest.mark.parametrize("content", [b"no database", bytes(8192), b"SQLite format 3\0" + b"\xff" * 4000])
async def test_a_damaged_file_says_what_is_lost_with_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "transfer.db"
    file.write_bytes(content)
    with pytest.raises(
        LogDamaged, match=r"transfer\.db: .*; move it away: links to files that were sent end"
    ):
        await UploadStore.open(file)
    assert file.read_bytes() == content
