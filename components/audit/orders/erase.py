"""Prepares an erasure: the auditors' keys make the envelopes that open all other records."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

from components.archive.keys import KeyFileError, load_recipient
from components.archive.log.leaf import NOT_SEALED
from components.archive.opener import RecordOpener
from components.archive.orders.contents import fetch_segment, read_record_facts, read_segment
from components.archive.orders.erasure import NewEnvelopes, remove_positions
from components.archive.seal import (
    Recipient,
    RecipientKey,
    SealError,
    open_segment_keys,
    seal_segment_keys,
)
from components.process.errors import SiteError
from components.process.json_text import read_json
from components.settings.site import SiteFile
from policy.destruction import Hold, Refusal, consider_all, decide_erasure
from policy.retention import RetentionPolicy


async def place_records(log: RecordOpener, indexes: Sequence[int] | frozenset[int]) -> set[int]:
    """Return the segments of records; raises SiteError for a missing record, or one of the log's own."""
    facts = await read_record_facts(log.reader.source, sorted(indexes))
    for index in sorted(indexes):
        if index not in facts or facts[index].segment == NOT_SEALED:
            raise SiteError(f"record {index} is not there, or is the log's own bookkeeping")
    return {each.segment for each in facts.values()}


async def refuse_erasure(
    log: RecordOpener, policy: RetentionPolicy, now_ns: int, indexes: Sequence[int], holds: Sequence[Hold]
) -> Sequence[Refusal]:
    """Return the reasons against an erasure, as the writer will find them; `holds` are evaluated."""
    facts = await read_record_facts(log.reader.source, indexes)
    return decide_erasure(consider_all(policy, now_ns, holds), indexes, facts)


async def make_envelopes(
    settings: SiteFile, log: RecordOpener, indexes: Sequence[int]
) -> Mapping[int, NewEnvelopes]:
    """Return new envelopes for each segment of these records; raises SiteError if they cannot be made here."""
    recipients = _known_recipients(settings, log)
    envelopes: dict[int, NewEnvelopes] = {}
    for number in sorted(await place_records(log, indexes)):
        row = await fetch_segment(log.reader.source, number)
        if row is None or row.keys is None:
            raise SiteError(f"the keys of segment {number} are gone")
        contents = await read_segment(log.reader.source, row)
        wanted = contents.destroyed.union(indexes)
        erased = {leaf.position for leaf in contents.leaves if leaf.index in wanted}
        try:
            keys = open_segment_keys(row.keys, log.origin, number, log.keys)
        except SealError as error:
            raise SiteError(str(error)) from None
        same = _same_recipients(row.keys, recipients, number)
        sealed = seal_segment_keys(remove_positions(keys, erased), log.origin, number, same)
        envelopes[number] = NewEnvelopes(sealed, sha256(row.keys).hexdigest())
    return envelopes


def _known_recipients(settings: SiteFile, log: RecordOpener) -> dict[str, Recipient]:
    """Return all recipients whose public keys are here, by key id."""
    try:
        found = [load_recipient(path) for path in settings.archive.recipients]
    except KeyFileError as error:
        raise SiteError(str(error)) from None
    found += [key.recipient for key in log.keys if isinstance(key, RecipientKey)]
    return {recipient.key_id: recipient for recipient in found}


def _same_recipients(envelopes: bytes, known: Mapping[str, Recipient], segment: int) -> list[Recipient]:
    same = []
    for entry in read_json(envelopes):
        recipient = known.get(entry["key_id"])
        if recipient is None:
            raise SiteError(
                f"segment {segment} is sealed to {entry['name']} (key {entry['key_id']}), whose public key is not"
                " here: name its file in archive.recipients while you propose this"
            )
        same.append(Recipient(str(entry["name"]), recipient.public_key))
    return same
