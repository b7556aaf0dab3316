"""Two sites cosign each other's checkpoints by their settings alone, and a log that is set back is found."""

import asyncio
import json
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.cosignature import verify_cosignatures
from components.audit.checks.evidence import load_evidence
from components.settings.site import SiteFile
from components.witness.keys import create_witness_keys, load_witness_vkeys
from components.witness.state import hash_origin
from tests.support.audit_site import Site, make_site
from tests.support.audit_sites import ALICE, BOB, LONDON, SHANGHAI, tables_of
from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest, wait_until

TABLE = """
[witness]
name = "{city}/witness"
key_file = "keys/witness.key"
state = "witness"
status_file = "run/witness.status.json"
port = {port}

[[witness.sites]]
url = "http://127.0.0.1:{other_port}"
keys = "{other_city}"
"""


class SiteWitness(ProcessUnderTest):
    """The witness of a site, as `steelyard up` runs it."""

    def __init__(self, site: Site, city: str, port: int) -> None:
        self.folder = site.path.parent
        super().__init__(f"the witness of {city}", self.folder / "witness.out")
        self.site, self.city, self.port = site, city, port

    async def start(self) -> None:
        (self.folder / "run").mkdir(exist_ok=True)
        (self.folder / "run/witness.status.json").unlink(missing_ok=True)
        self._launch([sys.executable, "-m", "components.witness", self.site.path])
        await self._wait_until_ready(self._is_ready)

    async def _is_ready(self) -> bool:
        with socket.socket() as probe:
            return bool(self.status()) and probe.connect_ex(("127.0.0.1", self.port)) == 0

    def status(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.folder / "run/witness.status.json").read_bytes())
        except FileNotFoundError:
            return {}
        return found

    def is_cosigned_by(self, other: "SiteWitness") -> bool:
        """Whether the newest record of the gate's log is covered by all keys of the other site's witness."""
        file = self.folder / "archive/gate.witnessed/newest.checkpoint"
        note = file.read_text() if file.exists() else ""
        keys = load_witness_vkeys(self.folder / other.city / "witness.pub")
        if not note or len(verify_cosignatures(note, keys)) < len(keys):
            return False
        log_key = load_verifier_key(self.site.settings.gate_log.verifier_key_file)
        return verify_checkpoint(note, log_key).size > self.site.places[-1]


async def make_pair(root: Path) -> tuple[SiteWitness, SiteWitness]:
    """Make two sites, each of which has the other's public keys in a folder."""
    witnesses = []
    for city in (SHANGHAI, LONDON):
        (root / city).mkdir()
        site = await make_site(root / city, **tables_of(city))
        create_witness_keys(root / city / "keys/witness.key", f"{city}/witness")
        await site.record(site.say(ALICE, BOB, "copper"))
        witnesses.append(SiteWitness(site, city, free_port()))
    for here, there in (witnesses, witnesses[::-1]):
        (here.folder / there.city).mkdir()
        for file in (there.folder / "keys").glob("*.pub"):
            shutil.copy(file, here.folder / there.city)
        text = TABLE.format(city=here.city, port=here.port, other_city=there.city, other_port=there.port)
        with here.site.path.open("a") as settings:
            settings.write(text)
        here.site.settings = SiteFile(here.site.path)
    return witnesses[0], witnesses[1]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[SiteWitness, SiteWitness]]:
    shanghai, london = await make_pair(tmp_path)
    yield shanghai, london
    await asyncio.gather(shanghai.stop(), london.stop())


async def test_sites_cosign_each_other_and_find_a_log_that_was_set_back(
    pair: tuple[SiteWitness, SiteWitness],
) -> None:
    shanghai, london = pair
    log = shanghai.folder / "archive/gate.db"
    before = shutil.copy(log, shanghai.folder / "before.db")
    await asyncio.gather(shanghai.start(), london.start())
    await shanghai.site.record(shanghai.site.say(ALICE, BOB, "tin"))
    for here, there in (pair, pair[::-1]):
        assert await wait_until(lambda: here.is_cosigned_by(there)), here.log_tail()  # noqa: B023 - at once
        # The other keeps what it cosigned, and whoever verifies the site asks for its cosignature.
        origin = here.site.settings.gate_log.origin
        assert (there.folder / "witness" / f"{hash_origin(origin)}.checkpoint").exists()
        asked = load_evidence(here.site.settings, (), (), (), ()).witnesses
        assert (there.folder / "keys/witness.pub").read_text().strip() in asked

    await shanghai.stop()
    for file in log.parent.glob("gate.db*"):
        file.unlink()
    shutil.copy(before, log)
    await shanghai.start()

    def says_so() -> bool:
        return any(
            london.city in fault and "was set back" in fault for fault in shanghai.status().get("faults", [])
        )

    assert await wait_until(says_so), shanghai.status()
