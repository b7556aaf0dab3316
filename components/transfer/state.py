"""Which slots were given, and what became of each: a small SQLite file of the component's own.

A row is kept while its link opens, and a day at least: it says who used how much of a day's space. What an upload was,
the log keeps.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from components.archive.durable import PRIVATE, PRIVATE_FOLDER, make_folder
from components.archive.errors import LaterFormat, LogDamaged
from components.archive.state_format import FIRST, explain_later, require_known
from components.archive.store.sqlite_connection import (
    Connection,
    Statement,
    open_connection,
    sqlite_errors_named,
)
from components.transfer.day_use import COUNTING, DAY_S, FORGET_OLD, read_usage
from components.transfer.schema import COLUMNS, OF_UPLOADS, PRAGMAS, SCHEMA, WITH_COPY
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId
from policy.files.slot import Purpose, Usage
from policy.supervision.vote import Vote

_NOT_OF_UPLOADS: Final[list[Statement]] = [
    (f"DELETE FROM {table} WHERE id NOT IN (SELECT id FROM upload)", ())  # noqa: S608 - names of our own
    for table in OF_UPLOADS
]


class Stage(StrEnum):
    """How far an upload is: given a slot, its file about to be recorded, or recorded and answered.

    After a crash, the file of a `stored` one may be recorded or not; its client has no answer, and nobody fetches it.
    Nobody fetches one either that is `held` for review, or `refused`.
    """

    ISSUED = "issued"
    STORED = "stored"
    ANSWERED = "answered"
    HELD = "held"
    REFUSED = "refused"


_OVER = (Stage.ANSWERED, Stage.HELD, Stage.REFUSED)


@dataclass(frozen=True, slots=True)
class Upload:
    """A slot and the file that it is for. Times are Unix times in seconds.

    It lapses at `lapses_at_s` when nothing was put; its file can be fetched until `until_s`. `address` is its blob's,
    once that is stored; `delivered` that of the copy of it that is handed out, empty if that is the file itself.
    """

    id: bytes
    owner: BareJid
    enterprise: EnterpriseId
    name: str
    media_type: str
    size_bytes: int
    purpose: Purpose
    issued_at_s: int
    lapses_at_s: int
    until_s: int
    stage: Stage = Stage.ISSUED
    address: str = ""
    delivered: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What was decided on an upload whose file is recorded: its stage, the ids of rules, and what its sender is told.

    `record` is that record's index, `evidence` a digest (hex) over what it says: it is sealed, so whoever knows this
    has read it. `at_s` is Unix time. `delivered` is as of an Upload; empty, it changes nothing. `facts` is what is
    known of the file (components.rules.file_facts), or empty: then what was known stays.
    """

    stage: Stage
    rules: tuple[str, ...]
    text: str
    record: int
    evidence: str
    at_s: int
    delivered: str = ""
    facts: str = ""


_ADVICE = (
    "move it away: links to files that were sent end, and nothing of the archive is lost (docs/settings.md)"
)

_MAGIC, _HEAD_BYTES = b"SQLite format 3\0", 100  # https://www.sqlite.org/fileformat.html, 1.3


