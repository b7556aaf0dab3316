"""An index in memory, filled without a log; and the index of a site, opened as the auditors' commands open it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from components.audit.index.database import Connection, Database, open_database
from components.audit.index.schema import SCHEMA
from components.audit.indexed import find_index_key
from components.audit.query.words import index_words
from components.settings.site import SiteFile


@contextmanager
def empty_index() -> Iterator[Database]:
    """Open one without any record."""
    with Database(":memory:") as database:
        database.execute(SCHEMA)
        yield database


def add_entry(database: Connection, place: int, text: str, names: str = "") -> None:
    """Add a record of nobody that says `text`, and is about a file of this name."""
    database.execute("INSERT INTO entry VALUES (?, 0, 0, 0, 0)", (place,))
    for table, words in (("word", text), ("name_word", names)):
        row = (place, *index_words(words))
        database.execute(f"INSERT INTO {table} (rowid, text, look) VALUES (?, ?, ?)", row)


@contextmanager
def open_raw(settings: SiteFile) -> Iterator[Database]:
    """Open the file of a site's index with its key, to look at its tables."""
    with closing(open_database(settings.audit.index, find_index_key(settings))) as database:
        yield database
