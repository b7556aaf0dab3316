"""A witness's key files: the private keys, one in each line, and beside them the public keys as C2SP vkeys."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from components.archive.durable import PRIVATE, PUBLIC
from components.archive.keys import KeyFileError
from components.archive.keys.files import read_key_file, read_public_file, write_key_file
from components.archive.log.cosignature import (
    Cosigner,
    CosignerKey,
    encode_cosigner,
    encode_cosigner_key,
    parse_cosigner,
    parse_cosigner_key,
)
from components.archive.log.note import NoteError
from components.process.errors import SiteError
from components.settings.witness import WitnessSettings


def create_witness_keys(path: Path, name: str) -> list[Cosigner]:
    """Create an ML-DSA-44 and an Ed25519 key called `name`: `path` (mode 0600), and the vkeys with `.pub`; durable.

    Raises KeyFileError if `path` exists (others know the witness by its keys) or cannot be written.
    """
    if path.exists():
        raise KeyFileError(f"{path}: exists already; others know this witness by its keys")
    cosigners = [Cosigner(name, MLDSA44PrivateKey.generate()), Cosigner(name, Ed25519PrivateKey.generate())]
    public = "".join(f"{encode_cosigner_key(each.cosigner_key)}\n" for each in cosigners)
    private = "".join(f"{encode_cosigner(each)}\n" for each in cosigners)
    # The public half first: killed between the two, the next call makes new ones, as nobody knows these.
    write_key_file(path.with_suffix(".pub"), public.encode(), PUBLIC)
    write_key_file(path, private.encode(), PRIVATE)
    return cosigners


def make_missing_keys(settings: WitnessSettings) -> list[Path]:
    """Make a witness's keys if it has none, and return the file of the private ones; raises SiteError."""
    if settings.key_file.exists():
        return []
    if any(settings.state.glob("*.checkpoint")):
        raise SiteError(
            f"others know this witness by {settings.key_file}, which is gone; put it back from a backup"
        )
    settings.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        create_witness_keys(settings.key_file, settings.name)
    except (KeyFileError, NoteError) as error:
        raise SiteError(str(error)) from None
    return [settings.key_file]


def load_witness_keys(path: Path) -> list[Cosigner]:
    """Read the private keys, at least one; raises KeyFileError, also if other users may read the file."""
    content = read_key_file(path)
    try:
        cosigners = [parse_cosigner(line) for line in content.decode().splitlines()]
    except ValueError:  # NoteError, or bytes that are no text; nothing of the key goes into a message
        cosigners = []
    if not cosigners:
        raise KeyFileError(f"{path}: not the private keys of a witness")
    return cosigners


def load_witness_vkeys(path: Path) -> list[CosignerKey]:
    """Read a witness's vkeys, at least one; raises KeyFileError."""
    try:
        keys = [parse_cosigner_key(line) for line in read_public_file(path).splitlines()]
    except ValueError as error:
        raise KeyFileError(f"{path}: not the keys of a witness ({error})") from error
    if not keys:
        raise KeyFileError(f"{path}: holds no key")
    return keys
