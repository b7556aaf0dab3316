"""Where an export reads: the logs, the index, the files that people sent, and who was who."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from components.archive.blobs.reader import BlobReader
from components.archive.opener import RecordOpener
from components.audit.auditor import Auditor
from components.audit.conversation.names import NamedThen, Names, find_named
from components.audit.export.attachments import Attachments
from components.audit.export.folder import ExportFolder
from components.audit.export.manifest import Started
from components.audit.export.text import clean_unicode, one_line
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.audit.indexed import find_indexed, open_indexed, open_site_index
from components.settings.blobs import open_objects
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class Sources:
    """Where an export reads: the logs that the index covers, by their names, and the index.

    `people` finds whose a JID was at a time.
    """

    logs: Mapping[IndexedLog, RecordOpener]
    names: Mapping[IndexedLog, str]
    index: Index
    attachments: Attachments
    people: Names


@asynccontextmanager
async def open_sources(
    settings: SiteFile, folder: ExportFolder, started: Started, auditor: Auditor | None
) -> AsyncIterator[Sources]:
    """Open the logs that an export has records of, and the index; raises SiteError and LogError."""
    all_names = {which: log.name for which, log in find_indexed(settings).items()}
    wanted = {log.name for log in started.logs}
    transfer = settings.transfer
    objects = None if transfer is None else open_objects(transfer)
    try:
        async with open_indexed(settings) as logs:
            with open_site_index(settings) as index:
                blobs = None
                if transfer is not None and objects is not None:
                    keys = logs[IndexedLog.GATE].keys
                    blobs = BlobReader(objects, transfer.log_origin, keys)
                attachments = Attachments(folder, index, logs, all_names, blobs)
                names = {which: name for which, name in all_names.items() if name in wanted}
                yield Sources(logs, names, index, attachments, _name_people(index, auditor))
    finally:
        if objects is not None:
            await objects.close()


def _name_people(index: Index, auditor: Auditor | None) -> Names:
    """Return who was who, as far as an auditor may see: people of other enterprises are told by their addresses."""

    def load(jid: str) -> Sequence[NamedThen]:
        with index.look() as db:
            named = find_named(db, jid)
        # A directory is a file that people write.
        return [
            replace(each, party=replace(each.party, name=clean_unicode(one_line(each.party.name))))
            for each in named
            if auditor is None or auditor.may_see(each.party.enterprise)
        ]

    return Names(load)
