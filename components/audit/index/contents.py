"""What files say, in the index: what waits to be read, and what was read of it."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from components.audit.index.database import Connection
from components.audit.index.purge import forget_words
from components.audit.query.compile import Where
from components.audit.reading.content import ContentState, ReadContent

_FILES_AT = """
SELECT file.name, file.claimed_type, file.found_type, file.size_bytes, file.sha256, file.idx,
       file.id, content.id, content.state, content.heard_characters, content.text
FROM file JOIN content ON content.id = file.content
WHERE file.id IN (SELECT id FROM link WHERE idx = :place UNION SELECT id FROM description WHERE idx = :place)
ORDER BY file.idx
"""
_ABOUT_FILES = " UNION ".join(
    f"SELECT idx FROM {table} WHERE idx IN (SELECT value FROM json_each(?1))"  # noqa: S608 - constant
    for table in ("link", "description", "carried")
)
# What was uploaded comes first, and is read from its blob, also where a stanza has it inside, too.
_WAITING = """
SELECT content.id, content.sha256, CASE WHEN file.name IS NULL THEN '' ELSE content.blob END,
       coalesce(file.name, carried.name), coalesce(file.claimed_type, carried.media_type), carried.idx
FROM content
LEFT JOIN file ON file.idx = (SELECT min(idx) FROM file AS its WHERE its.content = content.id)
LEFT JOIN carried ON carried.content = content.id AND NOT EXISTS (
    SELECT 1 FROM carried AS its WHERE its.content = content.id
    AND (its.idx, its.number) < (carried.idx, carried.number)
)
WHERE reader NOT IN (?, ?) ORDER BY file.name IS NULL, content.id
"""


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file as the log's record names it; `idx` is its record's place in the index.

    `copy_sha256` is that of the copy which readers got, empty if that was the file.
    """

    idx: int
    id: str
    name: str
    claimed_type: str
    found_type: str
    size_bytes: int
    sha256: str
    blob: str
    copy_sha256: str = ""


@dataclass(frozen=True, slots=True)
class WaitingContent:
    """A content that is to be read; `name` and `claimed_type` are those of a file with it.

    `blob` is its address. Where that is empty, the record at `place` has the content inside.
    """

    id: int
    sha256: str
    blob: str
    name: str
    claimed_type: str
    place: int | None


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file that a record is about, and what its content says; `place` is that of the record of its receipt.

    So many characters at the end of the text are what a machine heard.
    """

    name: str
    claimed_type: str
    found_type: str
    size_bytes: int
    sha256: str
    place: int
    id: str
    content: int
    state: ContentState
    text: str
    heard_characters: int


def insert_files(db: Connection, files: Iterable[FileRow], links: Iterable[tuple[str, int]]) -> None:
    """Insert files and what is about them, within the caller's transaction."""
    for file in files:
        db.execute(
            "INSERT INTO content (sha256, blob) VALUES (?, ?) ON CONFLICT (sha256) DO UPDATE SET blob = excluded.blob",
            (file.sha256, file.blob),
        )
        db.execute(
            "INSERT INTO file SELECT ?, ?, id, ?, ?, ?, ?, sha256, ? FROM content WHERE sha256 = ?",
            (
                file.idx,
                file.id,
                file.name,
                file.claimed_type,
                file.found_type,
                file.size_bytes,
                file.copy_sha256,
                file.sha256,
            ),
        )
    db.executemany("INSERT OR IGNORE INTO link VALUES (?, ?)", links)


def find_waiting(db: Connection, readers: tuple[str, str]) -> list[WaitingContent]:
    """Find what none of these kinds of readers has read yet, the oldest first."""
    return [WaitingContent(*row) for row in db.execute(_WAITING, readers)]


def has_waiting(db: Connection) -> bool:
    """Return whether there is anything that nobody has read yet."""
    return db.execute("SELECT 1 FROM content WHERE state = 'waiting' LIMIT 1").fetchone() is not None


def note_read(db: Connection, content: int, read: ReadContent, reader: str) -> None:
    """Keep what was read of a content, unless its records were destroyed meanwhile; in the caller's transaction."""
    if db.execute("SELECT 1 FROM content WHERE id = ?", (content,)).fetchone() is None:
        return
    forget_words(db, [content])
    db.execute(
        "UPDATE content SET state = ?, picture = ?, text = ?, heard_characters = ?, reader = ? WHERE id = ?",
        (
            read.state,
            read.picture,
            zlib.compress(read.text.encode()) if read.text else b"",
            read.heard_characters,
            reader,
            content,
        ),
    )
    if any(read.words):
        db.execute("INSERT INTO content_word (rowid, text, look) VALUES (?, ?, ?)", (content, *read.words))


def count_failed(db: Connection, inside: Where | None = None) -> int:
    """Count the contents that could not be read, or not yet; with `inside`, those of records that match."""
    return _count(db, "state IN ('failed', 'waiting')", inside)


def count_unheard(db: Connection, inside: Where | None = None) -> int:
    """Count the contents that are sound which nothing here can hear; with `inside`, those of records that match."""
    return _count(db, "state = 'unheard'", inside)


def _count(db: Connection, condition: str, inside: Where | None) -> int:
    values: tuple[str | int, ...] = ()
    if inside is not None:
        matching = f"idx IN (SELECT idx FROM entry WHERE {inside.sql})"  # noqa: S608 - constant: see compile_query
        named = (f"SELECT content FROM {table} WHERE {matching}" for table in ("file", "carried"))  # noqa: S608
        condition += f" AND id IN ({' UNION ALL '.join(named)})"
        values = inside.parameters * 2
    (count,) = db.execute(f"SELECT count(*) FROM content WHERE {condition}", values).fetchone()  # noqa: S608
    return int(count)


def find_files(db: Connection, place: int) -> list[IndexedFile]:
    """Find the uploads that the record at a place is about: its own, or those that it links to or describes."""
    found = []
    for *described, state, heard_characters, text in db.execute(_FILES_AT, {"place": place}):
        said = zlib.decompress(text).decode() if text else ""
        found.append(IndexedFile(*(*described, ContentState(state), said, heard_characters)))
    return found


def find_about_files(db: Connection, places: Iterable[int]) -> set[int]:
    """Return those of some places whose records are about an upload, or have a file in them: most are of neither."""
    return {int(str(idx)) for (idx,) in db.execute(_ABOUT_FILES, (json.dumps(sorted(set(places))),))}


def says(db: Connection, content: int, match: str) -> bool:
    """Return whether a content says what FTS5 has to match (query/compile.py)."""
    sql = "SELECT 1 FROM content_word WHERE content_word MATCH ? AND rowid = ?"
    return db.execute(sql, (match, content)).fetchone() is not None
