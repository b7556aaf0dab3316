"""Blobs in a backup, sealed as they are: heads in groups, data each in a file of its own (docs/backup.md, section 7).

Memory does not grow with them: a group has the heads of one class whose addresses begin with the same two digits.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from components.archive.backup import CopyError
from components.archive.backup.folder import BackupFolder
from components.archive.blobs.address import BlobAddress, BlobAddressError, parse_head_name
from components.archive.blobs.errors import BlobDamaged, BlobMissing
from components.archive.blobs.head import (
    BlobEntry,
    BlobHead,
    BlobTombstone,
    HeadError,
    encode_head,
    parse_head,
)
from components.archive.blobs.objects import ObjectStore, StoredObject, VersionedContent
from components.archive.blobs.store import parse_entry
from components.process.progress import Progress

STEM = "blobs"

_HEADS = "heads"
_SUMS = "sums"
_DATA = ".blob"
_READ_SIZE_BYTES = 1 << 20
_MAX_PROBLEMS = 100

Group = dict[BlobAddress, BlobEntry]


@dataclass(frozen=True, slots=True)
class BlobProblem:
    """A blob that is not in a backup, or not as it is in the store, and why."""

    blob: str
    detail: str


@dataclass(slots=True)
class SavedBlobs:
    """The blobs that a backup holds, those that are destroyed, and what a run wrote.

    Of the `problems`, only the first are kept; `newest_destroyed_ns` is when the last of the destroyed ones was.
    """

    blobs: int = 0
    destroyed: int = 0
    written: int = 0
    written_bytes: int = 0
    newest_destroyed_ns: int = 0
    problem_count: int = 0
    problems: list[BlobProblem] = field(default_factory=list)

    def add_problem(self, blob: object, detail: object) -> None:
        """Count a problem, and keep it unless there are too many."""
        self.problem_count += 1
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(BlobProblem(str(blob), str(detail)))

    def count(self, entry: BlobEntry) -> None:
        """Count a blob that the backup has now."""
        if isinstance(entry, BlobTombstone):
            self.destroyed += 1
            self.newest_destroyed_ns = max(self.newest_destroyed_ns, entry.destroyed_at_ns)
        else:
            self.blobs += 1


async def back_up_blobs(objects: ObjectStore, folder: BackupFolder, progress: Progress) -> SavedBlobs:
    """Write what the folder lacks of all blobs; it takes effect with `folder.complete` and `sweep_blobs`.

    A blob that is damaged, or gone without an order, is named, and stays in the backup as it was there. Raises
    BlobUnavailable, CopyError, OSError.
    """
    saved = SavedBlobs()
    before = _find_groups(folder)
    done, expected = 0, len(before)
    async for stem, names in _list_groups(objects):
        await _save_group(objects, folder, stem, names, before.pop(stem, ""), saved)
        done += 1
        progress(done, max(done, expected))
    for stem, file in sorted(before.items()):
        await _save_group(objects, folder, stem, [], file, saved)
    return saved


async def restore_blobs(folder: BackupFolder, objects: ObjectStore, progress: Progress) -> int:
    """Put back the blobs of a backup that a store lacks, and return how many; overwrites nothing.

    Data come before heads: killed in between, the next restore goes on. Raises BlobUnavailable, CopyError, OSError.
    """
    count = 0
    groups = sorted(_find_groups(folder).items())
    for done, (stem, file) in enumerate(groups, 1):
        for entry in _read_group(folder, file).values():
            count += await _put_back(objects, folder.path / stem, entry)
        progress(done, len(groups))
    return count


def check_blobs(folder: BackupFolder, progress: Progress) -> int:
    """Read all data of blobs in a backup, and return how many there are; raises CopyError for what is not right."""
    count = 0
    groups = sorted(_find_groups(folder).items())
    for done, (stem, file) in enumerate(groups, 1):
        for entry in _read_group(folder, file).values():
            if isinstance(entry, BlobHead):
                folder.check(_data_name(stem, entry), entry.stored_sha256)
                count += 1
        progress(done, len(groups))
    return count


def has_blobs(folder: BackupFolder) -> bool:
    """Return whether a backup holds blobs, or what is left of destroyed ones."""
    return bool(_find_groups(folder))


def sweep_blobs(folder: BackupFolder) -> None:
    """Delete the data that no blob of the complete backup has any more: destroyed ones, and what a killed run left."""
    groups = _find_groups(folder)
    for parts in sorted((folder.path / STEM).glob("*/*/")):
        stem = parts.relative_to(folder.path).as_posix()
        entries = _read_group(folder, groups[stem]).values() if stem in groups else ()
        kept = {Path(_data_name(stem, entry)).name for entry in entries if isinstance(entry, BlobHead)}
        folder.delete(path for path in parts.iterdir() if path.name not in kept)


async def _save_group(
    objects: ObjectStore, folder: BackupFolder, stem: str, names: list[str], before: str, saved: SavedBlobs
) -> None:
    group: Group = {}
    listed = {parse_head_name(name) for name in names}
    for name in names:
        address = parse_head_name(name)
        try:
            # A listing may be older than what it lists.
            if (found := await objects.read(name)) is not None:
                entry = parse_entry(address, found)
                if isinstance(entry, BlobHead):
                    await _save_data(objects, folder, stem, entry, saved)
                group[address] = entry
        except (BlobDamaged, BlobMissing) as error:
            saved.add_problem(address, error)
    for address, entry in (_read_group(folder, before) if before else {}).items():
        if address not in group:
            group[address] = entry
            if address not in listed:
                saved.add_problem(address, f"blob {address} is gone from the store, without an order")
    for entry in group.values():
        saved.count(entry)
    _put_group(folder, stem, group)


def _put_group(folder: BackupFolder, stem: str, group: Group) -> None:
    entries = [group[address] for address in sorted(group)]
    heads = b"".join(encode_head(entry) + b"\n" for entry in entries)
    sums = "".join(
        f"{entry.stored_sha256}  {_data_name(stem, entry)}\n"
        for entry in entries
        if isinstance(entry, BlobHead)
    )
    for ending, content in ((_HEADS, heads), (_SUMS, sums.encode())):
        folder.keep(folder.put(stem, ending, content))


async def _save_data(
    objects: ObjectStore, folder: BackupFolder, stem: str, head: BlobHead, saved: SavedBlobs
) -> None:
    """Copy a blob's data, if the backup lacks them; raises BlobDamaged and BlobMissing."""
    name = _data_name(stem, head)
    if folder.size_of(name) == head.stored_size_bytes:
        return
    size = await objects.size(head.data)
    if size is None:
        raise BlobMissing(f"the data of blob {head.address} are gone")
    if not await folder.put_large(name, _read_data(objects, head, size), head.stored_sha256):
        raise BlobDamaged(f"blob {head.address}: its data have another SHA-256")
    saved.written += 1
    saved.written_bytes += head.stored_size_bytes


