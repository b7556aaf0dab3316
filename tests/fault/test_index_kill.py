"""The index is killed at each step of its work: what is left is the index of whole batches, and goes on from there."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.archive.record import Delivery
from components.audit.checks.index import check_index
from components.audit.index.key import key_file
from components.audit.indexed import open_site_index
from components.audit.search import Page, search
from tests.support.audit_site import Site, make_site

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

step = int(sys.argv[2])
last = 1 + step // 2
while True:
    child = os.fork()
    if child == 0:
        count(last)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(last, status, flush=True)
    if status == 0:
        break
    assert os.WTERMSIG(status) == signal.SIGKILL, status
    last += step
"""


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    site = await make_site(tmp_path)
    said = [site.say(ALICE, BOB, f"copper n{number}", rules=("other",)) for number in range(12)]
    await site.record(*said, Delivery("e1", 8, (3,)))
    return site


def run_worker(site: Site, step: int) -> list[str]:
    """Index again and again, and be killed a few statements later each time; the last run is not killed."""
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", _WORKER, str(site.path), str(step)]
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
