"""Removes what interrupted puts leave: drafts, and data that no head names."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from components.archive.blobs.address import TRAILER_SIZE_BYTES, BlobAddressError, parse_trailer
from components.archive.blobs.directory import INCOMING
from components.archive.blobs.errors import BlobDamaged, BlobMissing
from components.archive.blobs.head import BlobHead
from components.archive.blobs.objects import ObjectStore, StoredObject
from components.archive.blobs.store import parse_entry

MIN_AGE_S = 86_400.0
"""Younger objects may belong to a put that is under way."""

LOOK_BACK_DAYS = 8


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep removed; `doubtful` are data with an altered trailer, which it does not touch."""

    removed: tuple[str, ...]
    doubtful: tuple[str, ...]


async def sweep(
    objects: ObjectStore,
    now_s: float,
    *,
    min_age_s: float = MIN_AGE_S,
    look_back_days: int = LOOK_BACK_DAYS,
) -> Swept:
    """Remove drafts, and data of the last days that no head names, that are older than `min_age_s`.

    Puts may go on meanwhile, as long as none takes longer than `min_age_s`. Raises BlobUnavailable.
    """
    removed, doubtful = [], []
    today = datetime.fromtimestamp(now_s, UTC)
    days = [today - timedelta(days=back) for back in range(-1, look_back_days)]
    for prefix in (f"{INCOMING}/", *(f"data/{day:%Y%m%d}/" for day in days)):
        async for each in objects.list(prefix):
            if now_s - each.modified_at_s < min_age_s:
                continue
            try:
                if each.name.startswith(f"{INCOMING}/") or not await _is_named(objects, each):
                    await objects.delete(each.name)
                    removed.append(each.name)
            except (BlobAddressError, BlobDamaged):
                doubtful.append(each.name)
            except BlobMissing:
                continue  # somebody else removed it
    return Swept(tuple(removed), tuple(doubtful))


async def _is_named(objects: ObjectStore, data: StoredObject) -> bool:
    """Return whether a head names the data; raises BlobAddressError when their trailer is altered, and BlobDamaged."""
    start = max(0, data.size_bytes - TRAILER_SIZE_BYTES)
    address = parse_trailer(await objects.read_range(data.name, start, data.size_bytes))
    found = await objects.read(address.head_name)
    if found is None:
        return False
    entry = parse_entry(address, found)
    return isinstance(entry, BlobHead) and entry.data == data.name
