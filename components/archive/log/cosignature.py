"""Cosignatures of checkpoints, by witnesses or by a log itself (C2SP tlog-cosignature)."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from components.archive.log.checkpoint import parse_checkpoint
from components.archive.log.note import (
    PRIVATE_KEY,
    NoteError,
    SignatureLine,
    encode_key,
    encode_signature_line,
    hash_key,
    parse_key,
    split_note,
)

ED25519_COSIGNATURE = b"\x04"
ML_DSA_44_COSIGNATURE = b"\x06"
MAX_TIMESTAMP_S = 2**63 - 1

_ED25519_KEY_SIZE_BYTES = 32
_ML_DSA_44_KEY_SIZE_BYTES = 1312
_SEED_SIZE_BYTES = 32
_TIMESTAMP = struct.Struct(">Q")
_RANGE = struct.Struct(">QQ")
_SUBTREE_LABEL = b"subtree/v1\n\0"
_NAME_MAX_BYTES = 255

CosignerPublicKey = Ed25519PublicKey | MLDSA44PublicKey
CosignerPrivateKey = Ed25519PrivateKey | MLDSA44PrivateKey


class CosignatureError(NoteError):
    """A cosignature is wrong, or cannot be made or checked."""


@dataclass(frozen=True, slots=True)
class CosignerKey:
    """A key that cosignatures are trusted by; `key_id` is its 4-byte fingerprint, which depends on its type."""

    name: str
    key_id: bytes
    public_key: CosignerPublicKey


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A cosignature that was verified: whose, of when (Unix time, 0 for none), and the line of the note."""

    key: CosignerKey
    timestamp_s: int
    line: SignatureLine


class CheckpointCosigner(Protocol):
    """Whoever can cosign checkpoints under a name, wherever the private key is kept."""

    @property
    def cosigner_key(self) -> CosignerKey:
        """The public half, with the name."""

    def sign(self, message: bytes) -> bytes:
        """Sign bytes: 64 of Ed25519 (RFC 8032) or 2,420 of ML-DSA-44 (FIPS 204, no context)."""


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A private key in memory, under the name that its cosignatures carry (CheckpointCosigner)."""

    name: str
    private_key: CosignerPrivateKey

    def sign(self, message: bytes) -> bytes:
        """See CheckpointCosigner."""
        return self.private_key.sign(message)

    @property
    def cosigner_key(self) -> CosignerKey:
        """See CheckpointCosigner."""
        return make_cosigner_key(self.name, self.private_key.public_key())


def make_cosigner_key(name: str, public_key: CosignerPublicKey) -> CosignerKey:
    """Return a public key with its name; raises NoteError if the name holds a space or a plus sign."""
    return CosignerKey(name, hash_key(name, _type_of(public_key) + public_key.public_bytes_raw()), public_key)


def encode_cosigner_key(key: CosignerKey) -> str:
    """Encode as a vkey, `name+id+key` (tlog-cosignature, Format)."""
    return encode_key(key.name, key.key_id, _type_of(key.public_key) + key.public_key.public_bytes_raw())


def parse_cosigner_key(vkey: str) -> CosignerKey:
    """Parse a vkey; raises NoteError when it is malformed, no cosigner's, or its id is not its key's."""
    name, key_id, typed_key = parse_key(vkey)
    key = make_cosigner_key(name, _load_public_key(typed_key[:1], typed_key[1:]))
    if key.key_id != key_id:
        raise CosignatureError(f"the id of the verifier key of {name} does not match the key")
    return key


def encode_cosigner(cosigner: Cosigner) -> str:
    """Encode a private key as those of logs are, with the type of its cosignatures before the 32-byte seed."""
    key = cosigner.cosigner_key
    seed = _type_of(key.public_key) + cosigner.private_key.private_bytes_raw()
    return PRIVATE_KEY + encode_key(key.name, key.key_id, seed)


def parse_cosigner(text: str) -> Cosigner:
    """Parse a private key; raises NoteError, which says nothing of the key."""
    name, key_id, typed_seed = parse_key(text.removeprefix(PRIVATE_KEY))
    if not text.startswith(PRIVATE_KEY):
        raise CosignatureError("not the private key of a cosigner")
    cosigner = Cosigner(name, _load_private_key(typed_seed[:1], typed_seed[1:]))
    if cosigner.cosigner_key.key_id != key_id:
        raise CosignatureError(f"the id of the private key of {name} does not match the key")
    return cosigner


def cosign_checkpoint(text: str, cosigner: CheckpointCosigner, timestamp_s: int) -> str:
    """Cosign a checkpoint's text (a note's, without signatures); returns the line to add to the note.

    Raises CheckpointError for another text and CosignatureError for a time or a name that does not fit.
    """
    if not 0 <= timestamp_s <= MAX_TIMESTAMP_S:
        raise CosignatureError("a cosignature's time is from 0 to 2^63 - 1")
    key = cosigner.cosigner_key
    signature = cosigner.sign(_encode_message(text, key, timestamp_s))
    return encode_signature_line(
        SignatureLine(key.name, key.key_id, _TIMESTAMP.pack(timestamp_s) + signature)
    )


def verify_cosignatures(note: str, keys: Iterable[CosignerKey]) -> list[Cosignature]:
    """Verify the cosignatures of `keys` on a checkpoint; returns those there are, in the note's order.

    Raises NoteError when the note is malformed or a known key's cosignature is wrong, CheckpointError when it is
    no checkpoint; signatures of unknown keys are passed over. A cosignature with ML-DSA-44 says nothing about a
    checkpoint's extension lines: those are covered by the log's own signature.
    """
    text, lines = split_note(note)
    parse_checkpoint(text)
    known = {(key.name, key.key_id): key for key in keys}
    return [
        verify_cosignature(text, line, key)
        for line in lines
        if (key := known.get((line.name, line.key_id))) is not None
    ]


def verify_cosignature(text: str, line: SignatureLine, key: CosignerKey) -> Cosignature:
    """Verify one cosignature of a checkpoint's text; raises CosignatureError or CheckpointError."""
    if len(line.signature) <= _TIMESTAMP.size:
        raise CosignatureError(f"the cosignature of {key.name} is cut short")
    (timestamp_s,) = _TIMESTAMP.unpack_from(line.signature)
    if timestamp_s > MAX_TIMESTAMP_S:
        raise CosignatureError(f"the cosignature of {key.name} has an impossible time")
    try:
        message = _encode_message(text, key, timestamp_s)
        key.public_key.verify(line.signature[_TIMESTAMP.size :], message)
    except InvalidSignature:
        raise CosignatureError(f"the cosignature of {key.name} is wrong") from None
    return Cosignature(key, timestamp_s, line)


