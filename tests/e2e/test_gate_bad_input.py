"""Bad input: a recorded line takes and refuses what a bare server does, and records what it takes as it is."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

import pytest

from components.archive.record import Submission
from tests.support.gate_process import GateProcess, gated_plan, one_enterprise
from tests.support.observer import read_log, wait_for_log
from tests.support.process import PATIENCE_S
from tests.support.prosody import ProsodyServer, private_plan
from tests.support.stream import XmppStream

ALICE, BOB, CAROL = "alice@metals.example/desk", "bob@metals.example/desk", "carol@metals.example/desk"
PEOPLE = [jid.partition("/")[0] for jid in (ALICE, BOB, CAROL)]
MARKER = "Quecksilber"  # in all that is said here: no log may contain it

_STREAM_ERRORS = "{urn:ietf:params:xml:ns:xmpp-streams}"
_STANZA_ERRORS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


def chat(content: str, attributes: str = f"to='{BOB}'") -> str:
    return f"<message {attributes} type='chat' id='bad'><body>{MARKER}</body>{content}</message>"


def nested(depth: int, name: str = "x") -> str:
    return f"<{name} xmlns='urn:x'>" + f"<{name}>" * depth + f"</{name}>" * depth + f"</{name}>"


GATE_TALK = (
    "<held xmlns='urn:other:0'><forwarded><verdict epoch='1' seq='1' through='99' log='gate' first='0'>"
    "<keep seq='1'/></verdict></forwarded></held>"
)
PASSES = {
    "nested 100 deep": chat(nested(100)),
    "40,000 children": chat("<x xmlns='urn:x'>" + "<y/>" * 40_000 + "</x>"),
    "10,000 attributes": chat(
        "<x xmlns='urn:x' " + " ".join(f"a{number}='{number}'" for number in range(10_000)) + "/>"
    ),
    "10,000 namespaces": chat("".join(f"<x xmlns='urn:{number}'/>" for number in range(10_000))),
    "almost too long": chat(f"<x xmlns='urn:x'>{'a' * 250_000}</x>"),
    "a long attribute": chat(f"<x xmlns='urn:x' a='{'&quot;' * 30_000}'/>"),
    "a long name": chat(f"<{'x' * 50_000} xmlns='urn:x'/>"),
    "end tags as text": chat("<x xmlns='urn:x'>" + "&lt;/forwarded>&lt;/held>&lt;/message>" * 500 + "</x>"),
    "end tags as CDATA": chat("<x xmlns='urn:x'><![CDATA[</forwarded></held></message>]]></x>"),
    "end of CDATA as text": chat("<x xmlns='urn:x'>]]&gt;<![CDATA[]]]]><![CDATA[>]]></x>"),
    "elements named as the protocol's": chat(GATE_TALK * 20),
    "a message in a message": chat(
        "<message><held/><forwarded/></message><forwarded xmlns='urn:xmpp:forward:0'/>"
    ),
    "characters of all planes": chat(
        "<x xmlns='urn:x'>\u00e9\u94dc\U0001f4b0\U0010fffd&#x1F4B0;&#x10FFFD;\u200f\u202e</x>"
    ),
    "names of all scripts": chat("<x\u00e9\u94dc xmlns='urn:\u94dc' \u00e9='\U0001f4b0'/>"),
    "permitted control characters": chat("<x xmlns='urn:x'>&#9;&#10;\t\n\x7f\x85\u2028</x>"),
    "predefined entities": chat(
        "<x xmlns='urn:x' a='&amp;&lt;&gt;&quot;&apos;'>&amp;&lt;&gt;&quot;&apos;&#38;#60;</x>"
    ),
    "prefixes": chat("<p:x xmlns:p='urn:x' xmlns:q='urn:q'><q:y p:a='1' q:a='2' a='3'/></p:x>"),
    "a prefix that means clients": chat("<c:body xmlns:c='jabber:client'>2</c:body>"),
    "no namespace": chat("<x xmlns=''><y xmlns='urn:y'><z xmlns=''/></y></x>"),
    "a namespace with quotes": chat('<x xmlns="urn:\'&lt;&gt;&amp;"><y/></x>'),
    "a namespace with a brace": chat("<x xmlns='urn:a}b'><y xmlns='}' z='1'/></x>"),
    "a language": chat("<body xml:lang='de'>Quecksilber</body><x xmlns='urn:x' xml:space='preserve'/>"),
    "a forged sender": chat("", f"to='{BOB}' from='{CAROL}'"),
    "a forged sender that is none": chat("", f"to='{BOB}' from='@@'"),
    "an unknown attribute": chat("", f"to='{BOB}' seq='1' epoch='2' way='c2s'"),
    "a strange id": f"<message to='{BOB}' id='bad' type='&#9;strange'><body>{MARKER}</body></message>",
    "an empty message": f"<message to='{BOB}' id='bad'/>",
    "text between stanzas": MARKER + chat(""),
    "an unknown payload": f"<iq to='{BOB}' id='bad' type='get'><x xmlns='urn:x'>{MARKER}</x></iq>",
}
# What Prosody itself stumbles over while it carries it out: a bare server loses it without a word.
STUMBLES = {f"nested {depth} deep": chat(nested(depth)) for depth in (200, 1_000, 10_000, 36_000)}
REFUSED: dict[str, str | bytes] = {
    "too long": chat(f"<x xmlns='urn:x'>{'a' * 300_000}</x>"),
    "not well-formed": chat("<x>") + "</y>",
    "not quoted": chat("<x a=1/>"),
    "an attribute twice": chat("<x a='1' a='2'/>"),
    "an attribute twice by namespace": chat("<x xmlns:p='urn:p' xmlns:q='urn:p' p:a='1' q:a='2'/>"),
    "an undeclared prefix": chat("<p:x/>"),
    "the prefix xml declared": chat("<x xmlns:xml='urn:x'/>"),
    "an undefined entity": chat("&lol;"),
    "a document type": "<!DOCTYPE x [<!ENTITY lol 'lol'>]>" + chat("&lol;"),
    "a comment": chat("<!-- x -->"),
    "a processing instruction": chat("<?x y?>"),
    "an XML declaration": "<?xml version='1.0' encoding='utf-16'?>" + chat(""),
    "a control character": chat("\x01"),
    "a control character as a reference": chat("&#1;"),
    "a NUL": chat("\0"),
    "a surrogate as a reference": chat("&#xD800;"),
    "no character": chat("\uffff"),
    "an element that is no stanza": f"<x xmlns='urn:x'>{MARKER}</x>",
    "an unknown stanza": f"<note to='{BOB}' id='bad'><body>{MARKER}</body></note>",
    "an event of the server's for a stanza": f"<pre-message to='{BOB}' id='bad'><body>{MARKER}</body></pre-message>",
    "a handshake with an address": "<handshake xmlns='jabber:component:accept' to='gate.steelyard.example'/>",
    "a login with an address, after the login": "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' to='metals.example'/>",
    "a verdict": "<verdict xmlns='urn:steelyard:gate:0' epoch='1' seq='1' through='9' log='gate' first='1'/>",
    "a handshake": "<handshake xmlns='jabber:component:accept'/>",
    "a stream in the stream": "<stream:stream to='metals.example'/>",
    "a recipient that is none": chat("", "to='@@'"),
    "a recipient with spaces": chat("", "to='bob @metals.example'"),
    "a recipient that is too long": chat("", f"to='{'b' * 1100}@metals.example'"),
    "a recipient with a forbidden character": chat("", "to='bob@metals.example/\u2028\U000e0001'"),
    "a question without an id": f"<iq to='{BOB}' type='get'><x xmlns='urn:x'/></iq>",
    "a question without a type": f"<iq to='{BOB}' id='bad'><x xmlns='urn:x'/></iq>",
    "two questions in one": f"<iq to='{BOB}' id='bad' type='get'><x xmlns='urn:x'/><y xmlns='urn:y'/></iq>",
}
BYTES: dict[str, str | bytes] = {
    "bytes that are no UTF-8": chat("%").encode().replace(b"%", b"\xff\xfe"),
    "a surrogate in UTF-8": chat("%").encode().replace(b"%", b"\xed\xa0\x80"),
    "too long a UTF-8": chat("%").encode().replace(b"%", b"\xc0\xbc"),
}


class Receiver(XmppStream):
    """A client that keeps the bytes it receives, which may be nested deeper than its parser likes."""

    raw: bytes | None = None

    def data_received(self, data: bytes) -> None:
        """Take what the server sent (asyncio calls this)."""
        if self.raw is None:
            super().data_received(data)
        else:
            self.raw += data
            self._arrived.set()

    async def wait_for_raw(self, *any_of: bytes) -> None:
        """Wait until one of these has come."""
        assert self.raw is not None
        async with asyncio.timeout(PATIENCE_S):
            while not any(each in self.raw for each in any_of):
                self._arrived.clear()
                await self._arrived.wait()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of bad input: what the recipient received, what the sender was told, and how its stream ended.

    A stream error can get lost: a server that closes with something unread resets the connection (RFC 1122, 4.2.2.13).
    """

    received: str
    errors: tuple[str, ...]
    ended: bool
    stream_error: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Servers:
    bare: ProsodyServer
    gated: ProsodyServer
    gate: GateProcess


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    root = tmp_path_factory.mktemp("servers")
    plan = gated_plan(root / "gated")
    gate = GateProcess(root / "gate", plan, one_enterprise(PEOPLE))
    servers = Servers(ProsodyServer(private_plan(root / "bare")), ProsodyServer(plan), gate)
    with asyncio.Runner() as runner:
        try:
            for server in (servers.bare, servers.gated):
                server.register(*PEOPLE)
                runner.run(server.start())
            runner.run(gate.start())
            yield servers
        finally:
            for process in (servers.bare, servers.gated, gate):
                runner.run(process.kill9())


