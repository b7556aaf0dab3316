"""Accounts are made, and passwords set, beside the server, by its own program; on each version of it alike."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.site.prosody import render_config
from components.site.server import register_accounts
from tests.support.prosody import PASSWORD, ProsodyServer, private_plan
from tests.support.stream import XmppStream

ALICE, BOB, CAROL = "alice@metals.example", "bob@grain.example", "carol@metals.example"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a server with two domains that has not been started."""
    plan = private_plan(tmp_path, domains=("metals.example", "grain.example"))
    (tmp_path / "data").mkdir()
    file = tmp_path / "prosody.cfg.lua"
    file.write_text(render_config(plan))
    return file


@pytest.fixture
def server(config: Path) -> ProsodyServer:
    plan = private_plan(config.parent, domains=("metals.example", "grain.example"))
    return ProsodyServer(plan)


async def can_log_in(server: ProsodyServer, jid: str, password: str) -> bool:
    try:
        stream = await XmppStream.login(server.address, f"{jid}/desk", password=password)
    except AssertionError as error:
        assert "not-authorized" in str(error)
        return False
    await stream.close()
    return True


async def test_each_account_is_made_on_its_own_domain(config: Path, server: ProsodyServer) -> None:
    passwords = {ALICE: "one of hers", BOB: "his; with 'quotes'", CAROL: "another"}
    assert sorted(register_accounts(config, passwords)) == sorted(passwords)
    assert len(list(config.parent.glob("data/*/accounts/*.dat"))) == len(passwords)
    async with server:
        for jid, password in passwords.items():
            assert await can_log_in(server, jid, password)
            assert not await can_log_in(server, jid, "wrong")


async def test_who_has_an_account_keeps_the_password(config: Path, server: ProsodyServer) -> None:
    server.register(ALICE)
    assert register_accounts(config, {ALICE: "new", BOB: "his"}) == [BOB]
    async with server:
        assert await can_log_in(server, ALICE, PASSWORD)


async def test_what_root_makes_is_the_servers_own(config: Path) -> None:
    """Under a service manager the server is a user of its own, and whoever adds accounts is root."""
    folder = config.parent / "data"
    owner = (12345, 12346) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    for path in (config.parent, folder):  # as `steelyard units` has them
        os.chown(path, *owner)
        path.chmod(0o700)
    for above in [each for each in config.parents if each.is_relative_to(tempfile.gettempdir())][1:-1]:
        above.chmod(0o711)
    os.chown(config, *owner)
    assert register_accounts(config, {ALICE: "hers", BOB: "his"}) == [ALICE, BOB]
    run(config, "set", f"{ALICE}\tnew one\n")
    made = [folder, *folder.rglob("*")]
    assert len([path for path in made if path.suffix == ".dat"]) == 2
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {owner}


async def test_a_password_is_set_while_the_server_runs(config: Path, server: ProsodyServer) -> None:
    server.register(ALICE)
    async with server:
        run(config, "set", f"{ALICE}\tnew one\n")
        assert await can_log_in(server, ALICE, "new one")
        assert not await can_log_in(server, ALICE, PASSWORD)


@pytest.mark.parametrize(
    ("jid", "password", "fault"),
    [
        ("zoe@zurich.example", "hers", "zoe@zurich.example: is no account of this server"),
        ("metals.example", "its", "metals.example: is no account of this server"),
        (CAROL, "", f"{CAROL}: no password was given"),
    ],
)
def test_nothing_is_done_when_one_is_wrong(config: Path, jid: str, password: str, fault: str) -> None:
    with pytest.raises(SiteError, match=f"could not register accounts: {fault}"):
        register_accounts(config, {ALICE: "hers", jid: password})
    assert not list(config.parent.glob("data/*/accounts/*.dat"))


def test_nobody_gets_a_password_without_an_account(config: Path) -> None:
    assert "no-such-user" in run(config, "set", f"{ALICE}\tnew\n", status=1)


def run(config: Path, act: str, lines: str, *, status: int = 0) -> str:
    command: list[str | Path] = ["prosodyctl", "--config", config, "mod_offline_accounts", act]
    answer = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    said: str = answer.stdout
    assert answer.returncode == status, said
    return said
