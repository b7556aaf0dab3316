"""The server of tiles as a process: alone, and as a part of a site that is up."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from components.archive.keys import load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.settings.tiles import TilesSettings
from components.site.init import init_site
from components.site.parts import checkpoint_probe
from components.site.probe import find_fault
from tests.support.archive import write_log
from tests.support.demonstration import ALICE, BOB, SCIM, init_demonstration, let_write, register_people
from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest
from tests.support.site import RunningSite, run_steelyard


class TilesProcess(ProcessUnderTest):
    def __init__(self, folder: Path, port: int) -> None:
        super().__init__("tiles", folder / "tiles.log")
        self.settings = TilesSettings(port=port)
        self._site_toml = write_site(folder, port)

    async def start(self) -> None:
        self._launch([sys.executable, "-m", "components.tiles", str(self._site_toml)])
        await self._wait_until_ready(self._answers)

    async def _answers(self) -> bool:
        return "does not answer" not in await find_fault(checkpoint_probe(self.settings, "gate"))


LOGS = """
[gate]
jid = "gate.example"
secret_file = "gate.secret"
directory = "directory.toml"
status_file = "gate.status.json"
log = "gate.db"
log_origin = "example/gate"
log_key_file = "log-gate.key"
[roster]
jid = "roster.example"
secret_file = "roster.secret"
state_file = "roster.json"
status_file = "roster.status.json"
log = "roster.db"
log_origin = "example/roster"
log_key_file = "log-roster.key"
"""


def write_site(folder: Path, port: int) -> Path:
    site_toml = folder / "site.toml"
    site_toml.write_text(f"tiles.port = {port}\n{LOGS}")
    return site_toml


async def fetch_size(port: int, log: str, key_file: Path) -> int:
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.get(f"/{log}/checkpoint") as answer,
    ):
        return verify_checkpoint(await answer.text(), load_verifier_key(key_file)).size


async def test_its_health_is_that_of_the_log(tmp_path: Path) -> None:
    settings = TilesSettings(port=free_port())
    assert (
        await find_fault(checkpoint_probe(settings, "gate"))
        == f"does not answer on port {settings.port} (tiles.port)"
    )
    async with TilesProcess(tmp_path, settings.port):
        assert await find_fault(checkpoint_probe(settings, "gate")) == "has no checkpoint of gate to serve"
        await write_log(tmp_path / "gate.db")
        assert await find_fault(checkpoint_probe(settings, "gate")) == ""
        assert (
            await find_fault(checkpoint_probe(settings, "roster")) == "has no checkpoint of roster to serve"
        )
        await write_log(tmp_path / "roster.db")
        assert await find_fault(checkpoint_probe(settings, "roster")) == ""
        assert await find_fault(checkpoint_probe(settings, "audit")) == "has no checkpoint of audit to serve"


async def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "components.tiles", write_site(tmp_path, port)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, output = await process.communicate()
    assert process.returncode == 1
    said = json.loads(output.splitlines()[-1])
    assert said["event"] == "stopped"
    assert "in use" in said["reason"]


@pytest.mark.slow
async def test_a_site_serves_its_logs(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    site_toml = init_demonstration(folder / "site.toml").path
    port = free_port()
    more = SCIM.format(port=free_port())
    site_toml.write_text(f"{site_toml.read_text()}\n[tiles]\nport = {port}\n{more}")
    register_people(init_site(site_toml, demo=True).settings)  # with the secret of what was added
    async with RunningSite(folder) as site:
        assert "✔ tiles is healthy" in site.said()
        assert "✔ directory is healthy" in site.said()
        await let_write(folder, ALICE, BOB)
        # A checkpoint covers it within a second or so.
        while (size := await fetch_size(port, "gate", folder / "keys/log-gate.pub")) <= 5:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        killed = site.pid_of("components.tiles")
        os.kill(killed, signal.SIGKILL)
        await site.wait_until_said("✔ tiles is healthy", times=2)
        assert await fetch_size(port, "gate", folder / "keys/log-gate.pub") >= size
        said = run_steelyard("audit", "proof", "gate/5", "-o", tmp_path / "5.tlog-proof", "--site", site.site)
        assert said.returncode == 0, said.stderr
        assert await fetch_size(port, "audit", folder / "keys/log-audit.pub") >= 1
        copied = run_steelyard("archive", "tiles", tmp_path / "tiles", "--site", site.site)
        assert copied.returncode == 0, copied.stderr
        assert {path.name for path in (tmp_path / "tiles").iterdir()} == {
            "gate",
            "audit",
            "roster",
            "transfer",
            "verify.py",
        }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LOGS, "tiles: is missing"),
        (f"tiles.port = 0\n{LOGS}", "tiles.port: "),
        ("tiles.port = 80\nroster.log = 'roster.db'\n", "roster.log_origin: is missing"),
    ],
)
def test_wrong_settings_are_told(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(text)
    command = [sys.executable, "-m", "components.tiles", str(tmp_path / "site.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    said = json.loads(done.stderr)
    assert said["event"] == "wrong settings"
    assert said["component"] == "tiles"
    assert said["reason"].startswith(reason)
