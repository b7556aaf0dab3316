"""An index in memory, filled without a log; and the index of a site, opened as the auditors' commands open it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from components.audit.index.database import Connection, Database, open_database
from components.audit.index.logs import IndexedLog
from components.audit.index.schema import SCHEMA
from components.audit.indexed import find_index_key, find_indexed
from components.audit.query.words import index_words
from components.settings.log import LogSettings
from components.settings.site import SiteFile


@contextmanager
def empty_index() -> Iterator[Database]:
    """Open one without any record."""
    with Database(":memory:") as database:
        database.execute(SCHEMA)
        yield database


def add_entry(database: Connection, place: int, text: str, names: str = "") -> None:
    """Add a record of nobody that says `text`, and is about a file of this name."""
    database.execute("INSERT INTO entry VALUES (?, 0, 0, 0, 0, 0)", (place,))
    for table, words in (("word", text), ("name_word", names)):
        row = (place, *index_words(words))
        database.execute(f"INSERT INTO {table} (rowid, text, look) VALUES (?, ?, ?)", row)


@contextmanager
def open_raw(settings: SiteFile) -> Iterator[Database]:
    """Open the file of a site's index with its key, to look at its tables."""
    with closing(open_database(settings.audit.index, find_index_key(settings))) as database:
        yield database


def find_without_looks(settings: SiteFile) -> dict[IndexedLog, LogSettings]:
    """Stand in for `find_indexed`: without the auditors' own log, which has the words that they searched for."""
    return {which: log for which, log in find_indexed(settings).items() if which is not IndexedLog.AUDIT}


def read_pages(settings: SiteFile) -> bytes:
    """Return all pages of a site's index, in the clear, also those that are free."""
    path = settings.audit.index
    copy = path.with_name("copied.db")
    with open_raw(settings) as database:
        database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    copy.write_bytes(path.read_bytes())
    try:
        with Database(str(copy), find_index_key(settings)) as database:
            database.execute("PRAGMA journal_mode = DELETE").fetchall()
            database.execute("PRAGMA rekey = ''").fetchall()
        return copy.read_bytes()
    finally:
        copy.unlink()
