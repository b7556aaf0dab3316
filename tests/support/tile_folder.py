"""A log's tiles in a folder, as C2SP tlog-tiles lays them out, and a plain web server for it."""

import gzip
import sqlite3
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HASH_SIZE_BYTES = 32
TILE_WIDTH = 256


def tile_name(kind: str, n: int, width: int) -> str:
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.insert(0, f"x{n % 1000:03}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{kind}/{'/'.join(groups)}{partial}"


def write_tiles(log: Path, folder: Path) -> Path:
    """Write the newest checkpoint of a database and all its tiles and entries."""
    with closing(sqlite3.connect(log)) as database:
        sql = "SELECT size, note FROM checkpoint ORDER BY second DESC LIMIT 1"
        size, note = database.execute(sql).fetchone()
        write(folder / "checkpoint", note.encode())
        for level, n, hashes in database.execute("SELECT level, n, hashes FROM tile"):
            width = min(TILE_WIDTH, size // 256**level - n * TILE_WIDTH)
            write(folder / tile_name(str(level), n, width), hashes[: width * HASH_SIZE_BYTES])
        leaves = [
            leaf for (leaf,) in database.execute("SELECT leaf FROM record ORDER BY idx LIMIT ?", (size,))
        ]
    for first in range(0, size, TILE_WIDTH):
        bundle = leaves[first : first + TILE_WIDTH]
        data = b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in bundle)
        write(folder / tile_name("entries", first // TILE_WIDTH, len(bundle)), data)
    return folder


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class Handler(SimpleHTTPRequestHandler):
    """Serves files; those beside which there is a `.gz` it sends compressed, as tlog-tiles lets a log do."""

    failures: dict[str, list[int]]

    def do_GET(self) -> None:
        """Send a status of `failures` first, as often as it says."""
        statuses = self.failures.get(self.path, [])
        if statuses and statuses[0]:
            self.send_error(statuses.pop(0))
        elif statuses:
            statuses.pop(0)
            self.connection.close()
        else:
            super().do_GET()

    def end_headers(self) -> None:
        if Path(self.translate_path(self.path)).with_suffix(".gz").exists():
            self.send_header("Content-Encoding", "gzip")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
        """Keep quiet."""


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, dict[str, list[int]]]]:
    """Serve a folder on a free port; gives the URL, and a dict of failures to come by path (0: cut off)."""
    failures: dict[str, list[int]] = {}
    handler = type("FolderHandler", (Handler,), {"failures": failures})

    def make(*args: object, **more: object) -> Handler:
        return handler(*args, directory=str(folder), **more)  # type: ignore[no-any-return]

    server = ThreadingHTTPServer(("127.0.0.1", 0), make)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", failures
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def compress(path: Path) -> None:
    """Keep a file compressed, as a server of such files may."""
    path.write_bytes(gzip.compress(path.read_bytes()))
    path.with_suffix(".gz").touch()
