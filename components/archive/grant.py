"""A grant: the keys of a few segments, sealed again to one auditor's own key, until a time (docs/matters.md, "Grants").

Who holds a grant opens these segments and no others. The time is a rule that Steelyard's tools keep, and not more.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from components.archive.keys.recipient_text import RecipientError, parse_recipient
from components.archive.seal import (
    EnvelopeOpener,
    NoKeyError,
    Recipient,
    SegmentKeys,
    encode_segment_keys,
    open_envelopes,
    parse_segment_keys,
    seal_envelopes,
)


class GrantError(ValueError):
    """A text is no grant, or its parts do not belong together; the message says nothing of keys."""


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """What a grant opens, for whom, until when, and why: what those who contribute a share are shown.

    `log` is the origin of the log, `recipient` the auditor's own public key and `collector` that to which shares are
    sealed (docs/keys.md, "Files"), `opened_with` the id of the key in shares. Times are nanoseconds since 1970.
    """

    id: str
    log: str
    segments: tuple[int, ...]
    auditor: str
    recipient: str
    collector: str
    opened_with: str
    until_ns: int
    matter: str
    reason: str
    asked_by: str
    asked_at_ns: int

    @property
    def key_id(self) -> str:
        """The id of the auditor's own key."""
        return parse_recipient(self.recipient).key_id

    def digest(self) -> str:
        """Return the SHA-256 of the terms, in hex: contributions and envelopes are bound to it."""
        return sha256(encode_terms(self)).hexdigest()


@dataclass(frozen=True, slots=True)
class Grant:
    """Terms, and the envelopes of the segments' keys by number, each sealed to the auditor's own key."""

    terms: GrantTerms
    envelopes: Mapping[int, bytes] = field(default_factory=dict)

    def is_in_force(self, now_ns: int) -> bool:
        """Return whether the grant has keys, and its time is not over."""
        return bool(self.envelopes) and now_ns < self.terms.until_ns


def encode_terms(terms: GrantTerms) -> bytes:
    """Encode terms: JSON with sorted keys and no white space."""
    values = {name: getattr(terms, name) for name in GrantTerms.__dataclass_fields__}
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def parse_terms(values: object) -> GrantTerms:
    """Parse terms; raises GrantError unless each has its type, and there is nothing else."""
    if not isinstance(values, dict) or values.keys() != GrantTerms.__dataclass_fields__.keys():
        raise GrantError("these are not the terms of a grant")
    texts = {name: value for name, value in values.items() if name not in (*_NUMBERS, "segments")}
    numbers = {name: values[name] for name in _NUMBERS}
    segments = values["segments"]
    if not isinstance(segments, list) or any(type(each) is not int or each < 1 for each in segments):
        raise GrantError("the segments of a grant are numbers from 1")
    if sorted(set(segments)) != segments or not segments:
        raise GrantError("the segments of a grant stand in order, each once")
    if any(type(each) is not int for each in numbers.values()) or any(
        type(each) is not str for each in texts.values()
    ):
        raise GrantError("the terms of a grant are texts and times")
    terms = GrantTerms(**{**texts, **numbers, "segments": tuple(segments)})
    try:
        parse_recipient(terms.recipient)
        parse_recipient(terms.collector)
    except RecipientError as error:
        raise GrantError(f"a key of the grant is wrong: {error}") from None
    return terms


def seal_grant(terms: GrantTerms, keys: Mapping[int, SegmentKeys], recipient: Recipient) -> Grant:
    """Seal the keys of the segments to the auditor's own key; raises GrantError if these are not the terms' own."""
    if recipient.key_id != terms.key_id or tuple(sorted(keys)) != terms.segments:
        raise GrantError("these are not the key and the segments of this grant")
    envelopes = {
        number: seal_envelopes(encode_segment_keys(each), _info(terms, number), [recipient])
        for number, each in keys.items()
    }
    return Grant(terms, envelopes)


def open_granted(grant: Grant, segment: int, openers: Sequence[EnvelopeOpener]) -> SegmentKeys:
    """Open the keys of a segment; raises NoKeyError if the grant is for another auditor, and SealError if altered."""
    envelopes = grant.envelopes.get(segment)
    if envelopes is None:
        raise NoKeyError(f"the grant {grant.terms.id} does not open segment {segment}")
    what = f"segment {segment} of the grant {grant.terms.id}"
    return parse_segment_keys(open_envelopes(envelopes, _info(grant.terms, segment), openers, what))


@dataclass(frozen=True, slots=True)
class GrantedSegments:
    """The grants in force for one log, and the auditor's own keys: what opens, where the log's own envelopes do not."""

    grants: tuple[Grant, ...]
    openers: tuple[EnvelopeOpener, ...]

    def open(self, segment: int) -> SegmentKeys:
        """Open the keys of a segment by the first grant that has it; raises NoKeyError if none does, and SealError."""
        for grant in self.grants:
            if segment in grant.envelopes:
                return open_granted(grant, segment, self.openers)
        raise NoKeyError(f"no grant in force opens segment {segment}")


def _info(terms: GrantTerms, segment: int) -> bytes:
    return f"steelyard-grant/1\n{terms.digest()}\n{segment}\n".encode()


_NUMBERS = ("until_ns", "asked_at_ns")
