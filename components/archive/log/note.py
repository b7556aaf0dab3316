"""Signed notes with Ed25519 keys (C2SP signed-note)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from components.archive.log.strict_base64 import decode_base64, encode_base64

ED25519 = b"\x01"
MAX_SIGNATURES = 64

_SIGNATURE_LINE = re.compile(r"— ([^\s+]+) (\S+)")
_KEY_NAME = re.compile(r"[^\s+]+")
_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+(\S+)")
PRIVATE_KEY = "PRIVATE+KEY+"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """A note is malformed, or no known key signed it."""


class SignatureLine(NamedTuple):
    """One signature of a note: its key's name and 4-byte id, and what is behind the id, whatever its type."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that notes are trusted by; `key_id` is its 4-byte fingerprint."""

    name: str
    key_id: bytes
    public_key: Ed25519PublicKey


class NoteSigner(Protocol):
    """Whoever can sign notes under a name, wherever the private key is kept."""

    @property
    def verifier_key(self) -> VerifierKey:
        """The public half, with the name."""

    def sign(self, text: bytes) -> bytes:
        """Sign a note's text: the 64 bytes of an Ed25519 signature (RFC 8032)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key in memory, under the name that its signatures carry (NoteSigner)."""

    name: str
    key_id: bytes
    private_key: Ed25519PrivateKey

    @property
    def verifier_key(self) -> VerifierKey:
        """See NoteSigner."""
        return VerifierKey(self.name, self.key_id, self.private_key.public_key())

    def sign(self, text: bytes) -> bytes:
        """See NoteSigner."""
        return self.private_key.sign(text)


def make_signer(name: str, private_key: Ed25519PrivateKey) -> Signer:
    """Return a private key with its name; raises NoteError if the name holds a space or a plus sign."""
    return Signer(name, derive_key_id(name, private_key.public_key()), private_key)


def make_verifier_key(name: str, public_key: Ed25519PublicKey) -> VerifierKey:
    """Return a public key with its name; raises NoteError if the name holds a space or a plus sign."""
    return VerifierKey(name, derive_key_id(name, public_key), public_key)


def derive_key_id(name: str, public_key: Ed25519PublicKey) -> bytes:
    """Derive the 4 bytes that a signature names its key by (signed-note, Signatures)."""
    return hash_key(name, ED25519 + public_key.public_bytes_raw())


def hash_key(name: str, typed_key: bytes) -> bytes:
    """Derive the id of a public key of any type: `typed_key` is the type's byte and the key.

    Raises NoteError if the name holds a space or a plus sign.
    """
    if not _KEY_NAME.fullmatch(name):
        raise NoteError(f"a key's name has no space and no plus sign: {name!r}")
    return sha256(name.encode() + b"\n" + typed_key).digest()[:4]


def encode_verifier_key(key: VerifierKey) -> str:
    """Encode as a vkey, `name+id+key` (signed-note, Verifier keys)."""
    return encode_key(key.name, key.key_id, ED25519 + key.public_key.public_bytes_raw())


def parse_verifier_key(vkey: str) -> VerifierKey:
    """Parse a vkey; raises NoteError when it is malformed, of another type, or its id is not its key's."""
    name, key_id, raw = _parse_ed25519_key(vkey)
    key = make_verifier_key(name, Ed25519PublicKey.from_public_bytes(raw))
    if key.key_id != key_id:
        raise NoteError(f"the id of the verifier key of {name} does not match the key")
    return key


def encode_signer(signer: Signer) -> str:
    """Encode a private key in the form that Go's sumdb/note gave these keys."""
    seed = ED25519 + signer.private_key.private_bytes_raw()
    return PRIVATE_KEY + encode_key(signer.name, signer.key_id, seed)


def parse_signer(text: str) -> Signer:
    """Parse a private key; raises NoteError, which says nothing of the key."""
    name, key_id, raw = _parse_ed25519_key(text.removeprefix(PRIVATE_KEY))
    if not text.startswith(PRIVATE_KEY):
        raise NoteError("not the private key of a note's signer")
    signer = make_signer(name, Ed25519PrivateKey.from_private_bytes(raw))
    if signer.key_id != key_id:
        raise NoteError(f"the id of the private key of {name} does not match the key")
    return signer


