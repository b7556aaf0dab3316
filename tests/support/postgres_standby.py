"""A primary of PostgreSQL with a streaming standby, both the tests' own: crashed, frozen, promoted."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.support.postgres import PostgresServer, programs

DATABASE = "archive"
_PATIENCE_S = 60.0
_POLL_S = 0.02


class ReplicatedServer(PostgresServer):
    """A server that can be ended and frozen as a machine is: with all of its processes, and without a word."""

    def crash(self) -> None:
        """End all of its processes where they are (SIGKILL)."""
        assert self._process is not None
        others = self._signal(signal.SIGSTOP, signal.SIGKILL)[1:]
        self._process.wait(_PATIENCE_S)
        psutil.wait_procs(others, _PATIENCE_S)
        self._process = None

    def freeze(self) -> None:
        """Stop all of its processes: its connections stay open, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def copy_of(self, primary: PostgresServer) -> None:
        """Make the files of a standby of a server that runs."""
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "steelyard"]
        how = ["-X", "stream", "-c", "fast", "-R", "--no-sync"]
        self._run([programs() / "pg_basebackup", "-D", self.data, *source, *how])

    def promote(self) -> None:
        """Make a primary of a standby, and wait until it is one."""
        self._run([programs() / "pg_ctl", "promote", "-w", "-D", self.data])

    def wait_for_standby(self, state: str) -> None:
        """Wait until a standby follows, `sync` or `async`."""
        deadline = time.monotonic() + _PATIENCE_S
        while self.execute("SELECT sync_state FROM pg_stat_replication").strip() != state:
            assert time.monotonic() < deadline, self._log()
            time.sleep(_POLL_S)

    def _signal(self, *signals: signal.Signals) -> list[psutil.Process]:
        assert self._process is not None
        # The first one starts the others anew.
        first = psutil.Process(self._process.pid)
        first.send_signal(signals[0])
        everything = [first, *first.children(recursive=True)]
        for number in signals:
            for process in everything:
                with suppress(psutil.NoSuchProcess):  # it ended when it was let go on
                    process.send_signal(number)
        return everything


class Pair:
    """A primary and its standby. Both are named, the primary first, by the URL of their database."""

    def __init__(self, folder: Path) -> None:
        self.primary, self.standby = (ReplicatedServer(folder / name) for name in ("first", "second"))
        for server in (self.primary, self.standby):
            server.folder.mkdir()

    @property
    def url(self) -> str:
        """The URL of the database; `#log` is to be added."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in (self.primary, self.standby))
        return f"postgresql://steelyard@{hosts}/{DATABASE}"

    def start(self, *, synchronous: bool) -> None:
        """Start both; a synchronous standby has everything before a commit returns."""
        self.primary.make()
        self.primary.start()
        self.primary.execute(f"CREATE DATABASE {DATABASE}")
        self.standby.copy_of(self.primary)
        self.standby.start()
        # Not in the copy: once promoted, the standby waits for nobody.
        if synchronous:
            self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            self.primary.execute("SELECT pg_reload_conf()")
        self.primary.wait_for_standby("sync" if synchronous else "async")

    def stop(self) -> None:
        """Stop what runs, frozen or not."""
        for server in (self.primary, self.standby):
            if server.runs:
                server.crash()


@contextmanager
def run_pair(*, synchronous: bool = True) -> Iterator[Pair]:
    """Run a primary with its standby, and remove both afterwards."""
    with tempfile.TemporaryDirectory(prefix="steelyard-postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        pair = Pair(Path(folder))
        try:
            pair.start(synchronous=synchronous)
            yield pair
        finally:
            pair.stop()
