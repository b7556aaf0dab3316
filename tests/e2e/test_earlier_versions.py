"""A site that an earlier version made verifies, is searched, starts and goes on as it is (tests/vectors/sites).

Each archive there is a demonstration's folder, without what is made anew: certificates, configuration, what was logged.
`tests/support/earlier_site.py` makes one.
"""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.link.client import TraderClient
from tests.support.ports import free_port
from tests.support.process import wait_until
from tests.support.site import ROOT, RunningSite, run_steelyard

pytestmark = pytest.mark.slow

SITES = sorted((ROOT / "tests" / "vectors" / "sites").glob("*.tar.gz"))
ALICE, BOB = "alice@metals.example", "bob@metals.example"


@dataclass(frozen=True)
class Left:
    """What a site had when it was packed: records by log; what was said of copper; names of files; what was held."""

    records: dict[str, int]
    said: list[tuple[str, str, str]]
    files: frozenset[str] = frozenset()
    queue: str = "0 held messages and notices"
    matters: tuple[str, ...] = ()


LEFT = {
    "0.1.0": Left(
        {"gate": 232, "audit": 15, "roster": 13},
        [
            ("gate/191", "release", "carried-out"),
            ("gate/195", "refuse", "returned"),
            ("gate/197", "release", "carried-out"),
        ],
    ),
    "0.1.0-files": Left(
        {"gate": 296, "audit": 39, "roster": 13, "transfer": 9},
        [
            ("gate/195", "release", "carried-out"),
            ("gate/199", "refuse", "returned"),
            ("gate/202", "release", "carried-out"),
        ],
        files=frozenset(
            {"cathodes-shed-12.png", "assay-certificate.pdf", "voice-note.ogg", "price-list.pdf"}
        ),
        queue="1 held messages and notices",
        matters=("M-1",),
    ),
}


def version_of(file: Path) -> str:
    return file.name.removesuffix(".tar.gz")


@pytest.fixture(params=SITES, ids=version_of)
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    subprocess.run(["tar", "-xzf", request.param, "-C", tmp_path], check=True)
    (folder,) = tmp_path.iterdir()
    settings = folder / "site.toml"
    ports = re.compile(r"^(\w*port) = \d+", re.MULTILINE)
    settings.write_text(ports.sub(lambda found: f"{found[1]} = {free_port()}", settings.read_text()))
    made = run_steelyard("init", "--site", settings)  # certificates
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture
def left(earlier: Path) -> Left:
    return LEFT[earlier.name.removeprefix("site-")]


def answer(folder: Path, command: str, *arguments: str) -> dict[str, Any]:
    """Run a command with --json and return its document."""
    result = run_steelyard(*command.split(), *arguments, "--json", "--site", folder / "site.toml")
    assert result.returncode == 0, result.stdout + result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_each_version_has_its_figures() -> None:
    assert {version_of(file) for file in SITES} == set(LEFT)


async def test_it_is_read_starts_and_goes_on(earlier: Path, left: Left) -> None:
    """What it recorded verifies and is found, before it starts and afterwards; nothing that it kept is lost."""
    require_valid(earlier, left)
    (queue,) = (each["text"] for each in check(earlier) if each["name"] == "review")
    assert queue.endswith(left.queue)
    found = answer(earlier, "audit search", "copper from:alice")
    assert [(each["id"], each["verdict"], each["delivery"]) for each in found["records"]] == left.said
    if left.files:
        assert {each["name"] for each in answer(earlier, "files list")["files"]} == left.files
    async with RunningSite(earlier):
        assert [each["text"] for each in check(earlier) if not each["ok"]] == []
        await exchange(earlier)
        # What was held was due: the gate has decided on it, and given it back.
        assert await wait_until(lambda: not answer(earlier, "review list")["held"])
    found = answer(earlier, "audit search", "copper from:alice")
    assert [each["text"] for each in found["records"]][-1] == "Copper again?"
    assert found["matched"] == len(left.said) + 1
    if left.matters:
        assert tuple(each["id"] for each in answer(earlier, "audit matter list")["matters"]) == left.matters
        assert answer(earlier, "audit reconcile")["ok"]
    require_valid(earlier, left)


def check(folder: Path) -> list[dict[str, Any]]:
    """Return the findings of `check`."""
    checks: list[dict[str, Any]] = json.loads(
        run_steelyard("check", "--json", "--site", folder / "site.toml").stdout
    )["checks"]
    return checks


def require_valid(folder: Path, left: Left) -> None:
    """Every record is valid, and there are as many as there were; what this version adds of itself comes behind."""
    verified = answer(folder, "verify")
    assert verified["ok"]
    for log, records in left.records.items():
        assert verified["logs"][log]["size"] >= records
        assert verified["logs"][log]["states"]["VALID"] == verified["logs"][log]["size"]


async def exchange(folder: Path) -> None:
    """Let Alice write to Bob, both with the passwords that they had."""
    passwords = tomllib.loads((folder / "keys" / "accounts.toml").read_text())
    port = tomllib.loads((folder / "site.toml").read_text())["prosody"]["c2s_port"]
    alice, bob = (
        TraderClient(jid, passwords[jid], "127.0.0.1", port, folder / "certs" / "ca.crt")
        for jid in (ALICE, BOB)
    )
    try:
        await alice.connect()
        await bob.connect()
        assert (await alice.send_chat(BOB, "Copper again?")).delivered
    finally:
        await alice.close()
        await bob.close()
