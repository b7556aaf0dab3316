"""A log's keys: the private one in the form of Go's sumdb/note, or in a token; the public ones as C2SP vkeys."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.durable import PUBLIC
from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import read_public_file, write_key_file
from components.archive.keys.private import is_kept, read_private, write_private
from components.archive.keys.reference import KeyReference, TokenKey, public_file
from components.archive.log.note import (
    NoteError,
    Signer,
    VerifierKey,
    encode_signer,
    encode_verifier_key,
    make_signer,
    parse_signer,
    parse_verifier_key,
)


def create_log_key(key: KeyReference, name: str) -> Signer:
    """Create a key called `name`, and the file with its vkey (`.pub`); both durable.

    Raises KeyFileError if the key exists (a log whose key is replaced cannot go on) or cannot be made.
    """
    public = public_file(key)
    signer = _make_signer(key, name)
    if isinstance(key, TokenKey):
        # The token first, since it alone knows the key; killed before the public half is written, it is completed.
        if not is_kept(key):
            _generate_in_token(key)
        elif public.exists():
            raise KeyFileError(f"{key}: exists already; a log keeps its key")
        signer = _token_signer(key, name)
        write_verifier_keys(public, [signer.verifier_key])
        return signer
    if is_kept(key):
        raise KeyFileError(f"{key}: exists already; a log keeps its key")
    # The public half first: killed between the two, the next call makes a new pair, as no log uses this one.
    write_verifier_keys(public, [signer.verifier_key])
    write_private(key, encode_signer(signer))
    return signer


def generate_log_key(key: KeyReference, name: str) -> Signer:
    """Create only the private half of a key that is to follow another; raises KeyFileError."""
    if isinstance(key, TokenKey):
        _generate_in_token(key)
        return _token_signer(key, name)
    signer = _make_signer(key, name)
    write_private(key, encode_signer(signer))
    return signer


def rename_log_key(key: Path, name: str) -> Signer:
    """Rename a key in a file that has signed nothing yet, and return it; raises KeyFileError."""
    try:
        signer = make_signer(name, load_log_key(key).private_key)
    except NoteError as error:
        raise KeyFileError(f"{key}: {error}") from None
    # Killed between the two, the next call does both again: it goes by the public half, which is the last.
    write_private(key, encode_signer(signer))
    write_verifier_keys(public_file(key), [signer.verifier_key])
    return signer


def load_log_key(key: KeyReference) -> Signer:
    """Find a private key; raises KeyFileError, also when somebody else may read its file.

    One that is in a token has its name from the file of its public half.
    """
    if isinstance(key, TokenKey):
        return _token_signer(key, load_verifier_key(public_file(key)).name)
    return read_private(key, parse_signer, "a log")


def load_verifier_key(path: Path) -> VerifierKey:
    """Read the vkey that is in use, the last of its file; raises KeyFileError."""
    return load_verifier_keys(path)[-1]


def load_verifier_keys(path: Path) -> list[VerifierKey]:
    """Read all vkeys that a log has had, one a line, the first one first; raises KeyFileError."""
    try:
        keys = [parse_verifier_key(line) for line in read_public_file(path).splitlines()]
    except ValueError as error:
        raise KeyFileError(f"{path}: not a verifier key ({error})") from error
    if not keys or len({each.name for each in keys}) != 1:
        raise KeyFileError(f"{path}: not the verifier keys of one log")
    return keys


def write_verifier_keys(path: Path, keys: list[VerifierKey]) -> None:
    """Keep all vkeys that a log has had, the first one first; raises KeyFileError."""
    write_key_file(path, "".join(f"{encode_verifier_key(each)}\n" for each in keys).encode(), PUBLIC)


def _make_signer(key: KeyReference, name: str) -> Signer:
    try:
        return make_signer(name, Ed25519PrivateKey.generate())
    except NoteError as error:
        raise KeyFileError(f"{key}: {error}") from None


def _generate_in_token(key: TokenKey) -> None:
    from components.archive.keys.token import ED25519_CURVE, generate_token_key

    generate_token_key(key, ED25519_CURVE)


def _token_signer(key: TokenKey, name: str) -> Signer:
    from components.archive.keys.token import ED25519_CURVE, TokenSigningKey, fetch_token_pair

    private_key = TokenSigningKey(key, fetch_token_pair(key, ED25519_CURVE))
    try:
        return make_signer(name, private_key)
    except NoteError as error:
        raise KeyFileError(f"{key}: {error}") from None
