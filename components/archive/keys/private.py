"""The places of private keys, and the operations that work in all of them.

These modules load the libraries for tokens and for age only if there is such a key: loading takes time and memory.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from components.archive.durable import PRIVATE, PRIVATE_FOLDER, make_folder, sync_folder
from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import read_key_file, write_key_file
from components.archive.keys.reference import AgeKey, KeyReference, TokenKey

_Key = TypeVar("_Key")


def is_kept(key: KeyReference) -> bool:
    """Return whether a private key is in this place; raises KeyFileError for a token that does not answer."""
    match key:
        case TokenKey():
            from components.archive.keys.token import is_in_token

            return is_in_token(key)
        case AgeKey():
            return key.path.exists()
        case _:
            return key.exists()


def read_private(key: Path | AgeKey, parse: Callable[[str], _Key], title: str) -> _Key:
    """Read and parse a private key's line; raises KeyFileError, which reveals nothing of the key.

    `parse` raises ValueError if it is not a key of its kind; `title` names the expected kind.
    """
    try:
        content = _decrypt(key) if isinstance(key, AgeKey) else read_key_file(key)
        return parse(content.decode().removesuffix("\n"))
    except ValueError:  # also where it is no text
        raise KeyFileError(f"{key}: not the private key of {title}") from None


def _decrypt(key: AgeKey) -> bytes:
    from components.archive.keys.age import decrypt_age

    return decrypt_age(key, read_key_file(key.path))


def write_private(key: Path | AgeKey, line: str) -> None:
    """Store a private key's line, durably; raises KeyFileError."""
    content = f"{line}\n".encode()
    if isinstance(key, AgeKey):
        from components.archive.keys.age import encrypt_age

        write_key_file(key.path, encrypt_age(key, content), PRIVATE)
    else:
        write_key_file(key, content, PRIVATE)


def move_key(source: KeyReference, target: KeyReference) -> None:
    """Replace a key by another of its kind, durably; raises KeyFileError.

    In a token that takes several steps: killed between them, the target is gone and the source still there.
    """
    if isinstance(source, TokenKey) and isinstance(target, TokenKey):
        from components.archive.keys.token import rename_token_key

        rename_token_key(source, target)
        return
    old, new = key_file(source), key_file(target)
    try:
        old.replace(new)
        sync_folder(new.parent)
    except OSError as error:
        raise KeyFileError(f"{old}: cannot be moved to {new.name} ({error.strerror})") from error


def copy_key(source: KeyReference, target: KeyReference) -> None:
    """Keep a second copy of a key that is in a file, encrypted as it is; raises KeyFileError."""
    folder = key_file(target).parent
    try:
        make_folder(folder, PRIVATE_FOLDER)
    except OSError as error:
        raise KeyFileError(f"{folder}: cannot be made ({error.strerror})") from error
    write_key_file(key_file(target), read_key_file(key_file(source)), PRIVATE)


def remove_key(key: KeyReference) -> None:
    """Destroy a key, if it is there; raises KeyFileError.

    A file is overwritten first. A file system or a disk may still keep an older copy of it.
    """
    if isinstance(key, TokenKey):
        from components.archive.keys.token import remove_token_key

        remove_token_key(key)
        return
    path = key_file(key)
    try:
        if path.exists():
            _overwrite(path)
            path.unlink()
            sync_folder(path.parent)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be removed ({error.strerror})") from error


def key_file(key: KeyReference) -> Path:
    """Return the file of a key that is in a file; raises KeyFileError for another."""
    match key:
        case TokenKey():
            raise KeyFileError(f"{key}: the key does not leave its token")
        case AgeKey():
            return key.path
        case _:
            return key


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
