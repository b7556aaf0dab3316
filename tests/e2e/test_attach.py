"""A server that runs without Steelyard is attached, observed, held to the rules, and given back as it was."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from components.site.prosody import ADAPTER_DIR
from tests.support.attaching import make_room, read_json, search
from tests.support.command import run_command
from tests.support.prosody import ProsodyServer, private_plan
from tests.support.site import RunningSite
from tests.support.stream import Element, XmppStream, show

pytestmark = pytest.mark.slow

ALICE, BOB, EVE = "alice@metals.example", "bob@metals.example", "eve@elsewhere.example"
ROOMS = "rooms.metals.example"
ROOM = f"desk@{ROOMS}"
GATE = "gate.metals.example"

CONFIG = """\
-- The firm's own, with modules and options that are nobody's business.
run_as_root = true
pidfile = "{root}/prosody.pid"
data_path = "{root}/data"
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{root}/prosody.log" }} }}
modules_enabled = {{
  "roster", "saslauth", "disco", "presence", "message", "iq", "ping", "pep", "carbons", "smacks", "vcard4",
}}
modules_disabled = {{ "s2s" }}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {c2s} }}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
component_ports = {{ {component} }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
VirtualHost "metals.example"
Component "rooms.metals.example" "muc"
  muc_room_default_persistent = true"""


class OwnServer(ProsodyServer):
    """A Prosody with a configuration that it did not get from us, which is only written once."""

    def __init__(self, root: Path) -> None:
        super().__init__(private_plan(root))
        self.config = root / "prosody.cfg.lua"
        (root / "data").mkdir()
        self.config.write_text(
            CONFIG.format(root=root, c2s=self.plan.c2s_port, component=self.plan.component_port)
        )

    async def start(self) -> None:
        """Start it as it is."""
        self._launch(["prosody", "-F", "--config", self.config])
        await self._wait_until_ready(self._answers)


class Firm:
    """A firm's server, and the site that is made for it."""

    def __init__(self, root: Path) -> None:
        (root / "server").mkdir()
        self.server = OwnServer(root / "server")
        self.server.register(ALICE, BOB)
        self.server.befriend(ALICE, BOB)
        self.server.befriend(ALICE, EVE)
        self.before = self.server.config.read_bytes()
        self.folder = root / "site"
        self.site = self.folder / "site.toml"

    def attach(self, *how: str | Path) -> int:
        """Run `steelyard attach prosody`."""
        return run_command(
            "attach", "prosody", "--config", self.server.config, *how, "--site", self.site, "--json"
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RunningSite]:
        """Restart the server, and run the site beside it."""
        await self.server.restart()
        async with RunningSite(self.folder) as site:
            yield site

    async def login(self, jid: str) -> XmppStream:
        """Log in, and be online."""
        stream = await XmppStream.login(self.server.address, jid)
        await stream.come_online()
        return stream


@pytest.fixture
async def firm(tmp_path: Path) -> AsyncIterator[Firm]:
    firm = Firm(tmp_path)
    yield firm
    await firm.server.kill9()


def said(text: str) -> Any:
    return lambda stanza: text in show(stanza)


async def send(sender: XmppStream, to: str, text: str) -> None:
    id_ = "-".join(text.split())  # with blanks it would be a text, too
    sender.send(f"<message to='{to}' type='chat' id='{id_}'><body>{text}</body></message>")


async def test_a_server_is_attached_observed_held_to_the_rules_and_given_back(
    firm: Firm, capsys: pytest.CaptureFixture[str]
) -> None:
    async with firm.server:
        await make_room(await firm.login(ALICE), ROOM)
        await firm.server.stop()  # keeps what it has
        propose(firm, capsys)
        attach(firm, capsys)
        async with firm.running() as site:
            await observe(firm, site)
        assert await search(firm.site, capsys, "verdict:would-refuse kind:message") == [
            "hello eve",
            "observed",
            "observed, too",
        ]
        assert await search(firm.site, capsys, "verdict:refuse") == []
        assert len(await search(firm.site, capsys, 'kind:event "in-force" observe')) == 1
        firm.site.write_text(firm.site.read_text().replace('mode = "observe"', 'mode = "enforce"'))
        async with firm.running():
            await enforce(firm)
        assert await search(firm.site, capsys, "verdict:refuse kind:message") == ["enforced"]
        assert len(await search(firm.site, capsys, 'kind:event "in-force" enforce')) == 1
        assert firm.attach("--undo") == 0
        assert read_json(capsys) == {"undone": True, "as_before": True}
        assert firm.server.config.read_bytes() == firm.before
        assert sorted(file.name for file in firm.server.config.parent.glob("*.lua*")) == ["prosody.cfg.lua"]
        await firm.server.restart()
        alice, bob = await firm.login(ALICE), await firm.login(BOB)
        await send(alice, BOB, "as it was")
        await bob.expect(said("as it was"))
        assert not any(GATE in show(stanza) for stanza in (*alice.received, *bob.received))


def propose(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    """Have a site proposed by what the server has, take Bob out of its directory, and make its keys."""
    assert firm.attach("--propose", firm.folder) == 0
    proposed = read_json(capsys)
    assert {name: proposed[name] for name in ("people", "rooms", "contacts_outside", "not_read")} == {
        "people": 2, "rooms": 1, "contacts_outside": 1, "not_read": [],
    }  # fmt: skip
    directory = firm.folder / "directory.toml"
    text = directory.read_text()
    assert f'jid = "{ROOM}"' in text
    assert f"# has a contact outside: {EVE}" in text
    person = f'[[enterprise.firm.person]]\njid = "{BOB}"\nname = "Bob"\nroles = ["trader"]\n'
    assert person in text
    directory.write_text(text.replace(person, ""))
    assert run_command("init", "--site", firm.site, "--json") == 0
    capsys.readouterr()


def attach(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    """Attach it: first only shown, then written."""
    assert firm.attach("--dry-run") == 0
    shown = read_json(capsys)
    assert (shown["problems"], shown["applied"]) == ([], False)
    assert firm.server.config.read_bytes() == firm.before
    secret = (firm.folder / "keys" / "gate.secret").read_text().strip()
    assert secret not in str(shown)
    assert firm.attach("--apply") == 0
    applied = read_json(capsys)
    assert Path(applied["copy"]).read_bytes() == firm.before
    added = "\n".join(("", *applied["adds"], "")).encode()
    assert firm.server.config.read_bytes() == firm.before + added
    assert secret in Path(applied["file"]).read_text()
    assert firm.attach("--apply") == 0  # again: nothing changes
    assert read_json(capsys)["was_attached"] is True
    assert firm.server.config.read_bytes() == firm.before + added


async def observe(firm: Firm, site: RunningSite) -> None:
    """All goes on as before, to Bob, too, who is not in the directory; everybody is told what holds meanwhile."""
    alice, bob = await firm.login(ALICE), await firm.login(BOB)
    for stream in (alice, bob):
        notice = show(await stream.expect(said("This line is recorded.")))
        assert "not in force yet" in notice
    await bob.expect(
        lambda stanza: stanza.tag.endswith("presence") and stanza.get("from", "").startswith(ALICE)
    )
    await send(alice, BOB, "observed")
    heard = await bob.expect(said("observed"))
    assert f"by='{GATE}'" in show(heard).replace('"', "'")
    await send(bob, ALICE, "observed, too")
    await alice.expect(said("observed, too"))
    await send(alice, EVE, "hello eve")
    refused = await alice.expect(said("hello-eve"))
    assert "remote domains is not enabled" in show(refused)  # the word of a server without s2s
    await bob.request("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=ROOM)
    await site.wait_until_said("ALARM observing")


async def enforce(firm: Firm) -> None:
    """The rules bite, without any change at the server."""
    alice = await firm.login(ALICE)
    assert "not in force yet" not in show(await alice.expect(said("This line is recorded.")))
    with pytest.raises(AssertionError, match="account-disabled"):
        await XmppStream.login(firm.server.address, BOB)
    await send(alice, BOB, "enforced")
    refused: Element = await alice.expect(said("enforced"))
    assert refused.get("type") == "error"
    assert "your own enterprise only" in show(refused)


async def test_a_server_whose_steelyard_is_gone_does_not_start(
    firm: Firm, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    propose_alone(firm)
    assert firm.attach("--apply") == 0
    included = firm.server.config.with_name("steelyard.cfg.lua")
    text = included.read_text()
    adapter = str(ADAPTER_DIR)
    included.write_text(text.replace(adapter, str(tmp_path / "gone")))
    with pytest.raises(AssertionError, match="Error loading included"):
        await firm.server.start()
    # An adapter that is there and cannot be loaded: the server stops by itself.
    shutil.copytree(adapter, tmp_path / "broken")
    (tmp_path / "broken" / "mod_stanza_gate" / "mod_stanza_gate.lua").write_text("this is no Lua")
    included.write_text(text.replace(adapter, str(tmp_path / "broken")))
    with pytest.raises(AssertionError, match="ended while it started"):
        await firm.server.start()
    capsys.readouterr()


def propose_alone(firm: Firm) -> None:
    """Make a site for a server on which nobody has made a room yet."""
    assert firm.attach("--propose", firm.folder) == 0
    assert run_command("init", "--site", firm.site, "--json") == 0