async def try_out(server: ProsodyServer, data: str | bytes) -> Outcome:
    """Send something from Alice, and see what becomes of it; another client's message then still passes."""
    bob = await Receiver.login(server.address, BOB)
    bob.raw = b""
    alice = await XmppStream.login(server.address, ALICE)
    carol = await XmppStream.login(server.address, CAROL)
    # Blanks, since an expat from 2.6 on reads the end of a long tag when as many bytes have come again.
    alice.send(data)
    alice.send(" " * len(data))
    alice.send("<iq type='get' id='end'><ping xmlns='urn:xmpp:ping'/></iq>")
    try:
        await alice.expect(lambda element: element.get("id") == "end")
    except AssertionError:
        assert alice.ended, "the server does not answer any more"
    carol.send(f"<message to='{BOB}' id='after'><body>{MARKER}</body></message>")
    await bob.wait_for_raw(b"id='after'", b'id="after"')
    ended = alice.ended
    for client in (alice, bob, carol):
        if not client.ended:
            client.abort()
    assert bob.raw is not None
    before = re.split(rb"<message [^>]*id=.after.", bob.raw)[0].decode()
    errors = [
        str(child.tag).removeprefix(_STANZA_ERRORS)
        for each in alice.received
        for child in each.iterfind("{*}error/*")
    ]
    stream_error = "" if alice.error is None else str(alice.error[0].tag).removeprefix(_STREAM_ERRORS)
    return Outcome(
        canonical(before), tuple(error for error in errors if error != "text"), ended, stream_error
    )


