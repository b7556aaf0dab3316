"""What every look does with an index: tells its version, and has purged what was deleted."""

from collections.abc import Iterable

from components.audit.index.database import Connection, Store

# Raise this when what is indexed changes: an index of another version is dropped and built again.
FORMAT = 18

WORD_TABLES = ("word", "name_word", "content_word")


def forget_words(db: Connection, contents: Iterable[int]) -> None:
    """Remove what files say, within the caller's transaction."""
    db.executemany("DELETE FROM content_word WHERE rowid = ?", [(id_,) for id_ in contents])


def purge(db: Store) -> None:
    """Remove the rest of deleted records from where the index is kept, if there is any.

    Killed on the way, it is still due, and the next call begins again. So it is while somebody reads what was there
    before.
    """
    if db.execute("SELECT purge_due FROM made").fetchone() != (0,) and db.purge(WORD_TABLES):
        db.execute("UPDATE made SET purge_due = 0")
