"""Opens an index in PostgreSQL, where the extra that this needs is installed."""

from typing import TYPE_CHECKING

from components.archive.store.postgres_url import PostgresUrl
from components.process.errors import SiteError

if TYPE_CHECKING:
    from components.audit.index.postgres.database import PostgresDatabase


def open_postgres(url: PostgresUrl) -> "PostgresDatabase":
    """Open the index of a name, which may be empty yet; raises SiteError and DatabaseError."""
    try:
        from components.audit.index.postgres.database import PostgresDatabase
    except ImportError as error:
        raise SiteError(
            f"the index in PostgreSQL needs the extra: pip install 'steelyard[postgres]' ({error})"
        ) from None
    return PostgresDatabase(url)


def drop_postgres(url: PostgresUrl) -> None:
    """Remove the index of a name; raises SiteError and DatabaseError."""
    with open_postgres(url) as database:
        database.drop()


def count_bytes(url: PostgresUrl) -> int:
    """Count the bytes that the tables of an index take, with their own indexes; raises SiteError and DatabaseError."""
    with open_postgres(url) as database:
        return database.count_bytes()
