"""Who writes the index in PostgreSQL is killed at each step: what is left is the index of whole batches."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.archive.record import Delivery
from components.archive.store.postgres_url import parse_postgres_url
from components.audit.checks.index import check_index
from components.audit.indexed import open_site_index
from components.audit.search import Page, search
from tests.support.audit_site import Site, make_site
from tests.support.postgres import PostgresServer
from tests.support.retention_site import Shell, add_retention

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
pytestmark = [pytest.mark.slow, pytest.mark.programs]

# Catches up again and again, and kills itself a few statements later each time, until it comes to the end.
_WORKER = """
import asyncio, os, signal, sys
from pathlib import Path
import psycopg
from components.audit.index import catch_up
from components.audit.index.postgres.database import PostgresDatabase
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.settings.site import SiteFile

catch_up.RECORDS_PER_TRANSACTION, catch_up.RECORDS_PER_FETCH = 4, 2
settings = SiteFile(Path(sys.argv[1]))
left = None

async def work():
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, lambda done, total: None)

def counted(run):
    def counting(*given, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return run(*given, **named)
    return counting

psycopg.Connection.execute = counted(psycopg.Connection.execute)
PostgresDatabase.executemany = counted(PostgresDatabase.executemany)
step = int(sys.argv[2])
last = 1
while True:
    child = os.fork()
    if child == 0:
        left = last
        asyncio.run(work())
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(status, flush=True)
    if status == 0:
        break
    last += step
"""


def run_worker(site: Site, step: int) -> list[int]:
    """Return how each child ended: killed, but for the last."""
    command = [sys.executable, "-c", _WORKER, str(site.path), str(step)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("step", [11, 17])
async def test_it_goes_on_wherever_it_was_killed(tmp_path: Path, postgres_database: str, step: int) -> None:
    site = await make_site(tmp_path, audit={"index_store": f"{postgres_database}#index"})
    said = [site.say(ALICE, BOB, f"copper n{number}", rules=("other",)) for number in range(12)]
    await site.record(*said, Delivery("e1", 8, (3,)))
    runs = run_worker(site, step)
    assert len(runs) > 5
    assert set(runs[:-1]) == {signal.SIGKILL}
    found = await check_index(site.settings, lambda done, total: None)
    assert (found.differences, found.records) == ((), 12)
    assert (await search(site.settings, "copper", Page(100), lambda done, total: None)).matched == 12


@pytest.fixture
async def retained(
    tmp_path: Path,
    postgres_database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    site = add_retention(await make_site(tmp_path, audit={"index_store": f"{postgres_database}#index"}))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.chdir(site.path.parent)
    monkeypatch.setattr("components.audit.orders.carry._RETRY_S", 0.01)
    await site.record(
        *(site.say(ALICE, BOB, f"gallium n{number}") for number in range(8)), Delivery("e1", 8, (3,))
    )
    return Shell(site, capsys)


def test_what_was_destroyed_is_gone_wherever_forgetting_was_killed(
    retained: Shell, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = retained.site
    retained.search("*")
    assert retained.order("expire", "--reason", "its time is over")["state"] == "carried out"
    monkeypatch.chdir(Path(__file__).parents[2])
    runs = run_worker(site, 5)
    assert len(runs) > 10
    assert set(runs[:-1]) == {signal.SIGKILL}
    with open_site_index(site.settings) as index, index.look() as db:
        assert db.execute("SELECT purge_due FROM made").fetchone() == (0,)
    postgres_server.execute("CHECKPOINT")
    name = parse_postgres_url(str(site.settings.audit.index_store)).dsn.rpartition("/")[2]
    oid = postgres_server.execute(f"SELECT oid FROM pg_database WHERE datname = '{name}'").strip()
    files = [file for file in (postgres_server.data / "base" / oid).iterdir() if file.is_file()]
    assert files
    assert [file.name for file in files if b"gallium" in file.read_bytes()] == []