class UploadStore:
    """All uploads by id; what a method that changes something has returned from survives a crash.

    Every method raises LogUnavailable, and LogDamaged for a corrupt file.
    """

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection

    @classmethod
    async def open(cls, path: Path) -> "UploadStore":
        """Open the file, and make it if there is none; LogDamaged says what to do."""
        _make(path)
        try:
            with sqlite_errors_named(path):
                connection = await open_connection(path, "rw", PRAGMAS)
                try:
                    await require_known(connection, path)
                    connection.transact([(sql, ()) for sql in (*SCHEMA, *COUNTING)], None)
                except BaseException:
                    await connection.close()
                    raise
        except LaterFormat:
            raise
        except LogDamaged as error:
            raise LogDamaged(f"{error}; {_ADVICE}") from error
        return cls(path, connection)

    def issue(self, upload: Upload) -> None:
        """Keep a slot that is about to be given."""
        row = (
            upload.id, upload.owner, upload.enterprise, upload.name, upload.media_type, upload.size_bytes,
            upload.purpose, upload.issued_at_s, upload.lapses_at_s, upload.until_s, upload.stage, upload.address,
        )  # fmt: skip
        marks = ", ".join("?" * len(row))
        self._change([(f"INSERT INTO upload ({COLUMNS}) VALUES ({marks})", row)])  # noqa: S608 - names of our own

    def mark_stored(self, id_: bytes, address: str) -> None:
        """Note that the blob of an upload is about to be named, and recorded after that."""
        sql = "UPDATE upload SET stage = ?, address = ? WHERE id = ?"
        self._change([(sql, (Stage.STORED, address, id_))])

    def mark_issued(self, id_: bytes) -> None:
        """Note that the file of an upload was not recorded, so that it may be put again."""
        self._change([("UPDATE upload SET stage = ?, address = '' WHERE id = ?", (Stage.ISSUED, id_))])

    def settle(self, id_: bytes, settled: Settled, cause: str = "") -> None:
        """Note what was decided on an upload that is recorded: from now on, if it is answered, it can be fetched.

        `cause` is what an open file is shut for.
        """
        values = (
            id_, " ".join(settled.rules), settled.text, settled.record, settled.evidence, settled.at_s,
        )  # fmt: skip
        statements: list[Statement] = [
            ("UPDATE upload SET stage = ? WHERE id = ?", (settled.stage, id_)),
            ("INSERT OR REPLACE INTO decided VALUES (?, ?, ?, ?, ?, ?)", values),
        ]
        if settled.delivered:
            # In one transaction: a file that is answered is never handed out with what was to be taken out of it.
            statements.append(("INSERT OR REPLACE INTO delivered VALUES (?, ?)", (id_, settled.delivered)))
        if settled.facts:
            statements.append(("INSERT OR REPLACE INTO known VALUES (?, ?)", (id_, settled.facts)))
        if cause:
            statements.append(("INSERT OR REPLACE INTO shut VALUES (?, ?)", (id_, cause)))
        # They were about what was decided now, or about an earlier stage.
        statements.append(("DELETE FROM vote WHERE id = ?", (id_,)))
        self._change(statements)

    def forget(self, ids: Iterable[bytes]) -> None:
        """Forget uploads that came to nothing."""
        self._change([("DELETE FROM upload WHERE id = ?", (id_,)) for id_ in ids])

    def forget_recorded(self, records: Iterable[int]) -> None:
        """Forget the uploads of records that were destroyed: names and owners go, and their links open nothing."""
        upload = "DELETE FROM upload WHERE id IN (SELECT id FROM decided WHERE record = ?)"
        decided = "DELETE FROM decided WHERE record = ?"
        self._change(
            [*((sql, (record,)) for record in records for sql in (upload, decided)), *_NOT_OF_UPLOADS]
        )

    def finish_order(self, order: str) -> None:
        """Note that nothing is left of the files whose records an order destroyed."""
        self._change([("INSERT OR IGNORE INTO finished VALUES (?)", (order,))])

    async def list_finished(self) -> set[str]:
        """Return the ids of the orders that are finished, for files, too."""
        with sqlite_errors_named(self._path):
            rows = await self._connection.execute_fetchall("SELECT order_id FROM finished")
        return {str(row[0]) for row in rows}

    def forget_lapsed(self, now_s: int) -> None:
        """Forget slots that nobody used in time, and uploads that neither open nor count any more."""
        unused = ("DELETE FROM upload WHERE stage = ? AND lapses_at_s <= ?", (Stage.ISSUED, now_s))
        sql = "DELETE FROM upload WHERE stage IN (?, ?, ?) AND until_s <= ? AND issued_at_s <= ?"
        over = (sql, (*_OVER, now_s, now_s - DAY_S))
        self._change([unused, over, *_NOT_OF_UPLOADS, (FORGET_OLD, ())])

    async def list_held(self) -> list[tuple[Upload, Settled]]:
        """Return the uploads that wait for a reviewer, the oldest first."""
        uploads = {upload.id: upload for upload in await self._fetch("WHERE stage = ?", (Stage.HELD,))}
        sql = (
            "SELECT id, rules, text, record, evidence, decided_at_s FROM decided"
            " WHERE id IN (SELECT id FROM upload WHERE stage = ?) ORDER BY record"
        )
        with sqlite_errors_named(self._path):
            rows = await self._connection.execute_fetchall(sql, (Stage.HELD,))
        return [
            (uploads[id_], Settled(Stage.HELD, tuple(rules.split()), *others))
            for id_, rules, *others in map(tuple, rows)
            if id_ in uploads
        ]

    def keep_votes(self, id_: bytes, votes: Iterable[Vote]) -> None:
        """Keep decisions on an upload until enough people agree."""
        statement = "INSERT OR REPLACE INTO vote VALUES (?, ?, ?, ?)"
        self._change([(statement, (id_, vote.by, vote.act, vote.at_s)) for vote in votes])

    async def list_votes(self) -> dict[bytes, tuple[Vote, ...]]:
        """Return the decisions that wait for those of others, by upload."""
        sql = "SELECT id, by, act, at_s FROM vote ORDER BY id, at_s, by"
        with sqlite_errors_named(self._path):
            rows = await self._connection.execute_fetchall(sql)
        found: dict[bytes, tuple[Vote, ...]] = {}
        for id_, *vote in map(tuple, rows):
            found[id_] = (*found.get(id_, ()), Vote(*vote))
        return found

    async def find_settled(self, record: int) -> tuple[Upload, Settled, str] | None:
        """Return the upload of a record, what was decided on it last, and what it was shut for, empty for nothing."""
        sql = (
            "SELECT id, rules, text, record, evidence, decided_at_s, COALESCE(cause, '') FROM decided"
            " LEFT JOIN shut USING (id) WHERE record = ?"
        )
        with sqlite_errors_named(self._path):
            rows = await self._connection.execute_fetchall(sql, (record,))
        for id_, rules, text, _record, evidence, at_s, cause in map(tuple, rows):
            if upload := await self.find(id_):
                settled = Settled(upload.stage, tuple(rules.split()), text, record, evidence, at_s)
                return upload, settled, cause
        return None

    async def find(self, id_: bytes) -> Upload | None:
        """Return an upload, or None."""
        found = await self._fetch("WHERE id = ?", (id_,))
        return found[0] if found else None

    async def list_stored(self, lapsed_before_s: int | None = None) -> list[Upload]:
        """Return the uploads that were cut off between the blob and the answer: all, or those that lapsed before."""
        if lapsed_before_s is None:
            return await self._fetch("WHERE stage = ?", (Stage.STORED,))
        return await self._fetch("WHERE stage = ? AND lapses_at_s < ?", (Stage.STORED, lapsed_before_s))

    async def usage(self, owner: BareJid, enterprise: EnterpriseId, now_s: int) -> Usage:
        """Return what was used of a day's space, to the minute; slots that still may be used count in full."""
        with sqlite_errors_named(self._path):
            return await read_usage(self._connection, owner, enterprise, now_s)

    async def close(self) -> None:
        """Let go of the file."""
        with sqlite_errors_named(self._path):
            await self._connection.close()

    def _change(self, statements: list[Statement]) -> None:
        with sqlite_errors_named(self._path):
            self._connection.transact(statements, _require_nothing)

    async def _fetch(self, where: str, values: tuple[object, ...]) -> list[Upload]:
        with sqlite_errors_named(self._path):
            sql = f"SELECT {WITH_COPY} {where}"
            rows = await self._connection.execute_fetchall(sql, values)
        return [_parse(tuple(row)) for row in rows]


