"""A name server for a server under test: it knows where other servers are (SRV, RFC 6120, 3.2.1), and nothing else."""

import socketserver
import struct
import threading
from collections.abc import Mapping
from typing import Self

_SRV, _INTERNET = 33, 1
_ANSWERED, _NO_SUCH_NAME = 0x8580, 0x8583
_SERVICE = "_xmpp-server._tcp."


class NameServer:
    """Answers at a port of this machine, in a thread of its own, until it is closed; `peers` is by domain."""

    def __init__(self, peers: Mapping[str, tuple[str, int]]) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                asked, back = self.request
                back.sendto(answer(asked, peers), self.client_address)

        self._server = socketserver.UDPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def answer(asked: bytes, peers: Mapping[str, tuple[str, int]]) -> bytes:
    """Return the answer to a question for one name (RFC 1035, 4.1)."""
    end = asked.index(b"\0", 12) + 5
    question = asked[12:end]
    (kind,) = struct.unpack(">H", question[-4:-2])
    name = _read_name(question[:-4])
    peer = peers.get(name.removeprefix(_SERVICE)) if name.startswith(_SERVICE) and kind == _SRV else None
    head = asked[:2] + struct.pack(">HHHHH", _ANSWERED if peer else _NO_SUCH_NAME, 1, 1 if peer else 0, 0, 0)
    if peer is None:
        return head + question
    address, port = peer
    target = b"".join(bytes([len(part)]) + part.encode() for part in address.split(".")) + b"\0"
    data = struct.pack(">HHH", 0, 0, port) + target
    return head + question + struct.pack(">HHHIH", 0xC00C, _SRV, _INTERNET, 0, len(data)) + data


def _read_name(labels: bytes) -> str:
    parts, at = [], 0
    while length := labels[at]:
        parts.append(labels[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(parts).lower()
