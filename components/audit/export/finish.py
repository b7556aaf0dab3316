"""Completes an export: its manifest's digest is a record of the audit log, which comes with its proof."""

import asyncio
import time
from contextvars import copy_context
from hashlib import sha256

from components.archive.log.proof import encode_proof
from components.archive.record import Access
from components.audit.access import Purpose, record_access, set_purpose
from components.audit.export.evidence import encode_record
from components.audit.export.folder import MANIFEST, MANIFEST_PROOF, MANIFEST_RECORD, ExportFolder
from components.audit.export.manifest import Started
from components.audit.open_log import open_log
from components.audit.prove import prove_stored
from components.process.errors import SiteError
from components.settings.site import SiteFile

ACT = "export complete"


async def record_completion(settings: SiteFile, started: Started, folder: ExportFolder, exported: int) -> str:
    """Record that an export is complete, put the record and its proof beside the manifest, and return its id.

    Raises SiteError and LogError.
    """
    digest = sha256(folder.read(MANIFEST)).hexdigest()
    access = Access(
        started.actor,
        ACT,
        f"{started.about.id} {started.format} {digest}",
        time.time_ns(),
        started.log_size,
        exported,
        started.result_digest,
        started.about.matter,
    )
    # The record is handed over with the manifest, and the auditor's reason is not.
    apart = copy_context()
    apart.run(set_purpose, Purpose(started.about.matter))
    record_id = await asyncio.create_task(record_access(settings, access), context=apart)
    log, number = settings.audit_log, int(record_id.rpartition("/")[2])
    async with open_log(settings, log) as opener:
        for stored in await opener.reader.fetch(number, 1):
            opened, key = await opener.open_with_key(stored)
            proof = await prove_stored(log, opener.reader, stored)
            folder.write(MANIFEST_RECORD, [encode_record(opened.leaf, stored.payload, key)])
            folder.write(MANIFEST_PROOF, [encode_proof(proof).encode()])
            return record_id
    raise SiteError(f"{record_id} is missing from the log: run `steelyard verify`")
