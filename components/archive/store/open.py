"""Opens the store that a name names: the path of an SQLite database, or `postgresql://user@host/database#log`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.archive.errors import LogUnavailable
from components.archive.store import LogSource, LogStore, RequestBox
from components.archive.store.postgres_url import parse_postgres_url
from components.archive.store.sqlite import SqliteStore
from components.archive.store.sqlite_requests import SqliteRequests
from components.archive.store.sqlite_source import SqliteSource

StoreName = str | Path

_POSTGRES = ("postgresql://", "postgres://")
_NOT_INSTALLED = "logs in PostgreSQL need the extra: pip install 'steelyard[postgres]'"


def is_postgres(name: StoreName) -> bool:
    """Return whether a store's name is that of one in PostgreSQL."""
    return isinstance(name, str) and name.startswith(_POSTGRES)


def parse_store_name(text: str, folder: Path) -> StoreName:
    """Return the name of a store as settings write it: relative paths start at `folder`; raises ValueError."""
    if not is_postgres(text):
        return folder / Path(text).expanduser()
    parse_postgres_url(text)
    return text


def parse_private_name(text: str, folder: Path) -> StoreName:
    """Do the same where many may read the text; raises ValueError for a password in it, or an unverified server."""
    name = parse_store_name(text, folder)
    if not is_postgres(name):
        return name
    url = parse_postgres_url(text)
    if url.names_password:
        raise ValueError(f"takes no password: write that of {url.label} into ~/.pgpass, with mode 0600")
    if url.crosses_network_unverified:
        raise ValueError(
            f"{url.label} is reached over a network: write ?sslmode=verify-full before the # (docs/settings.md)"
        )
    return name


def store_label(name: StoreName) -> str:
    """Return a store's name as it may be shown: without user and password."""
    return parse_postgres_url(str(name)).label if is_postgres(name) else str(name)


def log_name(name: StoreName) -> str:
    """Return the log's name in the ids of records, such as `gate` in `gate/100042`: the name of its file or schema."""
    return parse_postgres_url(str(name)).log if is_postgres(name) else Path(name).stem


def log_file(name: StoreName) -> Path | None:
    """Return the file of a log's store; None for a database elsewhere."""
    return None if is_postgres(name) else Path(name)


def may_exist(name: StoreName) -> bool:
    """Return whether there may be a store of this name; a database server is not asked."""
    file = log_file(name)
    return file is None or file.exists()


async def open_source(name: StoreName) -> LogSource:
    """Open a log for reading; raises LogMissing, LogUnavailable and LogDamaged."""
    if not is_postgres(name):
        return await SqliteSource.open(Path(name))
    with _extra_named():
        from components.archive.store.postgres_source import PostgresSource
    return await PostgresSource.open(str(name))


async def open_store(name: StoreName) -> LogStore:
    """Open a log, made already or not, as its one writer; raises LogBusy, LogUnavailable and LogDamaged."""
    if not is_postgres(name):
        return await SqliteStore.open(Path(name))
    with _extra_named():
        from components.archive.store.postgres import PostgresStore
    return await PostgresStore.open(str(name))


async def open_requests(name: StoreName) -> RequestBox:
    """Open a log to ask its writer for something; raises LogUnavailable."""
    if not is_postgres(name):
        return await SqliteRequests.open(Path(name))
    with _extra_named():
        from components.archive.store.postgres_requests import PostgresRequests
    return await PostgresRequests.open(str(name))


async def find_standby_problem(name: StoreName) -> str:
    """Return what a standby of a store would lack that took over, if the name has several servers; else nothing.

    Raises as `open_source` does.
    """
    if not is_postgres(name) or len(parse_postgres_url(str(name)).servers) == 1:
        return ""
    with _extra_named():
        from components.archive.store.postgres_source import PostgresSource
    source = await PostgresSource.open(str(name))
    try:
        return await source.find_standby_problem()
    finally:
        await source.close()


@contextmanager
def _extra_named() -> Iterator[None]:
    """Turn the error of a driver that is not installed into LogUnavailable, which says what to install."""
    try:
        yield
    except ModuleNotFoundError:
        raise LogUnavailable(_NOT_INSTALLED) from None
