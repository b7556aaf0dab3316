"""Fetches the files of a log's tiles by HTTP, or reads them from a folder."""

import http.client
import re
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

from components.verifier.format import TILE_WIDTH
from components.verifier.report import UsageError

MAX_CHECKPOINT_BYTES = 1 << 20
MAX_TILE_BYTES = TILE_WIDTH * (2 + 65_535)
ATTEMPTS = 4
FIRST_PAUSE_S = 0.25
TIMEOUT_S = 30.0

# Returns the file at a path below a log's, None where there is none; raises UsageError.
Fetch = Callable[[str], bytes | None]


def make_fetch(place: str | Path) -> Fetch:
    """Return the function that gets the files of a log's tiles, by HTTP or from a folder; raises UsageError."""
    if isinstance(place, str) and re.match(r"https?://", place):
        prefix = place.rstrip("/")
        return lambda path: fetch_url(f"{prefix}/{path}")
    folder = Path(place)
    if not folder.is_dir():
        raise UsageError(f"{place}: neither an http(s) URL nor a folder")
    return lambda path: read_file(folder / path)


def read_file(path: Path) -> bytes | None:
    """Read a file, None if there is none; raises UsageError."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def fetch_url(url: str) -> bytes | None:
    """Fetch a file, None if the server has none, trying again a few times; raises UsageError."""
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip, identity"})  # noqa: S310 - http(s)
    pause_s = FIRST_PAUSE_S
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
                limit = MAX_CHECKPOINT_BYTES if url.endswith("/checkpoint") else MAX_TILE_BYTES
                return unpack(response.read(limit + 1), response.headers.get("Content-Encoding"), limit, url)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return None
            reason = f"status {error.code}"
            final = error.code < 500 and error.code not in (408, 429)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason, final = str(getattr(error, "reason", error)) or type(error).__name__, False
        if final or attempt == ATTEMPTS:
            raise UsageError(f"{url}: cannot be fetched ({reason})")
        time.sleep(pause_s)
        pause_s *= 2
    return None


def unpack(data: bytes, encoding: str | None, limit: int, url: str) -> bytes:
    """Decompress a response; raises UsageError if the compression is unknown, or the result too long."""
    if encoding == "gzip":
        try:
            data = zlib.decompressobj(wbits=31).decompress(data, limit + 1)
        except zlib.error:
            raise UsageError(f"{url}: came damaged") from None
    elif encoding not in (None, "", "identity"):
        raise UsageError(f"{url}: came in an encoding that was not asked for")
    if len(data) > limit:
        raise UsageError(f"{url}: is too long to be what it should be")
    return data
