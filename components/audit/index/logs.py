"""The logs that the index covers, and where each one's records stand in it."""

from enum import IntEnum

LOG_SHIFT = 40
LAST_NUMBER = (1 << LOG_SHIFT) - 1
"""No record of a log has a higher number."""


class IndexedLog(IntEnum):
    """A log that the index covers; a record's place in the index is made of it and the record's number.

    A demonstration's made-up talk of weeks before (docs/decisions/0210) stands before everything else.
    """

    HISTORY = -1
    GATE = 0
    TRANSFER = 1
    ROSTER = 2
    AUDIT = 3

    def place(self, number: int) -> int:
        """Return the place of this log's record `number`."""
        return self << LOG_SHIFT | number


EVERY_PLACE = range(min(IndexedLog).place(0), max(IndexedLog).place(LAST_NUMBER) + 1)
"""The places of all records of all logs: those of made-up talk are below 0."""

# Looked up for each record, some of them several times: to make the value anew takes three times as long.
_LOGS = {int(log): log for log in IndexedLog}
SEARCHED = (IndexedLog.HISTORY, IndexedLog.GATE, IndexedLog.TRANSFER, IndexedLog.ROSTER)
"""The logs of the line: a search covers the auditors' own log only where it says so."""


def find_record(place: int) -> tuple[IndexedLog, int]:
    """Return which record of which log stands at a place."""
    return _LOGS[place >> LOG_SHIFT], place & LAST_NUMBER
