"""A file that goes from client to client is refused, and its sender is told so where every client shows it."""

from pathlib import Path

from tests.support.gate_process import GATE
from tests.support.line import Line
from tests.support.stream import show

ALICE, BOB = "alice@metals.example", "bob@metals.example"
OFFER = """
<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s1'>
  <content creator='initiator' name='file'>
    <description xmlns='urn:xmpp:jingle:apps:file-transfer:5'><file><name>terms.txt</name></file></description>
    <transport xmlns='urn:xmpp:jingle:transports:ibb:1' block-size='4096' sid='i1'/>
  </content>
</jingle>
"""
TEXT = "Files cannot be sent this way on a recorded line"


async def test_a_refused_file_is_told(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE, BOB]) as line:
        alice, bob = await line.login(f"{ALICE}/desk"), await line.login(f"{BOB}/desk")
        await alice.come_online()
        for sid in ("s1", "s2"):  # a client that tries again is told once
            answer = await alice.request("set", OFFER.replace("s1", sid), to=bob.jid)
            assert answer.get("type") == "error" and TEXT in show(answer)
        told = await alice.expect(lambda element: element.get("from") == f"notice@{GATE}")
        body = told.findtext("{jabber:client}body") or ""
        assert body.startswith("Your file of ") and TEXT in body
        alice.send(f"<message to='{alice.jid}' type='chat' id='last'><body>What else came?</body></message>")
        await alice.expect(lambda element: element.get("id") == "last")
        assert not [each for each in alice.unread if each.get("from") == f"notice@{GATE}"]
