"""PostgreSQL connections as a log needs them, and what their errors mean."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.store.postgres_url import PostgresUrl

CONNECT_TIMEOUT_S = 10.0
# Of one of several: the next may be the one that took its place.
SERVER_TIMEOUT_S = 3.0
COMMAND_TIMEOUT_S = 60.0
# A process that stops must not wait for a server that hangs.
CLOSE_TIMEOUT_S = 1.0

# A writer's machine that is gone must not keep the log's lock: the server asks after it, and gives up in 25 seconds.
_SERVER_SETTINGS = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
}

# The first two characters name the class of an SQLSTATE (PostgreSQL, appendix A). Messages of the server are not
# passed on: they may quote values.
_REASONS = {
    "08": "the connection broke",
    "23": "what is stored contradicts what was to be added",
    "25": "the server takes no changes (is it a standby?)",
    "28": "the server refused the login",
    "3D": "there is no such database",
    "42": "the database is not one of a log, or this user may not use it",
    "53": "the server lacks disk space, memory or connections",
    "55": "a lock was not free in time",
    "57": "the server stopped, or ended the session",
    "58": "input/output error of the server",
}
_CORRUPT = "XX"
_ERRORS = (asyncpg.PostgresError, OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def open_connection(url: PostgresUrl, name: str) -> asyncpg.Connection:
    """Connect; the server shows us as `name`. Raises what `postgres_errors_named` names.

    Of several servers it is the first that takes changes: a standby does not, until it is promoted. Raises
    LogUnavailable, with what is wrong at each, if none does.
    """
    servers = url.servers
    if len(servers) == 1:
        return await _connect(url.dsn, url, name, timeout=CONNECT_TIMEOUT_S)
    problems = []
    for address, dsn in servers:
        try:
            # One by one: asyncpg has one time limit for all of them, which the first may use up.
            return await _connect(dsn, url, name, timeout=SERVER_TIMEOUT_S, **url.options)
        except _ERRORS as error:
            problems.append(f"{address}: {_describe(error)}")
    raise LogUnavailable(f"{url.label}: {'; '.join(problems)}")


async def _connect(dsn: str, url: PostgresUrl, name: str, **options: Any) -> asyncpg.Connection:
    return await asyncpg.connect(
        dsn,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings={**_SERVER_SETTINGS, "search_path": url.schema, "application_name": name},
        **options,
    )


async def close_connection(connection: asyncpg.Connection) -> None:
    """Close in order, or end it if the server does not answer; raises what `postgres_errors_named` names."""
    try:
        await connection.close(timeout=CLOSE_TIMEOUT_S)
    except TimeoutError:
        connection.terminate()


def make_session_name(role: str) -> str:
    """Return a name that the server shows, and that nobody else has."""
    return f"steelyard {role} {secrets.token_hex(8)}"


@contextmanager
def postgres_errors_named(label: str) -> Iterator[None]:
    """Turn errors of asyncpg into LogUnavailable or, for a corrupt database, LogDamaged, with a reason."""
    try:
        yield
    except _ERRORS as error:
        if isinstance(error, asyncpg.PostgresError) and (error.sqlstate or "")[:2] == _CORRUPT:
            raise LogDamaged(f"{label}: the database is corrupt ({type(error).__name__})") from None
        raise LogUnavailable(f"{label}: {_describe(error)}") from None


def _describe(error: Exception) -> str:
    """Return what an error of asyncpg means."""
    name = type(error).__name__
    match error:
        case asyncpg.PostgresError():
            return f"{_REASONS.get((error.sqlstate or '')[:2], 'database error')} ({name})"
        case TimeoutError():
            return "the server does not answer"
        case OSError():
            return f"no connection ({error.strerror or name})"
        case asyncpg.TargetServerAttributeNotMatched():
            return _REASONS["25"]
    return f"the connection is not usable ({name})"
