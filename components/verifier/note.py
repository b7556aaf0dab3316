"""Signed notes and verifier keys (C2SP signed-note)."""

import base64
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from components.verifier.report import UsageError

ED25519, COSIGNATURE, COSIGNATURE_ML_DSA = 1, 4, 6
KEY_SIZES_BYTES = {ED25519: 32, COSIGNATURE: 32, COSIGNATURE_ML_DSA: 1312}


class Key(NamedTuple):
    """The name and public key of a C2SP verifier key; `type_` is the type of its signatures (1, 4 or 6)."""

    name: str
    key_id: bytes
    type_: int
    public_key: Ed25519PublicKey | MLDSA44PublicKey


class Note(NamedTuple):
    """A signed text, and its signatures as (name, key id, signature); nothing is verified yet."""

    text: str
    signatures: list[tuple[str, bytes, bytes]]


def parse_key(vkey: str, types: Iterable[int] = (ED25519,)) -> Key:
    """Parse a C2SP verifier key of one of these types; raises UsageError."""
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)", vkey.strip())
    try:
        raw = decode_base64(match[3]) if match else b""
    except ValueError:
        raw = b""
    if match is None or not raw or raw[0] not in types or len(raw) != 1 + KEY_SIZES_BYTES[raw[0]]:
        raise UsageError("the key is not a verifier key (name+id+base64) of a kind that belongs here")
    key_id = sha256(match[1].encode() + b"\n" + raw).digest()[:4]
    if key_id.hex() != match[2]:
        raise UsageError("the verifier key's id does not match the key")
    kind = MLDSA44PublicKey if raw[0] == COSIGNATURE_ML_DSA else Ed25519PublicKey
    try:
        return Key(match[1], key_id, raw[0], kind.from_public_bytes(raw[1:]))
    except ValueError:
        raise UsageError("the verifier key holds no public key") from None


def parse_keys(text: str, types: Iterable[int] = (ED25519,)) -> list[Key]:
    """Parse verifier keys, one a line; raises UsageError, also when there is none."""
    keys = [parse_key(line, types) for line in text.splitlines() if line.strip()]
    if not keys:
        raise UsageError("there is no verifier key (name+id+base64)")
    return keys


def parse_note(note: bytes) -> Note:
    """Parse a signed note; raises ValueError."""
    text, blank, block = note.decode().rpartition("\n\n")
    lines = block.split("\n")
    if not blank or lines.pop() != "" or not lines or re.search(r"[\x00-\x09\x0b-\x1f]", text):
        raise ValueError("not a signed note")
    signatures = []
    for line in lines:
        match = re.fullmatch(r"— ([^\s+]+) (\S+)", line)
        signature = decode_base64(match[2]) if match else b""
        if match is None or len(signature) <= 4:
            raise ValueError("not a signed note")
        signatures.append((match[1], signature[:4], signature[4:]))
    return Note(text + "\n", signatures)


def is_signed(note: Note, key: Key) -> bool:
    """Return whether this key signed; raises ValueError if one of its signatures is wrong."""
    found = [signature for name, key_id, signature in note.signatures if (name, key_id) == key[:2]]
    for signature in found:
        try:
            key.public_key.verify(signature, note.text.encode())
        except InvalidSignature:
            raise ValueError(f"the signature of {key.name} does not fit the text") from None
    return bool(found)


def decode_base64(text: str) -> bytes:
    """Decode base64 in its only form; raises ValueError."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 with bits left over")
    return data
