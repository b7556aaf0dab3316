"""The file of the review queue: a small SQLite database of the gate's own (docs/review.md)."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import orjson

from components.archive.errors import LaterFormat, LogDamaged, LogUnavailable
from components.archive.state_format import require_known
from components.archive.store.open import log_file
from components.archive.store.sqlite_connection import Connection, open_connection, sqlite_errors_named
from components.gate.review.mark import WHAT_IS_LOST, HeldMark
from components.settings.site import SiteFile
from policy.facts import Way
from policy.review import Item, ItemKind, Place, Stage
from policy.supervision.vote import Vote

# A decided message must leave the file with the transaction. Nothing of it may stay in a free page or in a journal.
_PRAGMAS = ("synchronous = FULL", "secure_delete = ON", "journal_mode = TRUNCATE", "locking_mode = EXCLUSIVE")
_TABLE = "CREATE TABLE IF NOT EXISTS item (token TEXT PRIMARY KEY, facts TEXT NOT NULL, stanza BLOB NOT NULL)"
_OWNER_ONLY = 0o600
_ADVICE = f"move it away, and the .held beside it: {WHAT_IS_LOST}"


class ItemStore(Protocol):
    """Keeps items. They survive a crash as soon as `save` has returned."""

    def save(self, changed: Iterable[Item], removed: Iterable[str]) -> None:
        """Store some items and remove others, by token, in one transaction; raises LogUnavailable."""


class NoStore:
    """Keeps nothing, for a gate that has no queue."""

    def save(self, changed: Iterable[Item], removed: Iterable[str]) -> None:
        """See ItemStore."""


class ReviewStore:
    """The queue's file, which belongs to one gate while it is open."""

    def __init__(self, path: Path, connection: Connection) -> None:
        self._path = path
        self._connection = connection
        self._mark = HeldMark(path)
        self._held: frozenset[str] = frozenset()

    @classmethod
    async def open(cls, path: Path) -> "ReviewStore":
        """Open the file, making it if there is none.

        Raises LogUnavailable, also when another gate has it, and LogDamaged, which says what to do.
        """
        with _errors_explained(path):
            _make(path)
            connection = await open_connection(path, "rw", _PRAGMAS)
            try:
                await require_known(connection, path)
                await connection.execute_fetchall(_TABLE)
            except BaseException:
                await connection.close()
                raise
        return cls(path, connection)

    async def load(self) -> list[Item]:
        """Return all items; raises LogUnavailable and LogDamaged, also where messages were held that are gone."""
        items = await _load(self._path, self._connection)
        self._held = frozenset(_messages(items))
        self._mark.require(len(self._held))
        self._mark.follow(len(self._held))
        return items

    def save(self, changed: Iterable[Item], removed: Iterable[str]) -> None:
        """See ItemStore; blocks for the disk."""
        changed = list(changed)
        sql = "INSERT OR REPLACE INTO item (token, facts, stanza) VALUES (?, ?, ?)"
        statements: list[tuple[str, tuple[object, ...]]] = [
            (sql, (item.token, _encode(item), item.stanza)) for item in changed
        ]
        statements += [("DELETE FROM item WHERE token = ?", (token,)) for token in removed]
        held = (self._held | set(_messages(changed))).difference(removed)
        try:
            with sqlite_errors_named(self._path):
                if not held:
                    self._mark.follow(0)
                # Killed here: messages without a mark, which the next start puts.
                self._connection.transact(statements, _require_nothing)
                self._mark.follow(len(held))
        except LogDamaged as error:
            # The line stops, as when the log cannot be written.
            raise LogUnavailable(str(error)) from error
        self._held = held

    async def close(self) -> None:
        """Close the file."""
        with sqlite_errors_named(self._path):
            await self._connection.close()


def review_file(site: SiteFile) -> Path:
    """Return the path of a site's queue (docs/settings.md, `review.file`)."""
    beside = log_file(site.gate.log) or site.gate.directory_file
    return site.review.file or beside.with_name("review.db")


async def check_queue(path: Path) -> int | None:
    """Read a queue that no gate has open, changing nothing, and return how many items it has.

    Return None if a killed gate left a transaction, which the next gate rolls back: until then the number is not
    known. Raises LogUnavailable and LogDamaged, which says what to do.
    """
    if _size_bytes(path.with_name(f"{path.name}-journal")):
        return None
    if not _size_bytes(path):
        HeldMark(path).require(0)
        return 0  # a gate that was killed while it made the file leaves this, and the next gate continues with it
    with _errors_explained(path):
        connection = await open_connection(path, "ro")
        try:
            await require_known(connection, path)
            items = await _load(path, connection)
        finally:
            await connection.close()
    HeldMark(path).require(sum(1 for _ in _messages(items)))
    return len(items)


async def _load(path: Path, connection: Connection) -> list[Item]:
    with _errors_explained(path):
        # The reads below do not touch everything that is written later.
        if [tuple(row) for row in await connection.execute_fetchall("PRAGMA quick_check(1)")] != [("ok",)]:
            raise LogDamaged(f"{path}: a corrupt database")
        rows = await connection.execute_fetchall("SELECT facts, stanza FROM item ORDER BY token")
        try:
            return [_parse(facts, stanza) for facts, stanza in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise LogDamaged(f"{path}: an item of the queue is malformed") from error


@contextmanager
def _errors_explained(path: Path) -> Iterator[None]:
    """Translate SQLite's errors, and say what to do about a damaged file."""
    try:
        with sqlite_errors_named(path):
            yield
    except LaterFormat:
        raise
    except LogDamaged as error:
        if _ADVICE in str(error):
            raise
        raise LogDamaged(f"{error}; {_ADVICE}") from error


def _messages(items: Iterable[Item]) -> Iterator[str]:
    return (item.token for item in items if item.kind is ItemKind.MESSAGE)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _make(path: Path) -> None:
    with suppress(FileExistsError):
        path.touch(_OWNER_ONLY, exist_ok=False)


def _require_nothing(_connection: sqlite3.Connection) -> None:
    pass


def _encode(item: Item) -> str:
    facts: dict[str, object] = {name: getattr(item, name) for name in _PLAIN}
    for name in ("held", "sent"):
        place: Place | None = getattr(item, name)
        facts[name] = place and (place.epoch, place.seq)
    facts["votes"] = [(vote.by, vote.act, vote.at_s) for vote in item.votes]
    return orjson.dumps(facts).decode()


def _parse(facts: str, stanza: bytes) -> Item:
    value: dict[str, Any] = orjson.loads(facts)
    for name, type_ in (("kind", ItemKind), ("stage", Stage), ("way", Way), ("rules", tuple)):
        value[name] = type_(value[name])
    for name in ("held", "sent"):
        value[name] = value[name] and Place(*value[name])
    # An earlier gate stored none.
    value["votes"] = tuple(Vote(*vote) for vote in value.get("votes", ()))
    return Item(**value, stanza=stanza)


_PLAIN = (
    "token", "kind", "stage", "record", "way", "sender", "to", "rules", "held_at_ns", "deadline_ns", "evidence",
    "attempts", "epoch",
)  # fmt: skip
