"""An ejabberd that runs without Steelyard is attached, observed, held to the rules, and given back as it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from components.process.errors import SiteError
from components.site.attach.ejabberd import survey
from tests.support.attaching import make_room, read_json, search
from tests.support.command import run_command
from tests.support.ejabberd import LIBRARIES
from tests.support.own_ejabberd import OwnEjabberd, PortMapper
from tests.support.site import RunningSite
from tests.support.stream import XmppStream, show

ALICE, BOB, EVE = "alice@metals.example", "bob@metals.example", "eve@elsewhere.example"
ROOM = "desk@conference.metals.example"
GATE = "gate.metals.example"
KEPT = (
    "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
    "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"
    "<field var='muc#roomconfig_roomname'><value>The desk</value></field>"
)


class Firm:
    """A firm's server, and the site that is made for it."""

    def __init__(self, root: Path, mapper: PortMapper) -> None:
        (root / "server").mkdir()
        self.server = OwnEjabberd(root / "server", mapper)
        self.server.register(ALICE, BOB)
        self.server.befriend(ALICE, BOB)
        self.before = self.server.config.read_bytes()
        self.included = root / "server" / "steelyard.yml"
        self.kept = root / "server" / "ejabberd.yml.before-steelyard"
        self.folder = root / "site"
        self.site = self.folder / "site.toml"

    async def attach(self, *how: str | Path) -> int:
        """Run `steelyard attach ejabberd`."""
        return await asyncio.to_thread(
            run_command,
            "attach",
            "ejabberd",
            "--config",
            self.server.config,
            *how,
            "--site",
            self.site,
            "--json",
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
async def firm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Firm]:
    async with PortMapper(tmp_path) as mapper:
        monkeypatch.setenv("ERL_EPMD_PORT", str(mapper.port))
        monkeypatch.setattr(survey, "LIBRARIES", LIBRARIES)
        firm = Firm(tmp_path, mapper)
        yield firm
        await firm.server.kill9()


def said(text: str) -> Any:
    return lambda stanza: text in show(stanza)


def send(sender: XmppStream, to: str, text: str) -> None:
    id_ = "-".join(text.split())  # with blanks it would be a text, too
    sender.send(f"<message to='{to}' type='chat' id='{id_}'><body>{text}</body></message>")


async def test_a_server_is_attached_observed_held_to_the_rules_and_given_back(
    firm: Firm, capsys: pytest.CaptureFixture[str]
) -> None:
    async with firm.server:
        alice = await firm.login(ALICE)
        await make_room(alice, ROOM, KEPT)
        contact = f"<query xmlns='jabber:iq:roster'><item jid='{EVE}'/></query>"
        assert (await alice.request("set", contact)).get("type") == "result"
        card = "<vCard xmlns='vcard-temp'><FN>Alice Adams</FN></vCard>"
        assert (await alice.request("set", card)).get("type") == "result"
        await propose(firm, capsys)
        await attach(firm, capsys)
        async with firm.running() as site:
            await observe(firm, site)
        assert await search(firm.site, capsys, "verdict:would-refuse kind:message") == [
            "hello eve", "observed", "observed, too",
        ]  # fmt: skip
        assert await search(firm.site, capsys, "verdict:refuse") == []
        firm.site.write_text(firm.site.read_text().replace('mode = "observe"', 'mode = "enforce"'))
        async with firm.running():
            await enforce(firm)
        assert await search(firm.site, capsys, "verdict:refuse kind:message") == ["enforced"]
        await give_back(firm, capsys)


