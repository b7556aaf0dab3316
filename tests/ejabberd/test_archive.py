"""ejabberd's own archive (XEP-0313) of a person and of a room has a bound, and keeps the newest in order."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.ejabberd import EjabberdServer
from tests.support.scripted_gate import ScriptedLine
from tests.support.stream import XmppStream, having

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEPT = 2048
"""How many of the newest messages an archive keeps: `mod_mam_ring.erl`."""

SAID = 2100
ROOM = "pit@rooms.metals.example"
MUC = "http://jabber.org/protocol/muc"
RSM = "{http://jabber.org/protocol/rsm}"
FIN = "{urn:xmpp:mam:2}fin"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScriptedLine]:
    """Return a line on which Alice has said more to Bob, and in a room, than an archive keeps."""
    async with ScriptedLine(tmp_path_factory.mktemp("archive")) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        alice.send(f"<presence to='{ROOM}/alice'><x xmlns='{MUC}'/></presence>")
        await alice.expect(lambda each: each.find("{jabber:client}subject") is not None)
        for to, type_, reader in (("bob@metals.example", "chat", bob), (ROOM, "groupchat", alice)):
            for number in range(SAID):
                alice.send(
                    f"<message to='{to}' type='{type_}' id='{type_}{number}'><body>Offer {number}</body></message>"
                )
                if number % 20 == 19:
                    await reader.expect(having(id=f"{type_}{number}"))
        # Alice stays: a room that nobody is in is gone, with its archive.
        await line.turn()
        yield line


async def page(stream: XmppStream, to: str, place: str) -> tuple[list[int], list[str], int, bool]:
    """Return the numbers of the messages on a page, its first and last id, the count, and whether it is the last."""
    begin = len(stream.received)
    query = f"<query xmlns='urn:xmpp:mam:2'><set xmlns='{RSM[1:-1]}'><max>100</max>{place}</set></query>"
    answer = await stream.request("set", query, to=to)
    bodies = [each.find(".//{jabber:client}body") for each in stream.received[begin:]]
    numbers = [int(str(body.text).removeprefix("Offer ")) for body in bodies if body is not None]
    fin = answer.find(FIN)
    assert fin is not None
    ends = [str(fin.findtext(f"{RSM}set/{RSM}{name}")) for name in ("first", "last")]
    return numbers, ends, int(str(fin.findtext(f"{RSM}set/{RSM}count"))), fin.get("complete") == "true"


async def read(stream: XmppStream, to: str, *, backward: bool) -> list[int]:
    """Read a whole archive by pages, and return the numbers of its messages in order."""
    found: list[int] = []
    place, complete = "<before/>" if backward else "", False
    while not complete:
        numbers, (first, last), count, complete = await page(stream, to, place)
        found = [*numbers, *found] if backward else [*found, *numbers]
        place = f"<before>{first}</before>" if backward else f"<after>{last}</after>"
        assert count == KEPT
    return found


@pytest.mark.parametrize(("name", "to"), [("bob", ""), ("alice", ROOM)], ids=["a person's", "a room's"])
async def test_an_archive_keeps_the_newest_and_is_read_by_pages(
    line: ScriptedLine, name: str, to: str
) -> None:
    reader = await line.login(f"{name}/reads", online=False)
    found = await read(reader, to, backward=False)
    assert found == list(range(SAID - KEPT, SAID))
    assert await read(reader, to, backward=True) == found
    await reader.close()


async def test_a_killed_server_has_its_archives_and_goes_on(line: ScriptedLine) -> None:
    assert isinstance(line.prosody, EjabberdServer)
    line.prosody.evaluate("mnesia:sync_log().")
    await line.prosody.kill9()
    await line.prosody.start()
    await line.connect_gate()
    alice, bob = await line.login("alice/after"), await line.login("bob/after")
    alice.send(f"<message to='bob@metals.example' type='chat' id='last'><body>Offer {SAID}</body></message>")
    await bob.expect(having(id="last"))
    found = await read(bob, "", backward=False)
    assert found == list(range(SAID + 1 - KEPT, SAID + 1))
