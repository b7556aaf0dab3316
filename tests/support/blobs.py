"""Blobs to test with: always the same site, keys and recipients; contents that are easy to make."""

import random
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

from components.archive.blobs.objects import ObjectStore
from components.archive.blobs.reader import BlobReader
from components.archive.blobs.store import BlobStore
from components.archive.seal import EnvelopeOpener, Recipient
from tests.support.archive import AUDITOR, RECIPIENTS

SITE = "steelyard.example/transfer"
ADDRESS_KEY = bytes(range(32))
NOW_NS = 1_795_464_245_000_000_000  # 2026-11-23T20:04:05Z
DAY_S = 86_400


def content(size: int, seed: int = 0) -> bytes:
    return random.Random(f"{seed}/{size}").randbytes(size)


async def pieces(data: bytes, size: int = 10_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def of(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def open_store(
    objects: ObjectStore,
    *,
    key: bytes = ADDRESS_KEY,
    recipients: tuple[Recipient, ...] = RECIPIENTS,
    site: str = SITE,
    clock_ns: Callable[[], int] = lambda: NOW_NS,
) -> BlobStore:
    return BlobStore(objects, site, key, recipients, clock_ns)


def open_reader(objects: ObjectStore, *keys: EnvelopeOpener) -> BlobReader:
    return BlobReader(objects, SITE, keys or (AUDITOR,))


async def names(objects: ObjectStore) -> list[str]:
    return [each.name for prefix in ("head/", "data/", "incoming/") async for each in objects.list(prefix)]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
