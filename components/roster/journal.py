"""The component's own log: it records each change of a roster before it makes the change."""

import asyncio
import time

from components.archive.record import Event, RecordKind, encode_event
from components.archive.writer import Entry, LogWriter
from policy.address import BareJid
from policy.roster import RosterChange


class RosterJournal:
    """Appends records to the log `roster`; `retention_class` is the class of its records."""

    def __init__(self, writer: LogWriter, retention_class: int) -> None:
        self._writer = writer
        self._class = retention_class
        self._turn = asyncio.Lock()

    @property
    def size(self) -> int:
        """How many records the log has."""
        return self._writer.size

    async def record(self, owner: BareJid, change: RosterChange, *, emptied: bool = False) -> None:
        """Record the change of a roster; it is durable when this returns.

        Raises LogUnavailable, and then the roster must not be changed; LogDamaged and LogFenced.
        """
        details: dict[str, str | int] = {
            "owner": owner,
            "written": len(change.put),  # they stand in the requests, which the gate records
            "removed": " ".join(change.removed),
        }
        event = Event(
            RecordKind.ROSTER, "emptied" if emptied else "changed", tuple(details.items()), time.time_ns()
        )
        async with self._turn:
            await self._writer.append([Entry(RecordKind.ROSTER, encode_event(event), self._class)])
        # Killed from here on: the record says what was about to change. The next start finds the change still to do,
        # and records it again.
