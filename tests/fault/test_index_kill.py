"""The index is killed at each step of its work: what is left is the index of whole batches, and goes on from there."""

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.archive.record import Delivery
from components.audit.checks.index import check_index
from components.audit.index import database
from components.audit.index.forget import forget
from components.audit.index.key import key_file
from components.audit.index.purge import purge
from components.audit.indexed import open_site_index
from components.audit.search import Page, search
from tests.support.audit_site import Site, make_site
from tests.support.made_index import open_raw, read_pages
from tests.support.retention_site import Shell, add_retention

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"

# Kills itself before its statement number N, for each N in turn, and says how many it took when it was not killed.
_WORKER = """
import asyncio, os, signal, sys
from pathlib import Path
from components.audit.index import catch_up, database, forget
from components.audit.index.index import Index
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.settings.site import SiteFile

catch_up.RECORDS_PER_TRANSACTION, catch_up.RECORDS_PER_FETCH = 4, 2
settings = SiteFile(Path(sys.argv[1]))

async def work():
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_logs(settings, index, logs, lambda done, total: None)

def count(last):
    counted = 0
    original = database.Database.__init__
    def opening(self, *given):
        original(self, *given)
        def wrap(run):
            def counting(*given):
                nonlocal counted
                counted += 1
                if counted == last:
                    os.kill(os.getpid(), signal.SIGKILL)
                return run(*given)
            return counting
        self.execute, self.executemany = wrap(self.execute), wrap(self.executemany)
    database.Database.__init__ = opening
    asyncio.run(work())
    return counted

def run(last):
    child = os.fork()
    if child == 0:
        count(last)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status
"""

_AGAIN_AND_AGAIN = """
step = int(sys.argv[2])
last = 1 + step // 2
while True:
    print(last, status := run(last), flush=True)
    if status == 0:
        break
    last += step
"""

# From an index that has what was destroyed since: kills itself before each statement, and goes on without; says what
# is left of the words then, whether a purge is due, and how often the index differs from one made anew.
_FORGETTING = """
import shutil
from components.audit.checks.index import check_index
from tests.support.made_index import open_raw, read_pages

database.PAGES_PER_STEP = 2
catch_up.RECORDS_PER_TRANSACTION = 5000
path, step = settings.audit.index, int(sys.argv[2])
last = 1
while True:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(path.with_name("before.db"), path)
    status = run(last)
    run(0)
    pages = read_pages(settings)
    with open_raw(settings) as db:
        (due,) = db.execute("SELECT purge_due FROM made").fetchone()
    differ = len(asyncio.run(check_index(settings, lambda done, total: None)).differences)
    print(last, status, pages.count(b"gallium"), due, differ, flush=True)
    if status == 0:
        break
    last += step
"""


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = await make_site(tmp_path)
    said = [site.say(ALICE, BOB, f"copper n{number}", rules=("other",)) for number in range(12)]
    await site.record(*said, Delivery("e1", 8, (3,)))
    return site


def run_worker(site: Site, step: int, work: str = _AGAIN_AND_AGAIN) -> list[str]:
    """Index again and again, and be killed a few statements later each time; the last run is not killed."""
    command = [
        sys.executable,
        "-W",
        "error::ResourceWarning",
        "-c",
        _WORKER + work,
        str(site.path),
        str(step),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.programs
@pytest.mark.parametrize("step", [7, 11])
async def test_it_goes_on_wherever_it_was_killed(site: Site, step: int) -> None:
    runs = run_worker(site, step)
    assert len(runs) > 5
    assert all(int(run.split()[1]) == signal.SIGKILL for run in runs[:-1])
    found = await check_index(site.settings, lambda done, total: None)
    assert found.differences == ()
    assert found.records == 12
    result = await search(site.settings, "copper", Page(100), lambda done, total: None)
    assert result.matched == 12


@pytest.mark.slow
@pytest.mark.programs
async def test_a_key_without_its_index_and_an_index_without_its_key_are_no_trouble(site: Site) -> None:
    for gone in (site.settings.audit.index, key_file(site.settings.audit.index)):
        run_worker(site, 1000)
        gone.unlink()
        run_worker(site, 1000)
        with open_site_index(site.settings) as index:
            assert index.count_all() == 12


@pytest.fixture
async def retained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shell:
    """Records that may be destroyed, with so many words that FTS5 merges them in several steps."""
    site = add_retention(await make_site(tmp_path))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.chdir(site.path.parent)
    monkeypatch.setattr("components.audit.orders.carry._RETRY_S", 0.01)
    chance = random.Random(14)
    for _ in range(3):
        words = [" ".join(f"w{chance.randrange(5000)}" for _ in range(20)) for _ in range(20)]
        await site.record(
            *(site.say(ALICE, BOB, f"gallium {each}") for each in words), Delivery("e1", 8, (3,))
        )
    return Shell(site, capsys)


@pytest.mark.slow
@pytest.mark.programs
def test_what_was_destroyed_is_gone_wherever_forgetting_was_killed(
    retained: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = retained.site
    retained.search("*")
    with open_raw(site.settings) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert b"gallium" in read_pages(site.settings)
    index = site.settings.audit.index
    shutil.copy(index, index.with_name("before.db"))
    assert retained.order("expire", "--reason", "its time is over")["state"] == "carried out"
    monkeypatch.chdir(Path(__file__).parents[2])
    runs = [[int(each) for each in run.split()] for run in run_worker(site, 3, _FORGETTING)]
    assert len(runs) > 60
    assert [run[0] for run in runs if run[2:] != [0, 0, 0]] == []


async def test_somebody_who_reads_what_was_destroyed_makes_it_due_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_READER_TIMEOUT_S", 0.01)
    run_worker(site, 1000)
    with open_site_index(site.settings) as index, open_site_index(site.settings) as reader:
        with reader.look() as db:
            assert db.execute("SELECT count(*) FROM entry").fetchone() == (12,)
            with index.change() as changing:
                forget(changing, [site.places[0]])
            purge(index._db)
            assert index._db.execute("SELECT purge_due FROM made").fetchone() == (1,)
        purge(index._db)
        assert index._db.execute("SELECT purge_due FROM made").fetchone() == (0,)
