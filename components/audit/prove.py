"""A record's proof as a separate file (C2SP tlog-proof). Asking for it is a look, and is recorded."""

import time
from dataclasses import dataclass

from components.archive.errors import LogDamaged
from components.archive.keys import KeyFileError, load_verifier_key
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.leaf import encode_leaf
from components.archive.log.proof import LogProof, encode_proof, verify_own_proof
from components.archive.reader import LogReader, StoredRecord
from components.archive.record import Access
from components.audit.access import name_actor, record_access
from components.audit.show import explain_absence, parse_record_id
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class ProofFile:
    """The text of a `.tlog-proof` file of the record `record_id`; `access_id` is the record of this look."""

    record_id: str
    text: str
    access_id: str


async def prove(settings: SiteFile, record_id: str) -> ProofFile:
    """Prove that a record is in its log's tree, under the newest checkpoint; this does not need its content.

    Raises SiteError if the id names no record, the record cannot be proved or the look cannot be recorded, and
    LogError.
    """
    log, number = parse_record_id(settings, record_id)
    now_ns = time.time_ns()
    reader = await LogReader.open(log.store)
    try:
        size = await reader.size()
        proofs = [
            await prove_stored(log, reader, stored)
            for stored in (await reader.fetch(number, 1) if number < size else ())
        ]
    finally:
        await reader.close()
    access = Access(name_actor(), "proof", record_id, now_ns, size, len(proofs))
    access_id = await record_access(settings, access)
    for proof in proofs:
        return ProofFile(record_id, encode_proof(proof), access_id)
    raise SiteError(explain_absence(log.name, number, size))


async def prove_stored(log: LogSettings, reader: LogReader, stored: StoredRecord) -> LogProof:
    """Prove that a record is in the tree of its log's newest checkpoint; raises SiteError."""
    try:
        key = load_verifier_key(log.verifier_key_file)
        note = (await reader.checkpoint()).decode()
        size = verify_checkpoint(note, key).size
        hashes = await reader.inclusion_proof(stored.index, size)
        proof = LogProof(stored.index, tuple(hashes), note, encode_leaf(stored.leaf))
        verify_own_proof(proof, key)
    except (ValueError, LogDamaged, KeyFileError) as error:  # NoteError, CheckpointError, ProofError
        raise SiteError(
            f"{log.name}/{stored.index} cannot be proved: {error}; run `steelyard verify`"
        ) from None
    return proof
