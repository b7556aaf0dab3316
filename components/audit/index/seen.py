"""Who was in which room, and when, in the index: by what was asked of rooms, and by sessions that ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from components.audit.index.database import Connection
from components.audit.index.logs import LOG_SHIFT
from components.audit.marks import Mark, Marks
from components.audit.stanza import split_jid

# `step` keeps each record by which somebody comes into a room or leaves one; `stay` is made of that: somebody was in a
# room from the record `since` until the record `until`. Both are of one log: each log tells of servers of its own, and
# which log is indexed first must not matter. `whisper` names to whom in a room a message was for alone.
# Of what was let go, `outstanding` is what the server has not said yet that it carried out, and `returned` what it
# bounced, by the record `source`.
SCHEMA = """
CREATE TABLE step (
    idx INTEGER NOT NULL, what TEXT NOT NULL, local TEXT NOT NULL, domain TEXT NOT NULL, resource TEXT NOT NULL,
    room_local TEXT NOT NULL, room_domain TEXT NOT NULL, nick TEXT NOT NULL, PRIMARY KEY (idx, what)
) WITHOUT ROWID;
CREATE INDEX step_restart ON step (local) WHERE what = 'restart';
CREATE TABLE stay (
    local TEXT NOT NULL, domain TEXT NOT NULL, resource TEXT NOT NULL, room_local TEXT NOT NULL,
    room_domain TEXT NOT NULL, nick TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL
);
CREATE INDEX stay_person ON stay (local, domain);
CREATE INDEX stay_room ON stay (room_local, room_domain, until);
CREATE TABLE whisper (idx INTEGER PRIMARY KEY, nick TEXT NOT NULL);
CREATE TABLE outstanding (
    epoch TEXT NOT NULL, seq INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (epoch, seq, idx)
) WITHOUT ROWID;
CREATE TABLE returned (idx INTEGER PRIMARY KEY, source INTEGER NOT NULL);
"""
TABLES = ("step", "stay", "whisper", "outstanding", "returned")

STILL = 2**63 - 1
"""The `until` of a stay that has not ended."""

_OPEN = f"until = {STILL} AND since >> {LOG_SHIFT} = :log"
_SESSION = "local = :local AND domain = :domain AND resource = :resource"
_ROOM = "room_local = :room_local AND room_domain = :room_domain"


class Step(StrEnum):
    """What somebody does: comes, leaves, is removed by a moderator, or ends the session; or all do, with the server."""

    JOIN = "join"
    LEAVE = "leave"
    REMOVED = "removed"
    END = "end"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class StepRow:
    """What the record at a place says of somebody in a room; of the end of a session no room."""

    idx: int
    what: Step
    local: str
    domain: str
    resource: str
    room_local: str = ""
    room_domain: str = ""
    nick: str = ""


class Released(NamedTuple):
    """A stanza that was let go, by its place and its number."""

    idx: int
    epoch: str
    seq: int


@dataclass(frozen=True, slots=True)
class Bounced:
    """What the record at a place says became of stanzas up to a number: all were carried out but these."""

    source: int
    epoch: str
    through: int
    seqs: tuple[int, ...]


def read_step(place: int, sender: str, to: str, marks: Marks) -> StepRow | None:
    """Return what a stanza that was carried out says of somebody in a room, if anything."""
    if marks.mark not in (Mark.JOIN, Mark.LEAVE) or not marks.room:
        return None
    room = split_jid(marks.room)
    if marks.is_by_moderator:
        return StepRow(place, Step.REMOVED, *split_jid(marks.person), "", *room, marks.nick)
    # What a room tells somebody of themselves is about whom it is for.
    is_told = split_jid(sender) == room
    if is_told and "110" not in marks.detail.split():
        return None
    person = to if is_told else sender
    what = Step.JOIN if marks.mark is Mark.JOIN else Step.LEAVE
    return StepRow(place, what, *split_jid(person), person.partition("/")[2], *room, marks.nick)


def end_of_session(place: int, jid: str) -> StepRow:
    """Return what the end of a session says: it is in no room any more."""
    return StepRow(place, Step.END, *split_jid(jid), jid.partition("/")[2])


def restart(place: int, epoch: str) -> StepRow:
    """Return what the first stanza of a life of the server says: nobody is in any room of an earlier one."""
    return StepRow(place, Step.RESTART, epoch, "", "")


def insert_steps(db: Connection, rows: Iterable[StepRow]) -> None:
    """Insert steps in the log's order, within the caller's transaction."""
    for row in rows:
        if not _take(db, row):
            continue
        db.execute(
            "INSERT INTO step VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.idx,
                str(row.what),
                row.local,
                row.domain,
                row.resource,
                row.room_local,
                row.room_domain,
                row.nick,
            ),
        )


def insert_released(db: Connection, released: Sequence[Released | Bounced]) -> None:
    """Insert what was let go and what became of it, in the log's order, within the caller's transaction."""
    waiting: dict[tuple[str, int], int] = {}
    for row in released:
        if isinstance(row, Released):
            waiting[row.epoch, row.seq] = row.idx
            continue
        for seq in row.seqs:
            place = waiting.pop((row.epoch, seq), None)
            found = [place] if place is not None else _find_outstanding(db, row.epoch, seq)
            db.executemany(
                "INSERT OR IGNORE INTO returned VALUES (?, ?)", [(each, row.source) for each in found]
            )
        db.execute("DELETE FROM outstanding WHERE epoch = ? AND seq <= ?", (row.epoch, row.through))
        waiting = {key: idx for key, idx in waiting.items() if key[0] != row.epoch or key[1] > row.through}
    rows = [(*key, idx) for key, idx in waiting.items()]
    db.executemany("INSERT OR IGNORE INTO outstanding VALUES (?, ?, ?)", rows)


def _find_outstanding(db: Connection, epoch: str, seq: int) -> list[int]:
    rows = db.execute("SELECT idx FROM outstanding WHERE epoch = ? AND seq = ?", (epoch, seq)).fetchall()
    return [idx for (idx,) in rows]


def insert_whispers(db: Connection, rows: Iterable[tuple[int, str]]) -> None:
    """Insert the nicknames of those to whom messages in rooms were alone, within the caller's transaction."""
    db.executemany("INSERT INTO whisper VALUES (?, ?)", rows)


