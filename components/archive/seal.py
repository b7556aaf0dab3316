"""Sealing, which a writer can do and cannot undo (docs/archive-format.md, section 2).

Each segment has a random chain key, given to its recipients by HPKE (RFC 9180) when the segment opens. A one-way
ratchet makes each record's key from it; the writer keeps only the newest state, and so cannot read what it wrote.
"""

import json
import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from components.archive.log.strict_base64 import decode_base64, encode_base64
from components.process.json_text import read_json

KEY_SIZE_BYTES = 32
TAG_SIZE_BYTES = 16

# Each record has a key of its own, so one nonce serves all of them.
_NONCE = bytes(12)
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SINGLE = struct.Struct(">H32s")
_HEAD = struct.Struct(">H")


class SealError(ValueError):
    """A sealed payload or a segment's keys do not open: another key, or altered bytes."""


class NoKeyError(SealError):
    """A secret is sealed to other recipients than those whose keys are here."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A recipient of segments: `name` and X25519 public key; `key_id` is 8 bytes in hex."""

    name: str
    public_key: X25519PublicKey

    @property
    def key_id(self) -> str:
        """The name of the key in envelopes."""
        raw = self.public_key.public_bytes_raw()
        return sha256(b"steelyard-recipient/1\n" + raw).digest()[:8].hex()


class EnvelopeOpener(Protocol):
    """A recipient's private half, in any place."""

    @property
    def key_id(self) -> str:
        """The id of its public key (see Recipient)."""

    def open_envelope(self, sealed: bytes, info: bytes) -> bytes:
        """Open an HPKE ciphertext (enc and ciphertext, RFC 9180, 6.1); raises SealError."""


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """A recipient's private key, in memory (EnvelopeOpener)."""

    name: str
    private_key: X25519PrivateKey

    @property
    def recipient(self) -> Recipient:
        """The public half."""
        return Recipient(self.name, self.private_key.public_key())

    @property
    def key_id(self) -> str:
        """See EnvelopeOpener."""
        return self.recipient.key_id

    def open_envelope(self, sealed: bytes, info: bytes) -> bytes:
        """See EnvelopeOpener."""
        try:
            return _SUITE.decrypt(sealed, self.private_key, info=info)
        except (InvalidTag, ValueError):
            raise SealError("the envelope is not for this key, or was altered") from None


@dataclass(frozen=True, slots=True)
class SegmentKeys:
    """The keys of a segment's records: single keys by position, and the chain from `chain_position` on.

    A segment begins with its chain at 0 and no single key. Erasing a record replaces what came before it by single
    keys, and lets the chain begin behind it (section 7).
    """

    chain_position: int
    chain: bytes
    single: Mapping[int, bytes]


def new_segment_keys() -> SegmentKeys:
    """Return the random keys of a new segment."""
    return SegmentKeys(0, os.urandom(KEY_SIZE_BYTES), {})


def advance(chain: bytes) -> tuple[bytes, bytes]:
    """Return the record key at this place of the chain, and the next chain key; there is no way back."""
    return sha256(b"\x01" + chain).digest(), sha256(b"\x02" + chain).digest()


def encode_segment_keys(keys: SegmentKeys) -> bytes:
    """Encode keys: a count, that many (position, key), then (position, chain)."""
    singles = b"".join(_SINGLE.pack(position, key) for position, key in sorted(keys.single.items()))
    return _HEAD.pack(len(keys.single)) + singles + _SINGLE.pack(keys.chain_position, keys.chain)


def parse_segment_keys(data: bytes) -> SegmentKeys:
    """Parse keys; raises SealError."""
    count = int.from_bytes(data[: _HEAD.size], "big")
    if len(data) != _HEAD.size + (count + 1) * _SINGLE.size:
        raise SealError("not the keys of a segment")
    *singles, chain = _SINGLE.iter_unpack(data[_HEAD.size :])
    return SegmentKeys(chain[0], chain[1], dict(singles))


class Seal(NamedTuple):
    """The seal of one record, made from its key; `chain` is the next chain key."""

    cipher: AESGCM
    chain: bytes

    def seal(self, header: bytes, payload: bytes) -> bytes:
        """Encrypt a payload, bound to its leaf's header (AES-256-GCM; 16 bytes longer)."""
        return self.cipher.encrypt(_NONCE, payload, header)


def prepare_seal(chain: bytes) -> Seal:
    """Return the seal for the record at this place of the chain; never seal two records with it."""
    record_key, following = advance(chain)
    return Seal(AESGCM(record_key), following)


def open_payload(record_key: bytes, header: bytes, sealed: bytes) -> bytes:
    """Decrypt a payload; raises SealError."""
    try:
        return AESGCM(record_key).decrypt(_NONCE, sealed, header)
    except InvalidTag:
        raise SealError("the record does not open: another key, or altered bytes") from None


def seal_segment_keys(keys: SegmentKeys, origin: str, segment: int, recipients: Iterable[Recipient]) -> bytes:
    """Seal a segment's keys to each recipient: the JSON text that the store keeps."""
    return seal_envelopes(encode_segment_keys(keys), _info(origin, segment), recipients)


def open_segment_keys(
    envelopes: bytes, origin: str, segment: int, openers: Sequence[EnvelopeOpener]
) -> SegmentKeys:
    """Open a segment's keys with the first of `openers` that is among its recipients.

    Raises NoKeyError when none is, and SealError for what was altered.
    """
    return parse_segment_keys(
        open_envelopes(envelopes, _info(origin, segment), openers, f"segment {segment}")
    )


def seal_envelopes(plaintext: bytes, info: bytes, recipients: Iterable[Recipient]) -> bytes:
    """Seal a secret to each recipient, bound to `info` (HPKE): a JSON list."""
    envelopes = [
        {
            "name": recipient.name,
            "key_id": recipient.key_id,
            "sealed": encode_base64(_SUITE.encrypt(plaintext, recipient.public_key, info=info)),
        }
        for recipient in recipients
    ]
    return json.dumps(envelopes, separators=(",", ":")).encode()


def open_envelopes(envelopes: bytes, info: bytes, openers: Sequence[EnvelopeOpener], what: str) -> bytes:
    """Open a secret with the first of `openers` that is among its recipients; `what` it is of, for errors.

    Raises NoKeyError when none is, and SealError for what was altered.
    """
    try:
        entries = read_json(envelopes)
        sealed = {entry["key_id"]: decode_base64(entry["sealed"]) for entry in entries}
        names = ", ".join(str(entry["name"]) for entry in entries) or "nobody"
    except (ValueError, KeyError, TypeError):
        raise SealError(f"the envelopes of {what} are malformed") from None
    for opener in openers:
        if opener.key_id in sealed:
            return opener.open_envelope(sealed[opener.key_id], info)
    raise NoKeyError(f"{what} is sealed to {names}, and none of the keys here is theirs")


def _info(origin: str, segment: int) -> bytes:
    return f"steelyard-segment/2\n{origin}\n{segment}\n".encode()
