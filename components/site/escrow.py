"""Splits a recipient's key among several people, and joins their shares (SLIP-0039; docs/keys.md)."""

from collections.abc import Sequence
from pathlib import Path

from components.archive.durable import PRIVATE
from components.archive.keys import load_recipient, load_recipient_key
from components.archive.keys.files import write_key_file
from components.archive.keys.private import is_kept, key_file, remove_key, write_private
from components.archive.keys.recipient_text import encode_recipient_key
from components.archive.keys.reference import KeyReference, TokenKey, public_file
from components.archive.keys.share_file import read_share_file
from components.archive.keys.shares import ShareError, join_shares, split_key
from components.archive.seal import Recipient, RecipientKey
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.keys import find_key


def split_recipient_key(
    settings: SiteFile, name: str, shares: int, threshold: int, folder: Path, *, keep: bool = False
) -> list[Path]:
    """Write a key's shares into files of `folder`, and remove the key after a proof that the files restore it.

    Raises SiteError and KeyFileError; then the key is still there.
    """
    place = _find_place(settings, name)
    if isinstance(place, TokenKey):
        raise SiteError(f"{place}: the key does not leave its token, so there is nothing to split")
    key, recipient = load_recipient_key(place), load_recipient(public_file(place))
    if key.key_id != recipient.key_id:
        raise SiteError(f"{place} is not the key of {public_file(place)}; finish the rotation first")
    try:
        texts = split_key(key, shares, threshold)
    except ShareError as error:
        raise SiteError(str(error)) from None
    paths = [folder / f"{name}-{recipient.key_id}-share-{number}.txt" for number in range(1, shares + 1)]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if present := [path for path in paths if path.exists()]:
        raise SiteError(f"{present[0]} is there already; name another folder")
    for number, (path, text) in enumerate(zip(paths, texts, strict=True), 1):
        head = (
            f"# Share {number} of {shares} of the {name} key {recipient.key_id}; any {threshold} restore it."
        )
        write_key_file(path, f"{head}\n{text}\n".encode(), PRIVATE)
    _require_restoring(paths, threshold, recipient)
    if not keep:
        # Killed before this: the key and its shares are there; remove the shares, and split it again.
        remove_key(place)
    return paths


def join_recipient_key(
    settings: SiteFile, name: str, files: Sequence[Path], *, trial: bool = False
) -> KeyReference:
    """Restore a key from files with its shares, unless this is a `trial`; return its place.

    Raises SiteError and KeyFileError.
    """
    place = _find_place(settings, name)
    key = _join(files, load_recipient(public_file(place)))
    if trial:
        return place
    if is_kept(place):
        raise SiteError(f"{place} is there already; `--trial` just tries the shares")
    if isinstance(place, TokenKey):
        raise SiteError(f"{place}: a key is not put into a token from outside")
    key_file(place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(place, encode_recipient_key(key))
    return place


def _find_place(settings: SiteFile, name: str) -> KeyReference:
    key = find_key(settings, name)
    if key.log is not None:
        raise SiteError(f"{name} is a log's key, which nobody needs again once it is lost: rotate it instead")
    return key.place


def _require_restoring(paths: Sequence[Path], threshold: int, recipient: Recipient) -> None:
    """Restore the key from the files on the disk, as often as it takes to use each of them."""
    for start in range(len(paths)):
        _join([paths[(start + step) % len(paths)] for step in range(threshold)], recipient)


def _join(files: Sequence[Path], recipient: Recipient) -> RecipientKey:
    try:
        return join_shares([read_share_file(path) for path in files], recipient)
    except ShareError as error:
        raise SiteError(str(error)) from None
