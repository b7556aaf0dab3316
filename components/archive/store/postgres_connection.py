"""PostgreSQL connections as a log needs them, and what their errors mean."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.store.postgres_url import PostgresUrl

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 60.0

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


async def open_connection(url: PostgresUrl, name: str) -> asyncpg.Connection:
    """Connect; the server shows us as `name`. Raises what `postgres_errors_named` names."""
    return await asyncpg.connect(
        url.dsn,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        server_settings={**_SERVER_SETTINGS, "search_path": url.schema, "application_name": name},
    )


def make_session_name(role: str) -> str:
    """Return a name that the server shows, and that nobody else has."""
    return f"steelyard {role} {secrets.token_hex(8)}"


@contextmanager
def postgres_errors_named(label: str) -> Iterator[None]:
    """Turn errors of asyncpg into LogUnavailable or, for a corrupt database, LogDamaged, with a reason."""
    try:
        yield
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        if state[:2] == _CORRUPT:
            raise LogDamaged(f"{label}: the database is corrupt ({type(error).__name__})") from None
        reason = _REASONS.get(state[:2], "database error")
        raise LogUnavailable(f"{label}: {reason} ({type(error).__name__})") from None
    except TimeoutError:
        raise LogUnavailable(f"{label}: the server does not answer") from None
    except OSError as error:
        raise LogUnavailable(f"{label}: no connection ({error.strerror or type(error).__name__})") from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise LogUnavailable(f"{label}: the connection is not usable ({type(error).__name__})") from None
