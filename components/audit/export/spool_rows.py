"""The rows of messages on their way into the spool: many at once, as a statement for each costs more than the rest."""

from collections.abc import Sequence
from sqlite3 import Connection

from components.audit.export.message import ExportMessage
from components.audit.export.spooled import encode_message, hash_alias
from components.audit.export.text import clean_unicode

_INTO = {
    "message": "INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, 0)",
    "alias": "INSERT OR IGNORE INTO alias VALUES (?, ?)",
    "attached": "INSERT OR IGNORE INTO attached VALUES (?, ?)",
    "effect": "INSERT INTO effect VALUES (?, ?)",
    "acted_on": "UPDATE message SET is_acted_on = 1 WHERE place = ?",
}
# A shelf has its number from its first message on.
_SHELF = """
INSERT INTO shelf (name, first_ns, last_ns) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET
first_ns = min(first_ns, excluded.first_ns), last_ns = max(last_ns, excluded.last_ns)
"""
_HELD = "INSERT INTO held SELECT number, ?, ? FROM shelf WHERE name = ?"
_PERSON = "INSERT OR IGNORE INTO person SELECT number, ? FROM shelf WHERE name = ?"
_NAMED = "INSERT OR IGNORE INTO named SELECT number, ?, ? FROM shelf WHERE name = ?"


class Rows:
    """The rows of messages that the spool does not have yet, in the order of their places."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[str, list[Sequence[object]]] = {table: [] for table in _INTO}
        self._held: list[tuple[int, int, str]] = []
        self._spans: dict[str, tuple[int, int]] = {}
        self._ids: set[bytes] = set()
        self._people: dict[tuple[str, str], None] = {}
        self._named: dict[tuple[str, str, str], None] = {}

    def add(self, place: int, message: ExportMessage, target: int | None, answers: int | None) -> None:
        """Add a message that acts on the record at `target`, and answers the one at `answers`."""
        data = encode_message(message)
        self._rows["message"].append((place, message.record, message.sender_bare, data, target, answers))
        ids = {hash_alias(message.conversation, id_) for id_ in message.ids}
        self._rows["alias"] += [(id_, place) for id_ in ids]
        self._ids |= ids
        self._rows["attached"] += [(file.path, place) for file in message.files if file.path]
        if target is not None:
            self._rows["effect"].append((target, place))
            self._rows["acted_on"].append((target,))

    def has(self, alias: bytes) -> bool:
        """Return whether one of these messages has an id."""
        return alias in self._ids

    def put_on_shelf(self, name: str, place: int, message: ExportMessage) -> None:
        """Put a message on a shelf."""
        at_ns = message.at_ns
        first_ns, last_ns = self._spans.get(name, (at_ns, at_ns))
        self._spans[name] = min(first_ns, at_ns), max(last_ns, at_ns)
        self._held.append((at_ns, place, name))
        for jid in message.people:
            self._people[clean_unicode(jid), name] = None
        for jid, named in message.named:
            self._named[jid, named, name] = None

    def store(self, db: Connection) -> None:
        """Store all of them, within the caller's transaction."""
        if not self._held:
            return
        for table, rows in self._rows.items():
            db.executemany(_INTO[table], rows)
        db.executemany(_SHELF, [(name, *span) for name, span in self._spans.items()])
        db.executemany(_HELD, self._held)
        db.executemany(_PERSON, self._people)
        db.executemany(_NAMED, [(clean_unicode(jid), named, name) for jid, named, name in self._named])
        self._clear()
