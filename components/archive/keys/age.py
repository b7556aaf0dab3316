"""Key files encrypted with age (age-encryption.org/v1): to an identity's recipient, or with a passphrase."""

import os
from pathlib import Path

import pyrage

from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import read_key_file
from components.archive.keys.reference import AgeKey

IDENTITY_VARIABLE = "STEELYARD_AGE_IDENTITY_FILE"
PASSPHRASE_VARIABLE = "STEELYARD_AGE_PASSPHRASE_FILE"  # noqa: S105 - the name of a file's name


def decrypt_age(key: AgeKey, encrypted: bytes) -> bytes:
    """Decrypt a key file's content; raises KeyFileError."""
    identity_file, passphrase_file = _opened_by(key)
    try:
        if identity_file is not None:
            return bytes(pyrage.decrypt(encrypted, _read_identities(identity_file)))
        return bytes(pyrage.passphrase.decrypt(encrypted, _read_passphrase(passphrase_file)))
    except pyrage.DecryptError:
        opener = identity_file or passphrase_file
        raise KeyFileError(f"{key.path}: does not decrypt with {opener}; name the right file") from None


def encrypt_age(key: AgeKey, content: bytes) -> bytes:
    """Encrypt a key file's content; raises KeyFileError."""
    identity_file, passphrase_file = _opened_by(key)
    try:
        if identity_file is not None:
            recipients = [identity.to_public() for identity in _read_identities(identity_file)]
            return bytes(pyrage.encrypt(content, recipients))
        return bytes(pyrage.passphrase.encrypt(content, _read_passphrase(passphrase_file)))
    except pyrage.EncryptError:
        raise KeyFileError(f"{key.path}: cannot be encrypted with age") from None


def _opened_by(key: AgeKey) -> tuple[Path | None, Path]:
    """Return the identity's file or, when that is None, the passphrase's: the reference's, else the environment's."""
    if key.identity_file is not None:
        return key.identity_file, Path()
    if key.passphrase_file is not None:
        return None, key.passphrase_file
    if path := os.environ.get(IDENTITY_VARIABLE):
        return Path(path), Path()
    if path := os.environ.get(PASSPHRASE_VARIABLE):
        return None, Path(path)
    raise KeyFileError(
        f"{key.path}: is encrypted with age; write age:FILE?identity-file=FILE, or set {IDENTITY_VARIABLE}"
        f" or {PASSPHRASE_VARIABLE}"
    )


def _read_identities(path: Path) -> list[pyrage.x25519.Identity]:
    """Read an age identity file as age-keygen writes it: comments, and one identity a line."""
    try:
        lines = [line.strip() for line in read_key_file(path).decode().splitlines()]
        identities = [pyrage.x25519.Identity.from_str(line) for line in lines if line and line[0] != "#"]
    except (UnicodeDecodeError, pyrage.IdentityError):
        identities = []
    if not identities:
        raise KeyFileError(f"{path}: not an age identity file; `age-keygen -o FILE` makes one")
    return identities


def _read_passphrase(path: Path) -> str:
    try:
        passphrase = read_key_file(path).decode().removesuffix("\n")
    except UnicodeDecodeError:
        passphrase = ""
    if not passphrase:
        raise KeyFileError(f"{path}: holds no passphrase")
    return passphrase
