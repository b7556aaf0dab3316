"""A site is backed up while it runs, with all that it reads, restored elsewhere, and goes on there."""

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from components.link.client import TraderClient
from components.site.validate import load_site
from tests.support.demonstration import init_demonstration
from tests.support.full_site import fill_site
from tests.support.process import PATIENCE_S, wait_until
from tests.support.site import RunningSite, run_steelyard

pytestmark = pytest.mark.slow

ALICE, BOB = "alice@metals.example", "bob@metals.example"
TIP = "an insider tip on tin"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A demonstration with rules, words in a file of their own, people in a CSV file, statements outside its folder."""
    folder = tmp_path / "var"
    init_demonstration(folder / "site.toml")
    fill_site(folder / "site.toml", tmp_path / "outside")
    return folder


def client(folder: Path, jid: str) -> TraderClient:
    server = load_site(folder / "site.toml").prosody
    passwords = tomllib.loads((folder / "keys" / "accounts.toml").read_text())
    return TraderClient(jid, passwords[jid], "127.0.0.1", server.c2s_port, server.certificates / "ca.crt")


def answer(folder: Path, *arguments: str | Path) -> dict[str, Any]:
    done = run_steelyard(*arguments, "--json", "--site", folder / "site.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def held(folder: Path) -> list[str]:
    return [each["record"] for each in answer(folder, "review", "list")["held"]]


def is_right(folder: Path) -> bool:
    return run_steelyard("check", "--site", folder / "site.toml").returncode == 0


async def hold_a_tip(folder: Path) -> str:
    """Let Alice write what is held; gives its record."""
    alice = client(folder, ALICE)
    await alice.connect()
    alice.write(BOB, TIP)
    assert await wait_until(lambda: bool(held(folder)))
    await alice.close()
    (record,) = held(folder)
    return record


async def test_it_goes_on_where_it_was_restored(made: Path, tmp_path: Path) -> None:
    other, backup = tmp_path / "other", tmp_path / "backup"
    async with RunningSite(made, "--demo"):
        record = await hold_a_tip(made)
        assert answer(made, "backup", backup, "--with-keys")["logs"]["gate"]["records"] > 100
    shutil.rmtree(tmp_path / "outside")
    shutil.move(made, tmp_path / "lost")
    told = answer(other, "restore", backup)
    assert told["losses"] == {}
    assert len(told["elsewhere"]) > 30
    shutil.move(other / "elsewhere" / (tmp_path / "outside").relative_to("/"), tmp_path / "outside")
    rooms = other / "prosody" / "data" / "rooms%2emetals%2eexample" / "config"
    assert [each.name for each in rooms.iterdir()] == ["desk.dat"]
    async with RunningSite(other) as site:  # with the server's accounts, rosters and rooms
        # The index is made anew, which may take a while: until then `check` says so.
        assert await wait_until(lambda: is_right(other)), run_steelyard("check", "--site", site.site).stdout
        assert record in held(other)
        bob = client(other, BOB)
        await bob.connect()
        assert bob.contacts()[ALICE]
        released = run_steelyard("review", "release", record, "--reason", "restored", "--site", site.site)
        assert released.returncode == 0, released.stderr
        while (await bob.receive(PATIENCE_S)).body != TIP:
            pass
        await bob.close()
    assert answer(other, "verify")["ok"]
    alarms = answer(other, "audit", "reconcile")
    assert not {"records-lost", "tail-unproved", "last-signed-missing"} & set(json.dumps(alarms).split('"'))
