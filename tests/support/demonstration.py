"""People of the demonstration, as clients of a site that is up; and its settings, changed."""

import re
import tomllib
from pathlib import Path

from components.link.client import TraderClient
from components.settings.site import SiteFile
from components.site.demo import acknowledge
from components.site.init import init_site, load_passwords
from components.site.server_program import program_of
from components.site.validate import load_site
from tests.support.process import PATIENCE_S

ALICE, BOB = "alice@metals.example", "bob@metals.example"
NOTICE = "notice@access.steelyard.example"

SCIM = """
[directory]
scim_port = {port}
scim_certificate = "certs/metals.example.crt"
[[directory.scim]]
enterprise = "metals"
token_file = "keys/scim.token"
state = "scim.json"
auto = true
default_roles = ["trader"]
"""
"""What has people pushed to the demonstration."""


def init_demonstration(site_toml: Path) -> SiteFile:
    """Make a demonstration without its weeks of made-up talk, which each start makes, indexes, and verifies first."""
    init_site(site_toml, demo=True)
    site_toml.write_text(re.sub(r"\n\[history\][^\[]*", "", site_toml.read_text()))
    for key in site_toml.parent.glob("keys/log-history.*"):
        key.unlink()
    return SiteFile(site_toml)


def register_people(settings: SiteFile) -> None:
    """Give everybody of a demonstration the account that `up --demo` gives them.

    Then `up` alone will do for a test that is not about what the demonstration plays, which takes half of its time.
    """
    program = program_of(settings)
    assert program.register(program.prepare(settings), load_passwords(settings))


def client(folder: Path, jid: str, *, password: str = "", authority: Path | None = None) -> TraderClient:
    """Return a client of somebody, with the password that the demonstration has for them."""
    server = load_site(folder / "site.toml").prosody
    passwords = tomllib.loads((folder / "keys" / "accounts.toml").read_text())
    return TraderClient(
        jid,
        password or passwords[jid],
        "127.0.0.1",
        server.c2s_port,
        authority or server.certificates / "ca.crt",
        patience_s=PATIENCE_S,
    )


async def let_write(folder: Path, *jids: str) -> None:
    """Acknowledge for them, for good, that the line is recorded: a site has started, and nothing is wrong with it."""
    clients = {jid: client(folder, jid) for jid in jids}
    try:
        for each in clients.values():
            await each.connect()
        await acknowledge(NOTICE, clients, show=lambda _scene: None)
    finally:
        for each in clients.values():
            await each.close()


async def exchange(folder: Path, text: str = "Tin?") -> None:
    """Let one message go from Alice to Bob."""
    alice, bob = client(folder, ALICE), client(folder, BOB)
    try:
        await alice.connect()
        await bob.connect()
        assert (await alice.send_chat(BOB, text)).delivered
        received = await bob.receive()
        while received.sender == NOTICE:  # on each login: the line is recorded
            received = await bob.receive()
        assert received.body == text
    finally:
        await alice.close()
        await bob.close()


def add_below(toml: str, table: str, *lines: str) -> str:
    """Return a site.toml with further settings in one of its tables."""
    added, count = re.subn(rf"(?m)^\[{table}\].*$", lambda header: "\n".join([header[0], *lines]), toml)
    assert count == 1
    return added
