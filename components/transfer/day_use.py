"""How much of a day's space was used: counted as it changes, so that a slot costs no more on a busy day.

Files count by the minute in which their slot was given, in a table of the connection's own, in memory: triggers keep it
as the uploads are, in the same transactions. Slots that wait for their files are few, and are counted anew.
"""

from typing import Final

from components.archive.store.sqlite_connection import Connection
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId
from policy.files.slot import DayBytes, DayTimes, Usage

DAY_S: Final = 86_400
_MINUTE_S: Final = 60

_KINDS = ("person", "enterprise", "site")


def _count(row: str, size_bytes: str) -> str:
    """Return the statements that count an upload, the `row` of a trigger."""
    names = (f"{row}.owner", f"{row}.enterprise", "''")
    return " ".join(
        f"INSERT INTO used VALUES ('{kind}', {name}, {row}.issued_at_s / {_MINUTE_S}, {size_bytes})"  # noqa: S608 - names of our own
        " ON CONFLICT (kind, name, minute) DO UPDATE SET bytes = bytes + excluded.bytes;"
        for kind, name in zip(_KINDS, names, strict=True)
    )


def _fill(kind: str, name: str) -> str:
    return (
        f"INSERT INTO used SELECT '{kind}', {name}, issued_at_s / {_MINUTE_S}, SUM(size_bytes) FROM upload"  # noqa: S608 - names of our own
        " WHERE stage <> 'issued' AND issued_at_s >= (SELECT MAX(issued_at_s) FROM upload)"
        f" - {DAY_S + _MINUTE_S} GROUP BY 2, 3"
    )


_CHANGE = "IIF(new.stage = 'issued', -new.size_bytes, new.size_bytes)"
COUNTING: Final = (
    "CREATE TEMP TABLE used (kind TEXT NOT NULL, name TEXT NOT NULL, minute INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL, PRIMARY KEY (kind, name, minute)) WITHOUT ROWID",
    "CREATE TEMP TRIGGER use_new AFTER INSERT ON main.upload WHEN new.stage <> 'issued'"
    f" BEGIN {_count('new', 'new.size_bytes')} END",
    "CREATE TEMP TRIGGER use_changed AFTER UPDATE OF stage ON main.upload"
    " WHEN (old.stage = 'issued') <> (new.stage = 'issued')"
    f" BEGIN {_count('new', _CHANGE)} END",
    "CREATE TEMP TRIGGER use_ended AFTER DELETE ON main.upload WHEN old.stage <> 'issued'"
    f" BEGIN {_count('old', '-old.size_bytes')} END",
    *(_fill(kind, name) for kind, name in zip(_KINDS, ("owner", "enterprise", "''"), strict=True)),
)
"""What a connection executes once, before it changes any upload."""

FORGET_OLD: Final = f"DELETE FROM used WHERE minute < (SELECT MAX(minute) FROM used) - {DAY_S // _MINUTE_S}"  # noqa: S608 - figures of our own

USED: Final = (
    "WITH whose (kind, name) AS (VALUES ('person', :owner), ('enterprise', :firm), ('site', ''))"
    " SELECT used.kind, SUM(bytes), MIN(minute) FROM whose CROSS JOIN used"
    " ON used.kind = whose.kind AND used.name = whose.name"
    " WHERE minute >= :first AND bytes > 0 GROUP BY used.kind"
)
# Of each: its bytes, and when the first of them count no more. A slot that nobody uses counts until it lapses.
SLOTS: Final = (
    "SELECT COALESCE(SUM(size_bytes) FILTER (WHERE owner = :owner), 0),"
    " COALESCE(SUM(size_bytes) FILTER (WHERE enterprise = :firm), 0), COALESCE(SUM(size_bytes), 0),"
    " MIN(lapses_at_s) FILTER (WHERE owner = :owner),"
    " MIN(lapses_at_s) FILTER (WHERE enterprise = :firm), MIN(lapses_at_s),"
    " COUNT(*) FILTER (WHERE owner = :owner)"
    " FROM upload INDEXED BY upload_unused WHERE stage = 'issued' AND lapses_at_s > :now"
)


async def read_usage(connection: Connection, owner: BareJid, enterprise: EnterpriseId, now_s: int) -> Usage:
    """Return what was used of a day's space, to the minute; slots that still may be used count in full."""
    first = (now_s - DAY_S) // _MINUTE_S
    whose = {"owner": owner, "firm": enterprise}
    rows = await connection.execute_fetchall(USED, whose | {"first": first})
    used = {str(kind): (int(size_bytes), int(minute)) for kind, size_bytes, minute in map(tuple, rows)}
    (slots,) = await connection.execute_fetchall(SLOTS, whose | {"now": now_s})
    *waiting, person_slots = tuple(slots)
    sizes, times = [], []
    for kind, slot_bytes, lapses_at_s in zip(_KINDS, waiting[:3], waiting[3:], strict=True):
        size_bytes, minute = used.get(kind, (0, None))
        sizes.append(size_bytes + slot_bytes)
        free = None if minute is None else (minute + 1) * _MINUTE_S + DAY_S
        times.append(min((each for each in (free, lapses_at_s) if each is not None), default=now_s))
    return Usage(DayBytes(*sizes), DayTimes(*times), person_slots, waiting[3] or 0)
