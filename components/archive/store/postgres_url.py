"""How a log in PostgreSQL is named."""

import re
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

_LOG_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_VERIFIED = ("verify-ca", "verify-full")
_FORM = "write postgresql://user@host:port/database#log, with a comma between the hosts of several servers"


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A log in PostgreSQL: `postgresql://user@host:port/database#log`; each log has a schema of its name.

    `dsn` is for the database alone: it may hold a password, which `label` leaves out. With a comma it names several
    hosts: a primary, and standbys that may take its place.
    """

    dsn: str = field(repr=False)
    log: str
    label: str

    @property
    def servers(self) -> tuple[tuple[str, str], ...]:
        """Each server: its address, as it may be shown, and a `dsn` for it alone."""
        parts = urlsplit(self.dsn)
        login, at, hosts = parts.netloc.rpartition("@")
        return tuple(
            (host, parts._replace(netloc=f"{login}{at}{host}").geturl()) for host in hosts.split(",")
        )

    @property
    def options(self) -> dict[str, str]:
        """What else a connection with `dsn` needs: of several servers it is the one that takes changes."""
        return {"target_session_attrs": "read-write"} if len(self.servers) > 1 else {}

    @property
    def names_password(self) -> bool:
        """Whether the password is part of it, for whoever reads site.toml."""
        parts = urlsplit(self.dsn)
        return parts.password is not None or "password" in parse_qs(parts.query)

    @property
    def crosses_network_unverified(self) -> bool:
        """Whether the server may be on another machine, and any other server in its place would be spoken to.

        libpq's own choice, `prefer`, also goes on without TLS where somebody in between takes it away.
        """
        parts = urlsplit(self.dsn)
        options = parse_qs(parts.query)
        named = (*options.get("host", ()), parts.netloc.rpartition("@")[2])
        hosts = [host for text in named for host in text.split(",") if host]
        return options.get("sslmode", [""])[-1] not in _VERIFIED and not all(map(_is_here, hosts))

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
        hosts = parts.netloc.rpartition("@")[2].split(",")
        shown = ",".join(_show_host(host, len(hosts)) for host in hosts)
    except ValueError:
        raise ValueError(_FORM) from None
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise ValueError(_FORM)
    if not _LOG_NAME.fullmatch(parts.fragment):
        raise ValueError(
            "name the log behind a #, in small letters, digits, - and _: postgresql://.../database#gate"
        )
    label = f"postgresql://{shown}{parts.path}#{parts.fragment}"  # without user, password and options
    return PostgresUrl(parts._replace(fragment="").geturl(), parts.fragment, label)


def _show_host(host: str, among: int) -> str:
    """Return a host with its port; raises ValueError for a wrong port, and for nothing between two commas."""
    parts = urlsplit(f"//{host}")
    if among > 1 and not parts.hostname:
        raise ValueError(host)
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"


def _is_here(host: str) -> bool:
    """Return whether a host, perhaps with a port, is this machine, or the folder of a socket."""
    name = host.partition("]")[0].strip("[") if host.startswith("[") else host.partition(":")[0]
    try:
        return name == "localhost" or name.startswith("/") or ip_address(name).is_loopback
    except ValueError:
        return False
