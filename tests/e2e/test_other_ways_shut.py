"""A file goes by upload or not at all: no other way of clients carries a byte, not even by a proxy of the server's."""

import asyncio
import hashlib
from contextlib import suppress
from pathlib import Path

import pytest

from components.site.prosody import MODULES
from tests.support.gate_process import one_enterprise
from tests.support.line import Line
from tests.support.other_ways import BYTESTREAMS, UPLOAD, WAYS
from tests.support.ports import free_port
from tests.support.prosody import ProsodyServer, private_plan
from tests.support.stream import Element, XmppStream, show

ALICE, BOB = "alice@metals.example", "bob@metals.example"
FILES = "files.metals.example"
DIRECTORY = f'transfer = "{FILES}"\n{one_enterprise((ALICE, BOB))}'
CONTENT = b"MZ" + bytes(range(256)) * 4


async def login(address: tuple[str, int], jid: str) -> XmppStream:
    stream = await XmppStream.login(address, jid)
    await stream.come_online()
    return stream


class Listener:
    """Where the sender of a file waits for connections, as clients do for SOCKS5 and out-of-band requests."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = free_port()

    async def __aenter__(self) -> "Listener":
        self._server = await asyncio.start_server(self._take, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _take(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


async def test_no_offer_arrives_and_nobody_connects(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE, BOB], directory=DIRECTORY) as line, Listener() as listener:
        alice = await login(line.prosody.address, f"{ALICE}/desk")
        bob = await login(line.prosody.address, f"{BOB}/desk")
        before = len(bob.received)
        for payload in (each for way in WAYS.values() for each in way):
            here = payload.replace("10.1.1.1", "127.0.0.1").replace("1080", str(listener.port))
            for kind in ("set", "get"):
                _require_refusal(await alice.request(kind, here, to=bob.jid))
            for type_ in ("result", "error"):  # as an answer to what nobody asked
                alice.send(f"<iq type='{type_}' id='answer' to='{bob.jid}'>{here}</iq>")
            alice.send(f"<message to='{bob.jid}' type='chat' id='m'>{here}</message>")
        alice.send(f"<message to='{bob.jid}' type='chat' id='last'><body>Copper</body></message>")
        await bob.expect(lambda element: element.get("id") == "last")
        came = [element for element in bob.received[before:] if element.get("from") == alice.jid]
        assert [element.get("id") for element in came if element.get("type") != "error"] == ["last"]
        assert not [element for element in came if "jingle" in show(element) or "ibb" in show(element)]
        assert listener.connections == 0


def _require_refusal(answer: Element) -> None:
    assert answer.get("type") == "error"
    assert "policy-violation" in show(answer) and UPLOAD in show(answer), show(answer)


async def test_the_server_offers_no_proxy_and_listens_for_none(tmp_path: Path) -> None:
    async with Line(tmp_path, [ALICE, BOB], directory=DIRECTORY) as line:
        alice = await login(line.prosody.address, f"{ALICE}/desk")
        for to in ("metals.example", "proxy.metals.example", ""):
            for query in ("http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"):
                told = show(await alice.request("get", f"<query xmlns='{query}'/>", to=to))
                assert "proxy" not in told.replace("proxy.metals.example", "") and "bytestreams" not in told
            _require_no_proxy(await alice.request("get", f"<query xmlns='{BYTESTREAMS}'/>", to=to))
        plan = line.prosody.plan
        assert _listening_ports(line.prosody.pid) == {plan.c2s_port, plan.component_port}


def _require_no_proxy(answer: Element) -> None:
    assert answer.get("type") == "error"
    assert "streamhost" not in show(answer)


def _listening_ports(pid: int) -> set[int]:
    """Return the TCP ports on which a process listens (proc(5))."""
    folder = Path(f"/proc/{pid}")
    sockets = set()
    for fd in (folder / "fd").iterdir():
        target = str(fd.readlink())
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in (folder / "net" / table).read_text().splitlines()[1:]:
            (
                _,
                local,
                _,
                state,
                *_,
            ) = fields = line.split()
            if state == "0A" and fields[9] in sockets:
                ports.add(int(local.rpartition(":")[2], 16))
    return ports


@pytest.mark.parametrize(
    "recorded", [False, True], ids=["a bare server passes it", "a recorded line does not"]
)
async def test_a_proxy_that_somebody_loaded_passes_nothing(tmp_path: Path, *, recorded: bool) -> None:
    port = free_port()
    options = {"proxy65_ports": f"{{ {port} }}", "proxy65_interfaces": "{ '127.0.0.1' }"}
    modules = (*MODULES, "proxy65")
    if recorded:
        async with Line(
            tmp_path, [ALICE, BOB], directory=DIRECTORY, options=options, modules=modules
        ) as line:
            await line.gate.wait_for_alarm("upload-unrecorded")
            (alarm,) = line.gate.status()["alarms"]
            assert alarm["details"] == {"modules": "metals.example/proxy65"}
            answer, came = await _send_by_proxy(line.prosody, port)
        assert UPLOAD in show(answer)
        assert came == b""
        return
    server = ProsodyServer(private_plan(tmp_path / "prosody", modules=modules), options=options)
    server.register(ALICE, BOB)
    async with server:
        answer, came = await _send_by_proxy(server, port)
    assert answer.get("type") == "result"
    assert came == CONTENT


async def _send_by_proxy(server: ProsodyServer, port: int) -> tuple[Element, bytes]:
    """Have both sides connect to the proxy, activate the stream and send; return the answer and what came (XEP-0065).

    Both know each other's address and the stream's id, as if they had agreed on the telephone.
    """
    alice = await login(server.address, f"{ALICE}/desk")
    bob = await login(server.address, f"{BOB}/desk")
    destination = hashlib.sha1(f"s5b{alice.jid}{bob.jid}".encode()).hexdigest()
    reader, target = await _connect(port, destination)
    _, initiator = await _connect(port, destination)
    activate = f"<query xmlns='{BYTESTREAMS}' sid='s5b'><activate>{bob.jid}</activate></query>"
    answer = await alice.request("set", activate, to="metals.example")
    initiator.write(CONTENT)
    await initiator.drain()
    came = b""
    if answer.get("type") == "result":
        came = await reader.readexactly(len(CONTENT))
    # The server has taken what came before this, if it takes it at all.
    await alice.ping()
    await server.kill9()
    with suppress(ConnectionResetError):
        came += await reader.read()
    initiator.close()
    target.close()
    return answer, came


async def _connect(port: int, destination: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a stream's address at the proxy (RFC 1928, 3 and 4)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"\x05\x01\x00")
    assert await reader.readexactly(2) == b"\x05\x00"
    name = destination.encode()
    request = b"\x00\x03" + bytes([len(name)]) + name + b"\x00\x00"
    writer.write(b"\x05\x01" + request)
    assert await reader.readexactly(2 + len(request)) == b"\x05\x00" + request
    return reader, writer