async def propose(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    """Have a site proposed by what the server has, take Bob out of its directory, and make its keys."""
    assert await firm.attach("--propose", firm.folder) == 0
    proposed = read_json(capsys)
    assert {name: proposed[name] for name in ("people", "rooms", "contacts_outside", "not_read")} == {
        "people": 2, "rooms": 1, "contacts_outside": 1, "not_read": [],
    }  # fmt: skip
    directory = firm.folder / "directory.toml"
    text = directory.read_text()
    assert f'jid = "{ROOM}"\nname = "The desk"' in text
    assert f'jid = "{ALICE}"\nname = "Alice Adams"' in text
    assert f"# has a contact outside: {EVE}" in text
    person = f'[[enterprise.firm.person]]\njid = "{BOB}"\nname = "Bob"\nroles = ["trader"]\n'
    assert person in text
    directory.write_text(text.replace(person, ""))
    assert await asyncio.to_thread(run_command, "init", "--site", firm.site, "--json") == 0
    capsys.readouterr()


async def attach(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    """Attach it: first only shown, then written."""
    assert await firm.attach("--dry-run") == 0
    shown = read_json(capsys)
    assert (shown["problems"], shown["applied"]) == ([], False)
    assert firm.server.config.read_bytes() == firm.before
    assert not firm.server.modules.exists()
    secret = (firm.folder / "keys" / "gate.secret").read_text().strip()
    assert secret not in str(shown)
    assert await firm.attach("--apply") == 0
    applied = read_json(capsys)
    assert firm.kept.read_bytes() == firm.before
    assert applied["copy"] == str(firm.kept)
    added = "\n".join(("", *applied["adds"], "")).encode()
    assert firm.server.config.read_bytes() == firm.before + added
    assert secret in firm.included.read_text()
    assert applied["file"] == str(firm.included)
    assert await firm.attach("--apply") == 0  # again: nothing changes
    assert read_json(capsys)["was_attached"] is True
    assert firm.server.config.read_bytes() == firm.before + added
    assert await firm.attach() == 0
    assert read_json(capsys)["content"] == applied["content"]


async def observe(firm: Firm, site: RunningSite) -> None:
    """All goes on as before, to Bob, too, who is not in the directory; everybody is told what holds meanwhile."""
    alice, bob = await firm.login(ALICE), await firm.login(BOB)
    for stream in (alice, bob):
        assert "not in force yet" in show(await stream.expect(said("This line is recorded.")))
    await bob.expect(
        lambda stanza: stanza.tag.endswith("presence") and stanza.get("from", "").startswith(ALICE)
    )
    send(alice, BOB, "observed")
    heard = await bob.expect(said("observed"))
    assert f"by='{GATE}'" in show(heard).replace('"', "'")
    send(bob, ALICE, "observed, too")
    await alice.expect(said("observed, too"))
    send(alice, EVE, "hello eve")
    refused = await alice.expect(said("hello-eve"))
    assert refused.get("type") == "error"
    assert "your own enterprise only" not in show(refused)  # it is the word of a server that reaches no other
    answer = await bob.request("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", to=ROOM)
    assert answer.get("type") == "result"
    await site.wait_until_said("ALARM observing")


async def enforce(firm: Firm) -> None:
    """The rules bite, without any change at the server."""
    alice = await firm.login(ALICE)
    assert "not in force yet" not in show(await alice.expect(said("This line is recorded.")))
    send(alice, BOB, "enforced")
    refused = await alice.expect(said("enforced"))
    assert refused.get("type") == "error"
    assert "your own enterprise only" in show(refused)


async def give_back(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    """Undo it: each file is as it was, and so is what people can do."""
    assert await firm.attach("--undo") == 0
    assert read_json(capsys) == {"undone": True, "as_before": True}
    assert firm.server.config.read_bytes() == firm.before
    assert [file.name for file in firm.server.config.parent.glob("*.yml*")] == ["ejabberd.yml"]
    assert not firm.server.modules.exists()
    await firm.server.restart()
    alice, bob = await firm.login(ALICE), await firm.login(BOB)
    send(alice, BOB, "as it was")
    await bob.expect(said("as it was"))
    assert not any(GATE in show(stanza) for stanza in (*alice.received, *bob.received))


async def test_a_server_that_could_not_record_does_not_start(
    firm: Firm, capsys: pytest.CaptureFixture[str]
) -> None:
    async with firm.server:
        assert await firm.attach("--propose", firm.folder) == 0
        assert await asyncio.to_thread(run_command, "init", "--site", firm.site, "--json") == 0
    assert await firm.attach("--apply") == 0
    capsys.readouterr()
    # It was compiled for another version.
    text = firm.included.read_text()
    firm.included.write_text(text.replace('"made_for": "', '"made_for": "1.'))
    with pytest.raises(AssertionError, match="ended while it started"):
        await firm.server.start()
    assert "made_for_another_ejabberd" in firm.server.log_tail(200)
    # It is gone.
    firm.included.write_text(text)
    beam = firm.server.modules / "steelyard" / "ebin" / "mod_stanza_gate.beam"
    beam.unlink()
    with pytest.raises(AssertionError, match="ended while it started"):
        await firm.server.start()
    assert await firm.attach() == 2
    assert "unknown ejabberd module: mod_stanza_gate" in capsys.readouterr().err


async def test_who_is_there_is_not_known_of_a_server_that_is_down(firm: Firm) -> None:
    assert [host.name for host in survey.survey_settings(firm.server.config).hosts][:1] == ["metals.example"]
    with pytest.raises(SiteError, match=r"which has to be up: .* there is no answer from the node"):
        survey.survey_people(firm.server.config)
