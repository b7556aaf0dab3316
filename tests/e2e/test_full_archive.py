"""The server's own archive (XEP-0313) of somebody who gets more than it has room for."""

from pathlib import Path

from tests.support.scripted_gate import ScriptedLine

BOB = "bob@metals.example/desk"
ALL = "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>50</max></set></query>"


async def test_a_full_archive_lets_go_of_half_and_keeps_the_newest(tmp_path: Path) -> None:
    """Not of a hundredth, each of which takes as long as all of it: nobody is served meanwhile."""
    async with ScriptedLine(tmp_path, options={"storage_archive_item_limit": "20"}) as line:
        alice, bob = await line.login("alice"), await line.login("bob")
        for number in range(25):
            alice.send(f"<message to='{BOB}' type='chat' id='{number}'><body>Offer {number}</body></message>")
        await bob.expect(lambda element: element.get("id") == "24")
        before = len(bob.received)
        await bob.request("set", ALL)
        found = [each for element in bob.received[before:] for each in element.iter("{jabber:client}message")]
        kept = [each.get("id") for each in found if each.findtext("{jabber:client}body")]
        assert kept == [str(number) for number in range(10, 25)]
