"""A site that an earlier version made verifies, is searched, starts and goes on as it is (tests/vectors/sites).

Each archive there is a demonstration's folder, without what is made anew: certificates, configuration, what was logged.
"""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from components.link.client import TraderClient
from tests.support.ports import free_port
from tests.support.site import ROOT, RunningSite, run_steelyard

pytestmark = pytest.mark.slow

SITES = sorted((ROOT / "tests" / "vectors" / "sites").glob("*.tar.gz"))
RECORDS = {"0.1.0": {"gate": 232, "audit": 15, "roster": 13}}
ALICE, BOB = "alice@metals.example", "bob@metals.example"


def version_of(file: Path) -> str:
    return file.name.removesuffix(".tar.gz")


@pytest.fixture(params=SITES, ids=version_of)
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    subprocess.run(["tar", "-xzf", request.param, "-C", tmp_path], check=True)
    (folder,) = tmp_path.iterdir()
    settings = folder / "site.toml"
    settings.write_text(re.sub(r"_port = \d+", lambda _: f"_port = {free_port()}", settings.read_text()))
    made = run_steelyard("init", "--site", settings)  # certificates
    assert made.returncode == 0, made.stderr
    return folder


def answer(folder: Path, command: str, *arguments: str) -> dict[str, Any]:
    """Run a command with --json and return its document."""
    result = run_steelyard(*command.split(), *arguments, "--json", "--site", folder / "site.toml")
    assert result.returncode == 0, result.stdout + result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_each_version_has_its_figures() -> None:
    assert {version_of(file) for file in SITES} == set(RECORDS)


def test_what_it_recorded_verifies_and_is_found(earlier: Path) -> None:
    verified = answer(earlier, "verify")
    assert verified["ok"]
    version = earlier.name.removeprefix("site-")
    # What this version adds of itself comes behind.
    for log, records in RECORDS[version].items():
        assert verified["logs"][log]["size"] >= records
        assert verified["logs"][log]["states"]["VALID"] == verified["logs"][log]["size"]
    found = answer(earlier, "audit search", "copper from:alice")
    assert [(each["id"], each["verdict"], each["delivery"]) for each in found["records"]] == [
        ("gate/191", "release", "carried-out"),
        ("gate/195", "refuse", "returned"),
        ("gate/197", "release", "carried-out"),
    ]


async def test_it_starts_and_goes_on(earlier: Path) -> None:
    passwords = tomllib.loads((earlier / "keys" / "accounts.toml").read_text())
    port = tomllib.loads((earlier / "site.toml").read_text())["prosody"]["c2s_port"]
    async with RunningSite(earlier):
        checked = run_steelyard("check", "--site", earlier / "site.toml")
        assert checked.returncode == 0, checked.stdout
        alice, bob = (
            TraderClient(jid, passwords[jid], "127.0.0.1", port, earlier / "certs" / "ca.crt")
            for jid in (ALICE, BOB)
        )
        try:
            await alice.connect()
            await bob.connect()
            assert (await alice.send_chat(BOB, "Copper again?")).delivered
        finally:
            await alice.close()
            await bob.close()
    found = answer(earlier, "audit search", "copper from:alice")
    assert [each["text"] for each in found["records"]][-1] == "Copper again?"
    assert found["matched"] == 4
    assert answer(earlier, "verify")["ok"]
