"""Speaks with a site's feed: mutual TLS, bounded answers, and errors that say what to do."""

import os
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from components.archive.backup import CopyError
from components.archive.blobs.head import BlobEntry, BlobHead
from components.archive.follow import MAX_BATCH_BYTES, Batch, CopyState, LogForked
from components.archive.follow.encoding import encode_batch, encode_state, parse_batch, parse_state
from components.archive.follow.files import MAX_HEADS_BYTES, FileMark, parse_heads
from components.process.errors import SiteError
from components.process.http import read_limited
from components.process.json_text import read_json
from components.settings.certificate import load_pair
from components.settings.follow import FollowSettings

CONNECT_S = 10.0
STALLED_S = 60.0
"""A link may be slow, but not stand still for so long."""

_OK = 200
_LARGEST_ANSWER_BYTES = 2 * MAX_BATCH_BYTES
_LARGEST_PROBLEM_BYTES = 64 * 1024
_PIECE_BYTES = 256 * 1024


class FeedUnavailable(SiteError):  # noqa: N818 - the condition is the name
    """The feed cannot be reached, was cut, or cannot answer now; later it may."""


class FeedRefused(SiteError):  # noqa: N818
    """The feed does not answer this machine, or not this request."""


class FeedLacks(FeedRefused):
    """The feed does not have what is asked for."""


@dataclass(frozen=True, slots=True)
class FedLogs:
    """What a machine gets: the names of logs by their origins, and the origin of the log that it may send itself."""

    names: Mapping[str, str]
    own: str


