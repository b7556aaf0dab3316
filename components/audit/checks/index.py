"""Looks after the index: how far it is, whether it is what the logs say, and made anew."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.archive.opener import RecordOpener
from components.audit.index.catch_up import size_of
from components.audit.index.compare import Difference, find_differences
from components.audit.index.index import Index, IndexPlace, label_place
from components.audit.index.logs import IndexedLog, find_record
from components.audit.index.open_postgres import count_bytes
from components.audit.indexed import (
    catch_up_all,
    catch_up_logs,
    find_index,
    find_indexed,
    open_indexed,
    open_site_index,
    remove_index,
)
from components.process.progress import Progress, ignore_progress
from components.process.status import read_status
from components.settings.indexer import IndexerSettings
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class LogIndexed:
    """How many entries of a log are indexed, of how many."""

    log: str
    indexed: int
    size: int


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How far the index is, where and how large it is, and what the indexer says: empty if the site has none.

    `fault` says what is wrong with the indexer, if anything.
    """

    place: str
    size_bytes: int
    logs: tuple[LogIndexed, ...]
    records: int
    indexer: Mapping[str, object]
    fault: str


@dataclass(frozen=True, slots=True)
class IndexCheck:
    """Whether the index is what the logs say: the `differences`, each with the id of a record if it has one."""

    records: int
    differences: tuple[tuple[str, str], ...]


async def read_index_status(settings: SiteFile) -> IndexStatus:
    """Return how far the index is, without catching up; raises SiteError and LogError."""
    place, found = find_index(settings), list[LogIndexed]()
    names = {which: log.name for which, log in find_indexed(settings).items()}
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            for which, log in logs.items():
                found.append(LogIndexed(names[which], index.size_of(which), await size_of(log)))
            records = index.count_all()
            size_bytes = _count_bytes(place)
    indexer = settings.find(IndexerSettings)
    status, fault = read_status(indexer.status_file) if indexer else ({}, "")
    what_is_wrong = fault or str(status.get("fault", ""))
    return IndexStatus(label_place(place), size_bytes, tuple(found), records, status, what_is_wrong)


def _count_bytes(place: IndexPlace) -> int:
    if isinstance(place, Path):
        return sum(file.stat().st_size for file in place.parent.glob(f"{place.name}*"))
    return count_bytes(place)


async def rebuild_index(settings: SiteFile, progress: Progress) -> IndexStatus:
    """Delete the index and make it anew; processes that have it open notice. Raises SiteError and LogError."""
    remove_index(settings)
    # Killed here, or below: the next search, or the indexer, goes on.
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, progress)
    return await read_index_status(settings)


async def check_index(settings: SiteFile, progress: Progress) -> IndexCheck:
    """Make an index beside the site's, from the logs alone, and compare every row; raises SiteError and LogError.

    It is made in a file, wherever the site's is: so it takes as long as making it did, and as much disk.
    """
    with tempfile.TemporaryDirectory(dir=settings.audit.index.parent, prefix="index-check.") as folder:
        async with open_indexed(settings) as logs:
            with open_site_index(settings) as index:
                await catch_up_logs(settings, index, logs, ignore_progress)
                with Index(Path(folder) / "index.db", index.links, os.urandom(32)) as made:
                    names = {which: log.name for which, log in find_indexed(settings).items()}
                    await _follow(index, made, logs, names, progress)
                    with index.look() as one, made.look() as other:
                        differences = tuple(_name(each, names) for each in find_differences(one, other))
                    return IndexCheck(made.count_all(), differences)


async def _follow(
    index: Index,
    made: Index,
    logs: Mapping[IndexedLog, RecordOpener],
    names: Mapping[IndexedLog, str],
    progress: Progress,
) -> None:
    """Index the same entries of each log as the other index has."""
    while True:
        sizes = {which: index.size_of(which) for which in logs}
        for which, log in logs.items():
            await made.catch_up(log, progress, which, names[which], until=sizes[which])
        # An indexer goes on meanwhile.
        if all(index.size_of(which) == made.size_of(which) for which in logs):
            return


def _name(difference: Difference, names: Mapping[IndexedLog, str]) -> tuple[str, str]:
    if difference.place is None:
        return difference.rows, ""
    which, number = find_record(difference.place)
    return difference.rows, f"{names.get(which, which.name.lower())}/{number}"
