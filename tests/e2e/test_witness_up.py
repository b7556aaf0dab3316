"""`steelyard up` with a witness: what is said on the line is cosigned, and a witness that dies comes back."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from components.archive.keys import load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.cosignature import encode_cosigner_key, verify_cosignatures
from components.archive.log.note import encode_verifier_key
from components.site.init import init_site
from components.witness.keys import load_witness_vkeys
from tests.support.demonstration import init_demonstration
from tests.support.process import wait_until
from tests.support.site import RunningSite, count_records, run_steelyard
from tests.support.witness import WitnessProcess

pytestmark = pytest.mark.slow

TABLE = """
[witness]
name = "steelyard.example/witness"
key_file = "keys/witness.key"
state = "witness"
status_file = "run/witness.status.json"
"""


async def test_a_site_is_witnessed_by_another(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    site_toml = init_demonstration(folder / "site.toml").path
    log_key = load_verifier_key(folder / "keys" / "log-gate.pub")
    other = WitnessProcess(tmp_path / "other", "other.example/witness", logs=[encode_verifier_key(log_key)])
    asks = json.dumps([encode_cosigner_key(key) for key in other.keys])
    with site_toml.open("a") as file:
        file.write(f'{TABLE}[[witness.asks]]\nurl = "{other.url}"\nvkeys = {asks}\n')
    init_site(site_toml, demo=True)  # makes the key of what was added

    async with other, RunningSite(folder) as site:
        keys = [*other.keys, *load_witness_vkeys(folder / "keys" / "witness.pub")]

        def is_witnessed() -> bool:
            newest = folder / "archive" / "gate.witnessed" / "newest.checkpoint"
            note = newest.read_text() if newest.exists() else ""
            return bool(note) and len(verify_cosignatures(note, keys)) == len(keys)

        assert await wait_until(is_witnessed), site.said()
        killed = site.pid_of("components.witness")
        os.kill(killed, signal.SIGKILL)
        await site.wait_until_said("witness was ended by SIGKILL; starts again in 0.2 s")
        await site.wait_until_said("✔ witness is healthy", times=2)
        # The other witness does not know the log of the auditors' looks: that is told, and stops nothing.
        assert run_steelyard("audit", "search", "tin", "--site", site.site).returncode == 0
        told = await wait_until(lambda: "404" in run_steelyard("check", "--site", site.site).stdout)
        assert told, run_steelyard("check", "--site", site.site).stdout
        assert await site.end(signal.SIGTERM) == 0
        said = site.said()
        assert 0 < said.find("■ gate is stopped") < said.find("■ witness is stopped")
        note = (folder / "archive" / "gate.witnessed" / "newest.checkpoint").read_text()
        assert len(verify_cosignatures(note, keys)) == len(keys)
    assert verify_checkpoint(note, log_key).size == await asyncio.to_thread(count_records, folder)