async def _read_data(objects: ObjectStore, head: BlobHead, size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, _READ_SIZE_BYTES):
        yield await objects.read_range(head.data, start, min(start + _READ_SIZE_BYTES, size))


async def _put_back(objects: ObjectStore, group: Path, entry: BlobEntry) -> bool:
    """Put a blob back, unless it is there in any state; returns whether something was missing."""
    name = entry.address.head_name
    found = await objects.read(name)
    if found is not None and not await _lacks_data(objects, entry, found):
        return False
    if isinstance(entry, BlobHead) and await objects.size(entry.data) != entry.stored_size_bytes:
        path = group / f"{Path(entry.data).name}{_DATA}"
        await objects.write(entry.data, _read_whole(path, entry.stored_sha256))
    # Killed here: the data are there, and no head names them; the next restore finds them whole.
    if found is None:
        await objects.swap(name, encode_head(entry), None)
    return True


async def _lacks_data(objects: ObjectStore, entry: BlobEntry, found: VersionedContent) -> bool:
    """Return whether a store has the head of this blob, and has lost its data."""
    try:
        there = parse_entry(entry.address, found)
    except BlobDamaged:
        return False
    if not isinstance(there, BlobHead) or not isinstance(entry, BlobHead) or there.data != entry.data:
        return False
    return await objects.size(there.data) != there.stored_size_bytes


async def _read_whole(path: Path, digest: str) -> AsyncIterator[bytes]:
    """Yield a file, and raise CopyError at its end when it is another; whoever reads it then stores nothing."""
    for piece in BackupFolder.read_pieces(path, digest):
        yield piece


async def _list_groups(objects: ObjectStore) -> AsyncIterator[tuple[str, list[str]]]:
    """Yield the groups of a store, with the names of their heads: stores list by name."""
    stem, names = "", list[str]()
    async for each in objects.list("head/"):
        if (now := _stem_of(each)) is None:
            continue
        if names and now != stem:
            yield stem, names
            names = []
        stem = now
        names.append(each.name)
    if names:
        yield stem, names


def _stem_of(each: StoredObject) -> str | None:
    try:
        address = parse_head_name(each.name)
    except BlobAddressError:  # what is called otherwise is no head
        return None
    return f"{STEM}/{address.retention_class}/{address.digest.hex()[:2]}"


def _find_groups(folder: BackupFolder) -> dict[str, str]:
    """Return the files of heads in the last complete backup by group."""
    return {name.rpartition("-")[0]: name for name in folder.find(f"{STEM}/") if name.endswith(f".{_HEADS}")}


def _read_group(folder: BackupFolder, name: str) -> Group:
    """Read a group's heads; raises CopyError."""
    try:
        entries = [parse_head(line) for line in folder.read(name).splitlines()]
    except HeadError as error:
        raise CopyError(f"{folder.path / name}: {error}") from None
    return {entry.address: entry for entry in entries}


def _data_name(stem: str, head: BlobHead) -> str:
    return f"{stem}/{Path(head.data).name}{_DATA}"
