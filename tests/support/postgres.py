"""A real PostgreSQL server of the tests' own: private, durable, ended with the tests."""

import errno
import functools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.ports import free_port

_DEBIAN = Path("/usr/lib/postgresql")
_START_TIMEOUT_S = 60.0
_POLL_S = 0.05

# PostgreSQL refuses to run as root: it runs as the user of Debian's package. It ends (SIGINT: at once, in order)
# when whoever started it dies.
_AS_POSTGRES = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--pdeathsig", "INT")


@functools.cache
def programs() -> Path:
    """Return the folder of PostgreSQL's programs: of the newest version that Debian's packages have installed.

    Raises FileNotFoundError when there is none.
    """
    found = [folder for folder in _DEBIAN.glob("*/bin") if (folder / "postgres").exists()]
    if not found:
        raise FileNotFoundError(errno.ENOENT, "PostgreSQL is not installed", str(_DEBIAN))
    return max(found, key=lambda folder: int(folder.parent.name))


class PostgresServer:
    """A server under `folder`, listening on a socket in it and on a loopback port; fsync is on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.options = {"fsync": "on", "shared_buffers": "64MB", "max_connections": "50"}

    @property
    def runs(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    def make(self) -> None:
        """Make the files of a new server."""
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        command: list[str | Path] = [programs() / "initdb", "-D", self.data, "--data-checksums", "--no-sync"]
        self._run([*command, "-U", "steelyard", "-A", "trust", "-E", "UTF8", "--locale=C"])

    def start(self) -> None:
        """Start it and wait until it answers; again if somebody else was quicker to take the port."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            self.port = self.port or free_port()
            self._launch()
            while self._process is not None and self._process.poll() is None:
                if self._answers():
                    return
                assert time.monotonic() < deadline, self._log()
                time.sleep(_POLL_S)
            assert "in use" in self._log() and time.monotonic() < deadline, self._log()
            self.port = 0  # another, then: a URL that was given before is wrong

    def stop(self, how: str = "fast") -> None:
        """Stop it: `fast` in order, `immediate` as a crash would."""
        if self._process is not None:
            self._run([programs() / "pg_ctl", "stop", "-w", "-D", self.data, "-m", how])
            self._process.wait(_START_TIMEOUT_S)
            self._process = None

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Run SQL as the server's owner; gives what it prints, columns separated by |."""
        return self._psql(database, "-c", sql)

    def make_database(self) -> str:
        """Make a new empty database, and give its URL."""
        self._databases += 1
        name = f"test_{self._databases}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        """Give the URL of a database."""
        return f"postgresql://steelyard@127.0.0.1:{self.port}/{database}"

    def _launch(self) -> None:
        options = {
            **self.options,
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
        }
        command: list[str | Path] = [*_as_postgres(), programs() / "postgres", "-D", self.data]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def _answers(self) -> bool:
        try:
            return self.execute("SELECT 1").strip() == "1"
        except subprocess.CalledProcessError:
            return False

    def _psql(self, database: str, *arguments: str) -> str:
        target = ["-h", str(self.folder), "-p", str(self.port), "-U", "steelyard", "-d", database]
        done = subprocess.run(
            [programs() / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", *target, *arguments],
            capture_output=True,
            check=True,
            text=True,
        )
        return done.stdout

    def _run(self, command: Sequence[str | Path]) -> None:
        subprocess.run([*_as_postgres(), *command], check=True, capture_output=True, cwd=self.folder)

    def _log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-4000:]


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """Run a server in a folder that its user may enter, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix="steelyard-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


def _as_postgres() -> Sequence[str]:
    return _AS_POSTGRES if os.getuid() == 0 else ()
