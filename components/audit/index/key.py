"""The key of the index's file: sealed to the auditors' keys, so that without one of them the file opens for nobody."""

import os
from collections.abc import Sequence
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.archive.keys import KeyFileError, load_recipient
from components.archive.seal import KEY_SIZE_BYTES, RecipientKey, SealError, open_envelopes, seal_envelopes

_INFO = b"steelyard-index/1\n"


def key_file(index: Path) -> Path:
    """Return the file with the sealed key of an index's file, beside it."""
    return index.with_name(f"{index.name}.key")


def load_index_key(index: Path, ring: Sequence[RecipientKey], *, may_replace: bool = True) -> bytes:
    """Return the key of an index's file; if there is none, or none opens, make one, under which it is made anew.

    `ring` has the auditors' present and earlier keys: after a rotation the old envelope still opens, and is sealed
    anew to all of them. One that does not open is left as it is unless it `may_replace` it. Raises OSError, SealError.
    """
    file = key_file(index)
    known = [key.recipient for key in ring]
    try:
        sealed = file.read_bytes()
        key = open_envelopes(sealed, _INFO, ring, "the index")
    except (FileNotFoundError, SealError) as error:
        if isinstance(error, SealError) and not may_replace:
            raise
        key, sealed = os.urandom(KEY_SIZE_BYTES), b""
    # Killed here: the file of the index, if any, is under a key that nobody has, and is made anew by the next look.
    if not all(recipient.key_id.encode() in sealed for recipient in known):
        replace_durably(file, seal_envelopes(key, _INFO, known), PRIVATE)
    return key


def are_ours(ring: Sequence[RecipientKey], recipients: Sequence[Path]) -> bool:
    """Return whether one of these keys is one that the site seals to, as far as that is known here.

    With others nothing could be made anew, and who runs a command with them would take the index from everybody.
    """
    try:
        known = {load_recipient(file).key_id for file in recipients}
    except KeyFileError:
        return True
    return not known or any(key.key_id in known for key in ring)