def _encode_message(text: str, key: CosignerKey, timestamp_s: int) -> bytes:
    if isinstance(key.public_key, Ed25519PublicKey):
        parse_checkpoint(text)
        return f"cosignature/v1\ntime {timestamp_s}\n{text}".encode()
    return _encode_cosigned_message(text, key.name, timestamp_s)


def _encode_cosigned_message(text: str, cosigner_name: str, timestamp_s: int) -> bytes:
    """Encode the structure `cosigned_message` for a whole tree (tlog-cosignature, ML-DSA-44 signed message)."""
    checkpoint = parse_checkpoint(text)
    return b"".join(
        (
            _SUBTREE_LABEL,
            _encode_name(cosigner_name),
            _TIMESTAMP.pack(timestamp_s),
            _encode_name(checkpoint.origin),
            _RANGE.pack(0, checkpoint.size),
            checkpoint.root,
        )
    )


def _encode_name(name: str) -> bytes:
    raw = name.encode()
    if len(raw) > _NAME_MAX_BYTES:
        raise CosignatureError(f"a name in an ML-DSA-44 cosignature has at most {_NAME_MAX_BYTES} bytes")
    return bytes([len(raw)]) + raw


def _type_of(public_key: CosignerPublicKey) -> bytes:
    return ED25519_COSIGNATURE if isinstance(public_key, Ed25519PublicKey) else ML_DSA_44_COSIGNATURE


def _load_public_key(kind: bytes, raw: bytes) -> CosignerPublicKey:
    if (kind, len(raw)) == (ED25519_COSIGNATURE, _ED25519_KEY_SIZE_BYTES):
        return Ed25519PublicKey.from_public_bytes(raw)
    if (kind, len(raw)) == (ML_DSA_44_COSIGNATURE, _ML_DSA_44_KEY_SIZE_BYTES):
        return MLDSA44PublicKey.from_public_bytes(raw)
    raise CosignatureError("not the key of a cosigner (Ed25519 type 4 or ML-DSA-44 type 6)")


def _load_private_key(kind: bytes, seed: bytes) -> CosignerPrivateKey:
    if len(seed) == _SEED_SIZE_BYTES and kind == ED25519_COSIGNATURE:
        return Ed25519PrivateKey.from_private_bytes(seed)
    if len(seed) == _SEED_SIZE_BYTES and kind == ML_DSA_44_COSIGNATURE:
        return MLDSA44PrivateKey.from_seed_bytes(seed)
    raise CosignatureError("not the private key of a cosigner (Ed25519 type 4 or ML-DSA-44 type 6)")