def canonical(xml: str) -> str:
    """Return what XML means: without the prefixes, without what the server and the gate added to it."""
    without_ids = re.sub(r"<stanza-id [^>]*/>", "", xml).replace(
        "}", "%"
    )  # in a namespace ElementTree takes none
    return ElementTree.canonicalize(f"<s xmlns='jabber:client'>{without_ids}</s>", rewrite_prefixes=True)


async def find_record(gate: GateProcess, id_: str) -> Submission:
    """Return the newest record of a stanza."""
    content = await read_log(gate)
    ids = f"id='{id_}'".encode()
    return [each for _, each in sorted(content.submissions.items()) if ids in each.body][-1]


@pytest.fixture
async def quiet(servers: Servers) -> AsyncIterator[Servers]:
    yield servers
    assert servers.gate.running
    assert MARKER not in servers.gate.log_tail(10_000)
    assert not [
        line for line in servers.gated.log_tail(10_000).splitlines() if "gate" in line and MARKER in line
    ]


@pytest.mark.parametrize("name", PASSES)
async def test_what_a_bare_server_takes_passes_and_is_recorded_as_it_is(quiet: Servers, name: str) -> None:
    gated = await try_out(quiet.gated, PASSES[name])
    assert gated == await try_out(quiet.bare, PASSES[name])
    assert "bad" in gated.received
    assert canonical((await find_record(quiet.gate, "bad")).body.decode()) == gated.received


@pytest.mark.parametrize("name", STUMBLES)
async def test_what_the_server_cannot_carry_out_is_not_recorded_as_carried_out(
    quiet: Servers, name: str
) -> None:
    gated = await try_out(quiet.gated, STUMBLES[name])
    assert "bad" not in gated.received
    assert gated.errors == ("internal-server-error",)
    assert not gated.ended
    record = await find_record(quiet.gate, "bad")
    await wait_for_log(quiet.gate, lambda content: record.seq in content.bounced(record.epoch))


@pytest.mark.parametrize("name", REFUSED | BYTES)
async def test_what_a_bare_server_refuses_is_refused(quiet: Servers, name: str) -> None:
    data = (REFUSED | BYTES)[name]
    gated, bare = await try_out(quiet.gated, data), await try_out(quiet.bare, data)
    assert gated == bare
    assert gated.stream_error == bare.stream_error or "" in (gated.stream_error, bare.stream_error)
    assert "bad" not in gated.received
    assert gated.errors or gated.ended
