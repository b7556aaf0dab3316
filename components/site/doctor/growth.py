"""How much was written in the last day: by the logs, by their own checkpoints; and of files that people sent."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from components.archive.errors import LogError
from components.archive.reader import LogReader
from components.archive.store import LogSource
from components.archive.store.open import log_file
from components.settings.log import LogSettings

DAY_S = 86_400


async def newest_second(log: LogSettings) -> int:
    """Return the second (Unix time) of a log's newest checkpoint, 0 if it has none or cannot be read."""
    with suppress(LogError):
        reader = await LogReader.open(log.store)
        try:
            row = await reader.source.fetch_newest_checkpoint()
            return row.second if row else 0
        finally:
            await reader.close()
    return 0


async def log_growth(log: LogSettings, now_s: float) -> int:
    """Return how many bytes a log in a file has grown by in the last day: its records then, at their mean size."""
    file = log_file(log.store)
    if file is None or not file.exists():
        return 0
    with suppress(LogError):
        reader = await LogReader.open(log.store)
        try:
            size = await reader.size()
            share = await _count_new(reader.source, size, int(now_s) - DAY_S) / size if size else 0.0
            return round(file.stat().st_size * share)
        finally:
            await reader.close()
    return 0


async def _count_new(source: LogSource, size: int, since_s: int) -> int:
    """Return how many records a log has of later seconds: all, if its first kept checkpoint with records is later."""
    first = await source.fetch_checkpoints(1, 1)
    if first and first[0].second > since_s:
        return size
    later = await source.fetch_checkpoints_after(since_s, 1)
    return size - later[0].size if later else 0


def folder_growth(folder: Path, now_s: float) -> int:
    """Return how many bytes of files in a folder, and below, are from the last day."""
    return sum(size for size, changed_at_s in _sizes(folder) if changed_at_s > now_s - DAY_S)


def _sizes(folder: Path) -> Iterator[tuple[int, float]]:
    for place, _folders, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                found = Path(place, name).stat()
                yield found.st_size, found.st_mtime
