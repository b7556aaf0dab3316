"""One command on an auditors' machine: the follower, the indexer and the console, with the site on the other side."""

import signal
from pathlib import Path

import pytest

from components.audit.access import name_actor
from components.settings.site import SiteFile
from components.site.init import init_site
from tests.e2e.test_auditors_feed_processes import Part
from tests.support.fed_files import FedFiles, make_fed_files
from tests.support.machines import ALICE, BOB, say
from tests.support.ports import free_port
from tests.support.process import wait_until
from tests.support.site import RunningSite, run_steelyard

pytestmark = [pytest.mark.programs, pytest.mark.slow]

TEXT = b"The certificate of assay for cathodes.\n"


@pytest.fixture
async def filed(tmp_path: Path) -> FedFiles:
    """A site and Erin's machine, both on ports of their own."""
    filed = await make_fed_files(tmp_path)
    port = free_port()
    filed.fed.rewrite("port = 5290", f"port = {port}")
    path = tmp_path / "erin/site.toml"
    console = (
        f'[indexer]\nstatus_file = "run/indexer.status.json"\n[console]\nport = {free_port()}\nhost = "localhost"\n'
        'link_key_file = "keys/console.link"\nstate_file = "run/console.db"\nstatus_file = "run/console.status.json"\n'
    )
    text = path.read_text().replace("localhost:5290", f"localhost:{port}")
    text = text.replace('id = "erin"\n', f'id = "erin"\nuser = "{name_actor()}"\n')
    path.write_text(text + console)
    init_site(path)
    filed.fed.machines["erin"] = SiteFile(path)
    return filed


def checked(site_toml: Path) -> tuple[int, str]:
    done = run_steelyard("check", "--site", site_toml)
    return done.returncode, done.stdout + done.stderr


def has_all_files(site_toml: Path) -> bool:
    status, said = checked(site_toml)
    return status == 0 and "1 files are here, 0 are to come" in said


def found(site_toml: Path) -> str:
    done = run_steelyard("audit", "search", '"certificate of assay"', "--site", site_toml, "--json")
    return done.stdout + done.stderr


async def test_one_command_starts_all_and_check_says_when_the_site_is_away(filed: FedFiles) -> None:
    sent = await filed.send("assay.txt", TEXT)
    await filed.fed.append(say(1, ALICE, BOB, "a tip about copper"))
    folder = filed.fed.root / "erin"
    async with RunningSite(folder) as machine:
        for name in ("follow", "indexer", "console"):
            await machine.wait_until_said(f"{name} is healthy")
        # The site is not up yet.
        status, said = checked(machine.site)
        assert status == 1
        assert "cannot be reached" in said
        async with Part("feed", filed.fed.root / "server", lambda state: state == "running"):
            assert await wait_until(lambda: has_all_files(machine.site)), checked(machine.site)[1]
            # The indexer reads it when it is here.
            assert await wait_until(lambda: sent.id in found(machine.site)), found(machine.site)
            shown = run_steelyard("files", "show", sent.id, "--site", machine.site)
            assert shown.returncode == 0, shown.stdout + shown.stderr
            fetched = run_steelyard("files", "fetch", sent.id, "--site", machine.site)
            assert f"the file of {sent.id} is here" in fetched.stdout, fetched.stderr
        assert await wait_until(lambda: checked(machine.site)[0] == 1)
        # Which ends nothing.
        machine.send_signal(signal.SIGHUP)
        assert checked(machine.site)[0] == 1
        assert machine.running


async def test_a_machine_that_lacks_something_does_not_start(filed: FedFiles) -> None:
    folder = filed.fed.root / "erin"
    (folder / "keys/log-gate.pub").unlink()
    done = run_steelyard("up", "--once", "--site", folder / "site.toml")
    assert done.returncode == 2
    assert "gate.log_key_file" in done.stderr
    assert "bring it from the site" in done.stderr