def _parse(row: Sequence[Any]) -> Upload:
    id_, owner, enterprise, name, media_type, size, purpose, issued, lapses, until, stage, *addresses = row
    return Upload(
        id_, BareJid(owner), EnterpriseId(enterprise), name, media_type, size,
        Purpose(purpose), issued, lapses, until, Stage(stage), *addresses,
    )  # fmt: skip


def check_uploads(path: Path) -> None:
    """Look at the beginning and the size of a file of uploads; raises OSError and LogDamaged, which says what to do.

    SQLite cannot read the whole of it without making files beside it, which is the component's.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not size_bytes:
        return  # killed as it was made
    page_bytes = int.from_bytes(head[16:18], "big") or 1
    pages = int.from_bytes(head[28:32], "big")
    # What a write-ahead log has may make it longer, or shorter.
    is_whole = size_bytes == pages * page_bytes or path.with_name(f"{path.name}-wal").exists()
    later = int.from_bytes(head[60:64], "big")  # user_version
    if head.startswith(_MAGIC) and later > FIRST:
        raise LaterFormat(explain_later(path, later, FIRST))
    if not head.startswith(_MAGIC) or size_bytes % page_bytes or not is_whole:
        raise LogDamaged(f"{path}: not a database, or a corrupt one; {_ADVICE}")


def _make(path: Path) -> None:
    make_folder(path.parent, PRIVATE_FOLDER)
    with suppress(FileExistsError):
        path.touch(PRIVATE, exist_ok=False)


def _require_nothing(_connection: sqlite3.Connection) -> None:
    pass
