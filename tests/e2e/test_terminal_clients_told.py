"""Profanity and Poezio on a site as `up` starts it: what the line tells a trader stands where they look for it."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.settings.prosody import ProsodySettings
from components.site.validate import load_site
from tests.support.demonstration import init_demonstration
from tests.support.process import wait_until
from tests.support.site import RunningSite, run_steelyard
from tests.support.stream import Element, XmppStream, message
from tests.support.terminal_clients import Poezio, Profanity, TerminalClient

BOB, GEORGE = "bob@metals.example", "george@grain.example"
NOTICE, GATE_NOTICE = "notice@access.steelyard.example", "notice@gate.steelyard.example"
DESK = "desk@rooms.metals.example"
CLIENTS: dict[str, type[Profanity | Poezio]] = {"alice": Profanity, "carol": Poezio}
"""A person for each client: they are asked once whether they know that the line is recorded."""


class Firm:
    """A running site, and what its people log in with."""

    def __init__(self, folder: Path, *, with_policy: bool) -> None:
        self.folder = folder
        self.with_policy = with_policy
        self.running = RunningSite(folder)
        self._server: ProsodySettings = load_site(folder / "site.toml").prosody

    async def client(self, person: str) -> TerminalClient:
        """Return a person's client, which is to be started."""
        jid, root = f"{person}@metals.example", self.folder / f"client-of-{person}"
        address = (self._server.address, self._server.c2s_port)
        password = await self.password(jid)
        return CLIENTS[person](root, jid, address, self.authority, password)

    async def login(self, jid: str) -> XmppStream:
        """Log somebody in who has answered the notice."""
        stream = await XmppStream.login(
            (self._server.address, self._server.c2s_port),
            jid,
            tls=ssl.create_default_context(cafile=self.authority),
            password=await self.password(jid),
        )
        await stream.come_online()
        stream.send(f"<message to='{NOTICE}' type='chat'><body>yes</body></message>")
        await stream.expect(is_acknowledged)
        return stream

    async def password(self, jid: str) -> str:
        """Return the first password of an account, which may just be being made."""
        file = self.folder / "passwords" / jid
        assert await wait_until(file.exists)
        return file.read_text().strip()

    @property
    def authority(self) -> Path:
        """The certificate that clients are given."""
        return self._server.certificates / "ca.crt"


def is_acknowledged(element: Element) -> bool:
    """Tell whether somebody may write now, or might before."""
    body = element.findtext("{jabber:client}body") or ""
    return body.startswith(("Thank you.", "You have acknowledged"))


@pytest.fixture(scope="module", params=["no policy", "example policy"])
def firm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    """Start a site, with the policy that `init` writes or without."""
    folder = tmp_path_factory.mktemp("firm") / "site"
    site = folder / "site.toml"
    init_demonstration(site)
    with_policy = request.param == "example policy"
    if not with_policy:
        lines = site.read_text().splitlines(keepends=True)
        site.write_text("".join(line for line in lines if not line.startswith("policy =")))
    firm = Firm(folder, with_policy=with_policy)
    with asyncio.Runner() as runner:
        runner.run(firm.running.__aenter__())
        try:
            yield firm
        finally:
            runner.run(firm.running.__aexit__())


@pytest.mark.parametrize("person", CLIENTS)
async def test_what_the_line_says_is_shown(firm: Firm, person: str) -> None:
    bob = await firm.login(BOB)
    async with await firm.client(person) as client:
        # The notice, before which nothing goes out; a room that is entered meanwhile lets the client in after the yes.
        await client.open(NOTICE)
        await client.expect("Please answer with the word yes. Until then you can write to nobody.")
        await client.command(f"/join {DESK}")
        await client.tell(BOB, "Are you there?")
        await client.expect("you have not acknowledged that yet")
        await client.tell(NOTICE, "yes")
        await client.show(DESK)
        await client.expect(client.IN_ROOM)
        await client.open(NOTICE)
        await client.expect("Thank you. You can write to your colleagues now.")
        # The built-in rule; then what only a policy says.
        await client.tell(GEORGE, "Do you buy?")
        await client.expect("This line reaches people and rooms of your own enterprise only.")
        check = see_rules if firm.with_policy else see_no_rules
        await check(firm, client, bob)
        await client.tell(BOB, "Copper at 9,123.50")
        got = await bob.expect(message("Copper at 9,123.50"))
        bob.send(f"<message to='{got.get('from')}' type='chat'><body>Done at 9,123.50</body></message>")
        await client.expect("Done at 9,123.50")
        if firm.with_policy:
            await client.say(CARD)
            await client.show_errors()
            await client.expect(CARD_REFUSED)
        await client.quit()
    await bob.close()


CARD_REFUSED = "This looks like the number of a payment card, which must not be sent here."
CARD, SECRET, CHANNEL, LINK = (
    "Card 4111 1111 1111 1111",
    "It is not public yet",
    "We should take this offline",
    "See https://evil.example/a",
)


async def see_no_rules(_firm: Firm, client: TerminalClient, bob: XmppStream) -> None:
    for text in (CARD, SECRET, CHANNEL, LINK):
        await client.tell(BOB, text)
        await bob.expect(message(text))


async def see_rules(firm: Firm, client: TerminalClient, bob: XmppStream) -> None:
    await client.tell(BOB, CARD)
    await client.expect(CARD_REFUSED)
    await client.tell(BOB, SECRET)
    await client.expect("Held for review, not delivered yet: do not send it again.")
    for text, received in ((CHANNEL, CHANNEL), (LINK, "See [link removed]")):
        await client.tell(BOB, text)
        await bob.expect(message(received))
    # There are clients that show no text of an error: the line says it in a conversation of its own as well.
    await client.open(GATE_NOTICE)
    await client.expect(f"to bob@metals.example: not delivered. {CARD_REFUSED}")
    await client.expect("to bob@metals.example: Held for review, not delivered yet: do not send it again.")
    await client.expect("to bob@metals.example: This sounds like a move to another channel.")
    await client.expect("to bob@metals.example: A link was taken out of your message")
    site = ("--site", firm.folder / "site.toml")
    (held,) = json.loads(run_steelyard("review", "list", "--json", *site).stdout)["held"]
    released = run_steelyard("review", "release", held["record"], "--reason", "it is published", *site)
    assert released.returncode == 0, released.stderr
    await bob.expect(message(SECRET))
    await client.expect("sent now")
    await client.show(DESK)
    await client.say(CHANNEL)
    await client.expect("[Recorded line] Your message of")
    await client.say(CARD)
    await client.expect(CARD_REFUSED)