def sign_note(text: str, *signers: NoteSigner) -> str:
    """Sign a text that ends in a newline; returns the whole note. Raises NoteError for other texts."""
    _require_text(text)
    lines = "".join(_sign_line(text, signer) for signer in signers)
    return f"{text}\n{lines}"


def split_note(note: str) -> tuple[str, list[SignatureLine]]:
    """Split a note into its text and its signatures, which are not verified; raises NoteError."""
    text, blank, block = note.rpartition("\n\n")
    text += "\n"
    lines = block.split("\n")
    if not blank or lines.pop() != "" or not 0 < len(lines) <= MAX_SIGNATURES:
        raise NoteError("not a signed note")
    _require_text(text)
    return text, [parse_signature_line(line) for line in lines]


def verify_note(note: str, keys: Iterable[VerifierKey]) -> str:
    """Return the text of a note that at least one of `keys` signed; raises NoteError as `verify_signatures` does."""
    text, signers = verify_signatures(note, keys)
    if not signers:
        raise NoteError("no known key signed this note")
    return text


def verify_signatures(note: str, keys: Iterable[VerifierKey]) -> tuple[str, list[VerifierKey]]:
    """Return the text of a note, and those of `keys` that signed it, each once.

    Raises NoteError when it is malformed, or when a known key's signature is wrong; signatures of unknown keys are
    passed over (signed-note, Signatures).
    """
    text, lines = split_note(note)
    known = {(key.name, key.key_id): key for key in keys}
    signers: dict[tuple[str, bytes], VerifierKey] = {}
    for line in lines:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        try:
            key.public_key.verify(line.signature, text.encode())
        except InvalidSignature:
            raise NoteError(f"the signature of {line.name} is wrong") from None
        signers[key.name, key.key_id] = key
    return text, list(signers.values())


def encode_signature_line(line: SignatureLine) -> str:
    """Encode a signature as the line of a note, with its newline."""
    return f"— {line.name} {encode_base64(line.key_id + line.signature)}\n"


def parse_signature_line(line: str) -> SignatureLine:
    """Parse the line of a signature, without its newline; raises NoteError."""
    match = _SIGNATURE_LINE.fullmatch(line)
    signature = _parse_base64(match[2]) if match else b""
    if match is None or len(signature) <= 4:
        raise NoteError("malformed signature line")
    return SignatureLine(match[1], signature[:4], signature[4:])


def encode_key(name: str, key_id: bytes, typed_key: bytes) -> str:
    """Encode `name+id+key`, the form of public keys of any type (signed-note, Verifier keys) and private ones."""
    return f"{name}+{key_id.hex()}+{encode_base64(typed_key)}"


def parse_key(text: str) -> tuple[str, bytes, bytes]:
    """Parse `name+id+key` into name, id and the key behind its type's byte; raises NoteError."""
    match = _KEY.fullmatch(text)
    typed_key = _parse_base64(match[3]) if match else b""
    if match is None or not typed_key:
        raise NoteError("not the key of a signer of notes")
    return match[1], bytes.fromhex(match[2]), typed_key


def _sign_line(text: str, signer: NoteSigner) -> str:
    key = signer.verifier_key
    return encode_signature_line(SignatureLine(key.name, key.key_id, signer.sign(text.encode())))


def _parse_ed25519_key(text: str) -> tuple[str, bytes, bytes]:
    name, key_id, typed_key = parse_key(text)
    if len(typed_key) != 33 or typed_key[:1] != ED25519:
        raise NoteError("not the key of an Ed25519 signer of notes")
    return name, key_id, typed_key[1:]


def _require_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise NoteError("a note's text ends in a newline and holds no other control character")


def _parse_base64(text: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError:
        raise NoteError("malformed base64") from None