class FeedClient:
    """Asks the feed. Every method raises FeedUnavailable and FeedRefused."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def list_logs(self) -> FedLogs:
        """Return the logs that this machine gets."""
        found = await self._ask_json("GET", "/logs")
        try:
            return FedLogs({each["origin"]: str(each["name"]) for each in found["logs"]}, str(found["own"]))
        except (KeyError, TypeError):
            raise FeedUnavailable(f"{self._url}: this is no feed of a site") from None

    async def fetch_batch(self, log: str, state: CopyState, max_bytes: int, wait_s: int) -> Batch | None:
        """Return what follows a copy's state, and wait for it so long; None where nobody has written the log yet.

        Raises CopyError also.
        """
        said = encode_state(state) | {"bytes": str(max_bytes), "wait": str(wait_s)}
        status, body = await self._ask("GET", f"/logs/{log}/batch", said)
        return parse_batch(body) if status == _OK else None

    async def fetch_own_state(self) -> CopyState:
        """Return what the site has of this machine's own log; raises CopyError also."""
        return parse_state(await self._ask_json("GET", "/own"))

    async def send_own(self, batch: Batch) -> CopyState:
        """Send what follows, and return what the site has then; raises LogForked and CopyError also."""
        return parse_state(await self._ask_json("POST", "/own", encode_batch(batch)))

    async def hand_in(self, log: str, id_: str, body: bytes) -> None:
        """Hand a request in to a log's writer; the same again is no other one."""
        await self._ask("PUT", f"/logs/{log}/requests/{id_}", body=body)

    async def find_answer(self, log: str, id_: str, wait_s: int) -> str | None:
        """Return the writer's answer, None while there is none."""
        status, body = await self._ask("GET", f"/logs/{log}/requests/{id_}", {"wait": str(wait_s)})
        return body.decode() if status == _OK else None

    async def withdraw(self, log: str, id_: str) -> None:
        """Forget a request."""
        await self._ask("DELETE", f"/logs/{log}/requests/{id_}")

    async def fetch_heads(self, log: str, record: int, mark: FileMark) -> Sequence[BlobEntry]:
        """Return the heads of the file that a record refers to; raises FeedLacks, and CopyError for others."""
        _status, body = await self._ask("GET", f"/logs/{log}/files/{record}", largest=MAX_HEADS_BYTES)
        return parse_heads(body, mark)

    async def fetch_data(
        self, log: str, record: int, head: BlobHead, start: int
    ) -> AsyncGenerator[bytes, None]:
        """Yield a blob's data from byte `start` on, as much as the feed sends; raises FeedLacks also."""
        path = f"/logs/{log}/files/{record}/{head.address.digest.hex()}"
        async with self._open("GET", path, {"from": str(start)}) as response:
            if response.status != _OK:
                content = await read_limited(response, _LARGEST_PROBLEM_BYTES)
                raise _explain(response.status, content, f"{self._url}{path}")
            async for piece in response.content.iter_chunked(_PIECE_BYTES):
                yield piece

    async def _ask_json(self, method: str, path: str, body: bytes | None = None) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = read_json((await self._ask(method, path, body=body))[1])
        except ValueError:
            raise FeedUnavailable(f"{self._url}: this is no feed of a site") from None
        return found

    async def _ask(
        self,
        method: str,
        path: str,
        said: Mapping[str, str] | None = None,
        body: bytes | None = None,
        largest: int = _LARGEST_ANSWER_BYTES,
    ) -> tuple[int, bytes]:
        async with self._open(method, path, said, body) as response:
            content = await read_limited(response, largest)
            status = response.status
        if status >= 300:
            raise _explain(status, content, f"{self._url}{path}")
        return status, content

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, said: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and give its answer to be read; raises FeedUnavailable and FeedRefused, also meanwhile."""
        try:
            async with self._session.request(
                method, f"{self._url}{path}", params=said, data=body, allow_redirects=False
            ) as response:
                with _cut_off(response):
                    yield response
        except aiohttp.ClientConnectorCertificateError as error:
            raise FeedRefused(
                f"{self._url}: its certificate is not what follow.authority says: {error}"
            ) from None
        except ssl.SSLError as error:
            raise self._explain_tls(error) from None
        except TimeoutError:
            raise FeedUnavailable(f"{self._url}: stands still") from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__ or error, ssl.SSLError):
                raise self._explain_tls(error) from None
            raise FeedUnavailable(f"{self._url}: cannot be reached, or was cut: {_say_why(error)}") from None

    def _explain_tls(self, error: Exception) -> SiteError:
        return FeedRefused(
            f"{self._url}: no TLS with this machine's certificate ({error}); is it listed there?"
        )


@asynccontextmanager
async def open_feed(settings: FollowSettings, stalled_s: float = STALLED_S) -> AsyncIterator[FeedClient]:
    """Connect to the feed with this machine's certificate; raises SiteError if that cannot be read."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_S, stalled_s), sock_read=stalled_s)
    connector = aiohttp.TCPConnector(ssl=make_tls(settings))
    # Nothing is unpacked: a little that becomes very much would come past every bound.
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session:
        yield FeedClient(session, settings.url.rstrip("/"))


def make_tls(settings: FollowSettings) -> ssl.SSLContext:
    """Return the TLS of this machine; raises SiteError."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        tls.load_verify_locations(cafile=settings.authority)
        load_pair(tls, settings.certificate)
    except OSError as error:
        raise SiteError(f"follow.certificate, follow.authority: {error.strerror or error}") from None
    return tls


@contextmanager
def _cut_off(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Cut the connection if an answer is not read to its end.

    To close it in order, TLS would go on to take what comes, for half a minute and however much it is.
    """
    try:
        yield
    except BaseException:
        transport = response.connection.transport if response.connection is not None else None
        if transport is not None:
            transport.abort()
        raise


def _explain(status: int, content: bytes, url: str) -> Exception:
    try:
        problem, is_told = str(read_json(content)["problem"])[:500], True
    except (ValueError, KeyError, TypeError):
        problem, is_told = f"status {status} of {url}", False
    if status == 409:
        return LogForked(problem)
    if status == 400:
        return CopyError(problem)
    if status == 404 and is_told:
        return FeedLacks(problem)
    if status in (403, 404, 413):
        return FeedRefused(problem)
    return FeedUnavailable(problem)


def _say_why(error: Exception) -> str:
    """Return why nothing came, in the same words each time: a name with two addresses is tried in either order."""
    found = re.search(r"\[Errno ([0-9]{1,6})\]", str(error))
    return os.strerror(int(found[1])).lower() if found else str(error)
