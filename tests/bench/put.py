"""A client that puts and fetches files: blocking sockets and the least work, so that the server is the limit."""

import http.client
import os
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.errors import BenchError

_PIECE_BYTES = 1 << 20
_TIMEOUT_S = 120.0
# A film whose frames are noise: nothing in it can be packed, and one box of it is as long as the file.
_FTYP = b"\0\0\0\x1cftypisom\0\0\2\0isomiso2mp41"
_LARGE_BOX = b"\0\0\0\x01mdat"
MEDIA_TYPE = "video/mp4"


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """Where files go; `authority` is the file of the certificate that vouches for `host`, empty without TLS."""

    port: int
    host: str
    authority: str


@dataclass(frozen=True, slots=True)
class Put:
    """One file to put: its path on the server, the headers, the size."""

    path: str
    headers: Mapping[str, str]
    size_bytes: int


def put_files(target: HttpTarget, puts: Sequence[Put]) -> list[float]:
    """Put files, one after the other, and return how many seconds each took until it was answered 201."""
    noise = os.urandom(_PIECE_BYTES)
    with_connection = connect(target)
    try:
        return [_put(with_connection, each, noise) for each in puts]
    finally:
        with_connection.close()


def connect(target: HttpTarget) -> http.client.HTTPConnection:
    """Connect to the loopback address, whatever the host is."""
    if not target.authority:
        return http.client.HTTPConnection("127.0.0.1", target.port, timeout=_TIMEOUT_S)
    context = ssl.create_default_context(cafile=target.authority)
    connection = http.client.HTTPSConnection(target.host, target.port, timeout=_TIMEOUT_S, context=context)
    create = connection._create_connection  # type: ignore[attr-defined]
    connection._create_connection = lambda address, *rest: create(("127.0.0.1", address[1]), *rest)  # type: ignore[attr-defined]
    return connection


def _put(connection: http.client.HTTPConnection, put: Put, noise: bytes) -> float:
    head = _FTYP + _LARGE_BOX + (put.size_bytes - len(_FTYP)).to_bytes(8, "big") + os.urandom(32)
    began_s = time.perf_counter()
    connection.putrequest("PUT", put.path)
    for name, value in {
        **put.headers,
        "Content-Type": MEDIA_TYPE,
        "Content-Length": str(put.size_bytes),
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    left = put.size_bytes
    piece = head + noise[len(head) :]
    while left:
        connection.send(piece if left >= len(piece) else piece[:left])
        left -= min(left, len(piece))
        piece = noise
    response = connection.getresponse()
    text = response.read()
    if response.status != 201:
        raise BenchError(f"a file was answered {response.status}: {text.decode(errors='replace').strip()}")
    return time.perf_counter() - began_s
