"""Looks after the index: how far it is, whether it is what the logs say, and made anew."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.archive.opener import RecordOpener
from components.audit.index.catch_up import size_of
from components.audit.index.compare import Difference, find_differences
from components.audit.index.database import alone, remove_database
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog, find_record
from components.audit.indexed import (
    catch_up_all,
    catch_up_logs,
    find_index_file,
    find_indexed,
    open_indexed,
    open_site_index,
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
    """How far the index is, how large its file is, and what the indexer says: empty if the site has none.

    `fault` says what is wrong with the indexer, if anything.
    """

    path: Path
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
    path, found = find_index_file(settings), list[LogIndexed]()
    names = {which: log.name for which, log in find_indexed(settings).items()}
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            for which, log in logs.items():
                found.append(LogIndexed(names[which], index.size_of(which), await size_of(log)))
            records = index.count_all()
    indexer = settings.find(IndexerSettings)
    status, fault = read_status(indexer.status_file) if indexer else ({}, "")
    size_bytes = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    return IndexStatus(path, size_bytes, tuple(found), records, status, fault or str(status.get("fault", "")))


async def rebuild_index(settings: SiteFile, progress: Progress) -> IndexStatus:
    """Delete the index and make it anew; processes that have it open notice. Raises SiteError and LogError."""
    file = find_index_file(settings)
    with alone(file):
        remove_database(file)
    # Killed here, or below: the next search, or the indexer, goes on.
    async with open_indexed(settings) as logs:
        with open_site_index(settings) as index:
            await catch_up_all(settings, index, logs, progress)
    return await read_index_status(settings)


async def check_index(settings: SiteFile, progress: Progress) -> IndexCheck:
    """Make an index beside the site's, from the logs alone, and compare every row; raises SiteError and LogError.

    It takes as long, and as much disk, as making it did.
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