def forget_steps(db: Connection, places: str) -> None:
    """Remove what destroyed records said, within the caller's transaction; `places` is a JSON array."""
    gone = "IN (SELECT value FROM json_each(?))"
    db.execute(f"DELETE FROM whisper WHERE idx {gone}", (places,))  # noqa: S608 - constant
    db.execute(f"DELETE FROM returned WHERE idx {gone}", (places,))  # noqa: S608 - constant
    db.execute(f"DELETE FROM returned WHERE source {gone}", (places,))  # noqa: S608 - constant
    db.execute(f"DELETE FROM outstanding WHERE idx {gone}", (places,))  # noqa: S608 - constant
    if not db.execute(f"SELECT 1 FROM step WHERE idx {gone}", (places,)).fetchone():  # noqa: S608 - constant
        return
    db.execute(f"DELETE FROM step WHERE idx {gone}", (places,))  # noqa: S608 - constant
    db.execute("DELETE FROM stay")
    columns = "idx, what, local, domain, resource, room_local, room_domain, nick"
    rows = db.execute(f"SELECT {columns} FROM step ORDER BY idx").fetchall()  # noqa: S608 - constant
    db.execute("DELETE FROM step")
    insert_steps(db, (StepRow(idx, Step(what), *rest) for idx, what, *rest in rows))


def _take(db: Connection, row: StepRow) -> bool:
    """Begin or end stays; return whether there was anything to do."""
    if row.what is Step.RESTART:
        return _restart(db, row)
    values: dict[str, str | int] = {
        "local": row.local, "domain": row.domain, "resource": row.resource, "room_local": row.room_local,
        "room_domain": row.room_domain, "nick": row.nick, "idx": row.idx, "still": STILL,
        "log": row.idx >> LOG_SHIFT,
    }  # fmt: skip
    if row.what is Step.JOIN:
        is_in = f"SELECT 1 FROM stay WHERE {_SESSION} AND {_ROOM} AND nick = :nick AND {_OPEN}"  # noqa: S608 - constant
        if db.execute(is_in, values).fetchone():
            return False
        # Another nickname: as the room has it, they stay under the new one.
        _end(db, f"{_SESSION} AND {_ROOM}", values)
        db.execute(
            "INSERT INTO stay VALUES (:local, :domain, :resource, :room_local, :room_domain, :nick, :idx, :still)",
            values,
        )
        return True
    if row.what is Step.REMOVED:
        who = "local = :local AND domain = :domain" if row.domain else "nick = :nick"
        return _end(db, f"{_ROOM} AND {who}", values)
    return _end(db, _SESSION if row.what is Step.END else f"{_SESSION} AND {_ROOM}", values)


def _restart(db: Connection, row: StepRow) -> bool:
    if db.execute("SELECT 1 FROM step WHERE what = 'restart' AND local = ?", (row.local,)).fetchone():
        return False
    values: dict[str, str | int] = {"idx": row.idx, "log": row.idx >> LOG_SHIFT}
    db.execute(f"UPDATE stay SET until = :idx WHERE {_OPEN}", values)  # noqa: S608 - constant
    return True


def _end(db: Connection, whose: str, values: dict[str, str | int]) -> bool:
    if not db.execute(f"SELECT 1 FROM stay WHERE {whose} AND {_OPEN}", values).fetchone():  # noqa: S608 - constant
        return False
    db.execute(f"UPDATE stay SET until = :idx WHERE {whose} AND {_OPEN}", values)  # noqa: S608 - constant
    return True
