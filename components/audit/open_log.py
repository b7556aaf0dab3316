"""Opens a log with the auditors' keys, or with the grants of an auditor who has none of these."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from components.archive.errors import LogMissing
from components.archive.keys import KeyFileError
from components.archive.keys.ring import load_key_ring
from components.archive.log.leaf import parse_leaf
from components.archive.opener import RecordOpener
from components.archive.reader import LogReader
from components.archive.seal import EnvelopeOpener
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile

if TYPE_CHECKING:
    from components.archive.grant import GrantedSegments


@asynccontextmanager
async def open_log(settings: SiteFile, log: LogSettings) -> AsyncIterator[RecordOpener]:
    """Open a log of the site to read its sealed records; raises SiteError and LogError."""
    try:
        keys = load_key_ring(settings.audit.key_files)
    except KeyFileError as error:
        raise SiteError(f"{error}; the auditors' keys are named in audit.key_files") from None
    reader = await LogReader.open(log.store)
    try:
        _require_origin(log, (await reader.source.fetch_meta()).get("origin", log.origin))
        granted = await _find_granted(settings, log, reader, keys) if settings.audit.grants else None
        yield RecordOpener(reader, log.origin, keys, granted)
    finally:
        await reader.close()


async def _find_granted(
    settings: SiteFile, log: LogSettings, reader: LogReader, keys: Sequence[EnvelopeOpener]
) -> "GrantedSegments":
    """Return what the grants in force open of a log; nothing of the auditors' own, which says what was revoked."""
    # Few auditors work with grants, and everybody else would wait while this is imported.
    from components.audit.grant.in_force import find_grants, for_log

    folder = settings.audit.grants
    if folder is None or log == settings.audit_log:
        return for_log((), log.origin, keys)
    revoked = await _fetch_revoked(settings)
    now_ns = max(time.time_ns(), await _fetch_newest_ns(reader))
    return for_log(find_grants(folder, keys, now_ns, revoked), log.origin, keys)


async def _fetch_newest_ns(reader: LogReader) -> int:
    """Return the time of a log's newest record: a clock that was set back does not make a grant last longer."""
    size = await reader.size()
    for leaf in await reader.source.fetch_leaves(size - 1, size) if size else ():
        return parse_leaf(leaf).time_ns
    return 0


async def _fetch_revoked(settings: SiteFile) -> set[str]:
    """Return the ids of the grants that were revoked."""
    from components.audit.grant.fold import fold_grants
    from components.audit.matter.judge import read_deeds

    try:
        async with open_log(settings, settings.audit_log) as log:
            deeds = await read_deeds(settings, settings.audit_log, log)
    except LogMissing:
        return set()
    return {id_ for id_, grant in fold_grants(deeds).items() if grant.revoked}


def _require_origin(log: LogSettings, found: str) -> None:
    """Refuse a name other than the one under which the records are sealed, because none of them would open."""
    if found != log.origin:
        raise SiteError(
            f"{log.table}.log_origin is {log.origin}, and the log's name is {found}; set it to {found} again"
        )
