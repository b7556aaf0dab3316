"""How a log in PostgreSQL is named."""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import urlsplit

_LOG_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_FORM = "write postgresql://user@host:port/database#log"


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A log in PostgreSQL: `postgresql://user@host:port/database#log`; each log has a schema of its name.

    `dsn` is for the database alone: it may hold a password, which `label` leaves out.
    """

    dsn: str = field(repr=False)
    log: str
    label: str

    @property
    def schema(self) -> str:
        """The quoted name of the schema."""
        return f'"{self.log}"'

    @property
    def lock_key(self) -> int:
        """The number of the advisory lock that the writer holds."""
        digest = sha256(f"steelyard-log\n{self.log}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


def parse_postgres_url(text: str) -> PostgresUrl:
    """Parse the name of a store; raises ValueError, which says what to write."""
    try:
        parts = urlsplit(text)
        host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        raise ValueError(_FORM) from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ValueError(_FORM)
    if not _LOG_NAME.fullmatch(parts.fragment):
        raise ValueError(
            "name the log behind a #, in small letters, digits, - and _: postgresql://.../database#gate"
        )
    label = f"postgresql://{host}{parts.path}#{parts.fragment}"  # without user, password and options
    return PostgresUrl(parts._replace(fragment="").geturl(), parts.fragment, label)
