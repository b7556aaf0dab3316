"""Profanity, Poezio and go-sendxmpp: what a trader does with them all day is as on the bare server (G7)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import CertificateAuthority
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.process import wait_until
from tests.support.prosody import ProsodyServer, private_plan
from tests.support.rules import WITH_EXAMPLE_POLICY, WITHOUT_RULES
from tests.support.stream import XmppStream, message
from tests.support.terminal_clients import GoSendxmpp, Poezio, Profanity

ALICE, BOB = "alice@metals.example", "bob@metals.example"
COPPER, TIN = "copper@rooms.metals.example", "tin@rooms.metals.example"
MUC = "http://jabber.org/protocol/muc"
CONTROL_Y, DOWN = "\x19", "\x1b[B"
SITES = {"bare": None, "no rules": WITHOUT_RULES, "example policy": WITH_EXAMPLE_POLICY}


class Place:
    """A server under test, and what a client has to know of it."""

    def __init__(self, server: ProsodyServer, root: Path, authority: Path) -> None:
        self.server = server
        self._root = root
        self._authority = authority
        self._clients = 0

    def profanity(self, jid: str = ALICE) -> Profanity:
        return Profanity(self._folder(), jid, self.server.address, self._authority)

    def poezio(self, jid: str = BOB) -> Poezio:
        return Poezio(self._folder(), jid, self.server.address, self._authority)

    def go_sendxmpp(self, jid: str = ALICE) -> GoSendxmpp:
        return GoSendxmpp(self._folder(), jid, self.server.address, self._authority)

    async def login(self, jid: str, authority: CertificateAuthority) -> XmppStream:
        stream = await XmppStream.login(self.server.address, jid, tls=authority.client_context())
        await stream.come_online()
        return stream

    def _folder(self) -> Path:
        self._clients += 1
        return self._root / f"client-{self._clients}"


@pytest.fixture(scope="module", params=SITES)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority
) -> Iterator[Place]:
    """Start a bare server, or one with the gate, for all tests."""
    rules = SITES[request.param]
    root = tmp_path_factory.mktemp("place")
    certificates = authority.issue(root / "certs", ["metals.example", "rooms.metals.example"])
    plan = (private_plan if rules is None else gated_plan)(root / "prosody", certificates=certificates)
    server = ProsodyServer(plan)
    server.register(ALICE, BOB)
    server.befriend(ALICE, BOB)
    gate = (
        None
        if rules is None
        else GateProcess(root / "gate", plan, one_enterprise([ALICE, BOB], [COPPER, TIN]), **rules)
    )
    with asyncio.Runner() as runner:
        try:
            runner.run(server.start())
            if gate:
                runner.run(gate.start())
            yield Place(server, root, certificates / "ca.crt")
        finally:
            runner.run(server.kill9())
            if gate:
                runner.run(gate.stop())


async def test_contacts_talk_and_catch_up(place: Place) -> None:
    async with place.profanity() as alice, place.poezio() as bob:
        await alice.show_contacts()
        await alice.expect(f"++ {BOB}")
        await alice.expect(f"{BOB} - both")
        await bob.expect(f"[+] {ALICE}")
        await alice.tell(BOB, "Copper 3 months at 9,123.50")
        await bob.expect("[0|1]")  # a window for it is there
        await bob.show(ALICE)
        await bob.expect("Copper 3 months at 9,123.50")
        await bob.say("Done at 9,123.50")
        await alice.expect("Done at 9,123.50")
        await alice.quit()
        await bob.quit()
    # Whoever begins anew, and knows nothing of it, finds what was said in the server's archive (XEP-0313).
    async with place.profanity() as alice, place.poezio() as bob:
        await alice.open(BOB)
        await alice.expect("Done at 9,123.50")  # it does not show what one wrote oneself elsewhere
        await bob.open(ALICE)
        # What one said oneself Poezio does not always show, not even on the bare server of Prosody 13.
        await bob.expect("Copper 3 months at 9,123.50")


async def test_a_room_is_configured_in_profanity(place: Place) -> None:
    async with place.profanity() as alice, place.poezio() as bob:
        await alice.join(COPPER)
        await alice.say("/room accept")
        await alice.say("/room config")
        await alice.expect("[field1] Title:")
        await alice.say('/field1 "Copper desk"')
        await alice.expect("Title: Copper desk")
        await alice.say("/form submit")
        await alice.expect("successful")
        await bob.join(COPPER)
        await talk_in_room(alice, bob, COPPER)


async def test_a_room_is_configured_in_poezio(place: Place) -> None:
    async with place.profanity() as alice, place.poezio() as bob:
        await bob.join(TIN)
        await bob.expect("joined the room")
        await bob.say("/configure")
        await bob.expect("Ctrl+Y: send form")
        await bob.press(DOWN)
        await bob.press("Tin desk")
        await bob.expect("Tin desk")
        await bob.press(CONTROL_Y)
        await bob.expect("configuration change")
        await alice.join(TIN)
        await alice.expect("Tin desk")
        await bob.say("/topic Prompt date Wednesday")
        await alice.expect("Prompt date Wednesday")
        await talk_in_room(alice, bob, TIN)


async def talk_in_room(alice: Profanity, bob: Poezio, room: str) -> None:
    """Have both write in a room, and see what the other wrote."""
    await bob.show(room)
    await alice.show(room)
    await alice.say("Who buys 25 t?")
    await bob.expect("alice> Who buys 25 t?")
    await bob.say("I do, at 9,100")
    await alice.expect("bob: I do, at 9,100")


async def test_a_program_sends_and_listens(place: Place, authority: CertificateAuthority) -> None:
    bob = await place.login(BOB, authority)
    async with place.go_sendxmpp() as alice:
        there = await bob.expect(lambda element: element.get("from", "").startswith(f"{ALICE}/go-sendxmpp"))
        bob.send(f"<message to='{there.get('from')}' type='chat'><body>Seen</body></message>")
        assert await wait_until(lambda: BOB in alice.log_tail() and "Seen" in alice.log_tail())
    assert await place.go_sendxmpp().send("Stocks are 1,250 t lower", BOB) == ""
    await bob.expect(message("Stocks are 1,250 t lower"))
    bob.send(f"<presence to='{COPPER}/bob'><x xmlns='{MUC}'/></presence>")
    await bob.request(
        "set", f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'/></query>", to=COPPER
    )
    assert await place.go_sendxmpp().send("Stocks are lower again", "--chatroom", COPPER) == ""
    await bob.expect(message("Stocks are lower again"))
    # There is no upload on either server, which it asks for before it tries.
    complaint = await place.go_sendxmpp().send("", "--http-upload", __file__, BOB)
    assert "no http upload component found" in complaint.lower()
    await bob.close()


async def test_they_check_certificates(tmp_path: Path, authority: CertificateAuthority) -> None:
    certificates = authority.issue(tmp_path / "certs", ["metals.example", "rooms.metals.example"])
    (tmp_path / "other").mkdir()
    CertificateAuthority(tmp_path / "other")
    other = tmp_path / "other" / "ca.crt"
    async with ProsodyServer(private_plan(tmp_path / "prosody", certificates=certificates)) as server:
        server.register(ALICE)
        said = await GoSendxmpp(tmp_path / "go", ALICE, server.address, other).send("Copper?", BOB)
        assert "certificate signed by unknown authority" in said
        for number, (client, complaint) in enumerate(
            (
                (Profanity, "TLS certificate verification failed"),
                (Poezio, "The certificate sent by the server is invalid"),
            )
        ):
            terminal = client(tmp_path / f"{number}", ALICE, server.address, other)
            terminal.LOGGED_IN = complaint
            async with terminal:
                pass
