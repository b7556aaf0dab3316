"""Following a log's keys as a stranger would, who knows just the first one."""

from pathlib import Path

from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.handover import verify_handover
from components.archive.log.note import VerifierKey
from components.archive.reader import LogReader
from components.archive.record import RecordKind


async def follow_log_keys(path: Path, first: VerifierKey, *, both: bool = True) -> list[VerifierKey]:
    """Follow the log's own records from key to key; every kept checkpoint must be signed by the one of its time.

    With `both`, the first that covers a change must be signed by both.
    """
    reader = await LogReader.open(path)
    try:
        changes = [each for each in await reader.fetch(0, 10_000) if each.leaf.kind == RecordKind.LOG_KEY]
        keys, starts = [first], [0]
        for each in changes:
            keys.append(verify_handover((each.payload or b"").decode(), keys[-1]))
            starts.append(each.index + 1)
        seen = 0
        for row in await reader.source.fetch_checkpoints(0, 10_000):
            current = max(place for place, start in enumerate(starts) if start <= row.size)
            verify_checkpoint(row.note, keys[current])
            if both and current > seen:
                verify_checkpoint(row.note, keys[current - 1])
            seen = current
        return keys
    finally:
        await reader.close()
