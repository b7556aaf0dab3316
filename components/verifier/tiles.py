"""Verifies a log from its tiles alone, on a web server or in a folder (C2SP tlog-tiles)."""

import struct
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from components.verifier.checkpoint import Head, KeyChain, parse_log_keys
from components.verifier.fetch import Fetch, make_fetch
from components.verifier.format import HASH_SIZE_BYTES, TILE_WIDTH, Row
from components.verifier.ledger import Ledger
from components.verifier.record import Records
from components.verifier.report import Findings, Report, UsageError
from components.verifier.segment import Segments
from components.verifier.verification import Verification, ignore_progress
from components.verifier.walk import Progress

PARALLEL_REQUESTS = 4
TILES_AHEAD = 16


def verify_tiles(
    place: str | Path,
    public_key_vkeys: str,
    progress: Progress | None = None,
    known_checkpoints: Sequence[str] = (),
    witness_vkeys: Sequence[str] = (),
    witnesses_may_be_missing: bool = False,
) -> Report:
    """Verify a log from its tiles alone: `place` is an http(s) URL, or a folder with the same files.

    Entries are checked against tiles, tiles against the checkpoint, and the checkpoint against those that were kept
    elsewhere. Raises UsageError as verify_log does, and if something cannot be fetched.
    """
    chain = KeyChain(parse_log_keys(public_key_vkeys), any_key=True)
    verification = Verification(chain, witness_vkeys, witnesses_may_be_missing=witnesses_may_be_missing)
    fetch = make_fetch(place)
    note = fetch("checkpoint")
    if note is None:
        raise UsageError(f"{place}: there is no checkpoint")
    seen = "tiles hold leaves only"
    verification.unchecked.append(f"payloads, the envelopes and counts of segments, orders: {seen}")
    known = verification.parse_known(known_checkpoints)
    head = verification.parse_checkpoint(note, "the checkpoint")
    if head is not None:
        verification.head = head
        _go_through(verification, fetch, known, progress or ignore_progress)
    return verification.report()


def _go_through(verification: Verification, fetch: Fetch, known: Sequence[Head], progress: Progress) -> None:
    """Check all tiles and entries under the newest checkpoint."""
    head, findings = verification.head, verification.findings
    ledger = Ledger(verification.chain, (), lambda _index: None, findings)
    records = Records(ledger, Segments(ledger, None, findings), findings, head.size, has_payloads=False)
    pool = ThreadPoolExecutor(PARALLEL_REQUESTS)
    try:
        tiles = Tiles(fetch, pool, findings, head.size)
        verification.go_through(tiles, records, [head], known, progress)
    finally:
        pool.shutdown(cancel_futures=True)


class Tiles:
    """A log's tiles and entries (Source), fetched some tiles ahead; they have no payloads."""

    has_payloads = False

    def __init__(self, fetch: Fetch, pool: ThreadPoolExecutor, findings: Findings, size: int) -> None:
        self._fetch = fetch
        self._pool = pool
        self._findings = findings
        self._size = size
        self._ahead: dict[tuple[str, int], Future[bytes]] = {}
        self._asked = 0

    def fetch_rows(self, first: int, end: int) -> list[Row]:
        """See Source."""
        n = first // TILE_WIDTH
        self._ask(n)
        bundle = self._take("entries", n, end - first)
        leaves = split_bundle(bundle, end - first)
        if sum(2 + len(leaf) for leaf in leaves) != len(bundle):
            detail = f"the entries of tile {n} are cut short, or go on beyond the checkpoint"
            self._findings.add("record-unsigned", first + len(leaves), detail)
        return [(first + place, leaf, None) for place, leaf in enumerate(leaves)]

    def fetch_tile(self, level: int, n: int, width: int) -> bytes:
        """See Source."""
        tile = self._take(str(level), n, width)
        if len(tile) > width * HASH_SIZE_BYTES:
            self._findings.add("tile-unsigned", None, f"tile {level}/{n} is longer than it should be")
        return tile[: width * HASH_SIZE_BYTES]

    def _ask(self, n: int) -> None:
        """Start to fetch what the next tiles will need."""
        self._asked = max(self._asked, n)
        while self._asked < min(n + TILES_AHEAD, -(-self._size // TILE_WIDTH)):
            width = min(TILE_WIDTH, self._size - self._asked * TILE_WIDTH)
            for kind in ("entries", "0"):
                asked = self._pool.submit(self._fetch_now, kind, self._asked, width)
                self._ahead[kind, self._asked] = asked
            self._asked += 1

    def _take(self, kind: str, n: int, width: int) -> bytes:
        asked = self._ahead.pop((kind, n), None)
        return asked.result() if asked is not None else self._fetch_now(kind, n, width)

    def _fetch_now(self, kind: str, n: int, width: int) -> bytes:
        """Fetch a tile or a bundle; if a partial one no longer exists, cut the full one."""
        path = tile_path(kind, n)
        found = self._fetch(path if width == TILE_WIDTH else f"{path}.p/{width}")
        if found is not None or width == TILE_WIDTH:
            return found or b""
        full = self._fetch(path) or b""
        if kind != "entries":
            return full[: width * HASH_SIZE_BYTES]
        return b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in split_bundle(full, width))


def tile_path(kind: str, n: int) -> str:
    """Return a tile's path: its number in groups of three digits, all but the last with an x."""
    digits = str(n)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
    return "/".join(["tile", kind, *(f"x{group}" for group in groups[:-1]), groups[-1]])


def split_bundle(bundle: bytes, count: int) -> list[bytes]:
    """Split entries, each after two bytes with its length: the first `count`, or the whole ones."""
    leaves: list[bytes] = []
    start = 0
    while len(leaves) < count and start + 2 <= len(bundle):
        end = start + 2 + int.from_bytes(bundle[start : start + 2], "big")
        if end > len(bundle):
            break
        leaves.append(bundle[start + 2 : end])
        start = end
    return leaves
