"""The key of the index's file: sealed to the auditors' keys, so that without one of them the file opens for nobody."""

import os
from collections.abc import Sequence
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.archive.seal import KEY_SIZE_BYTES, RecipientKey, SealError, open_envelopes, seal_envelopes

_INFO = b"steelyard-index/1\n"


def key_file(index: Path) -> Path:
    """Return the file with the sealed key of an index's file, beside it."""
    return index.with_name(f"{index.name}.key")


def load_index_key(index: Path, ring: Sequence[RecipientKey]) -> bytes:
    """Return the key of an index's file; if there is none, or none opens, make one, under which it is made anew.

    `ring` has the auditors' present and earlier keys: after a rotation the old envelope still opens, and is sealed
    anew to all of them. Raises OSError.
    """
    file = key_file(index)
    known = [key.recipient for key in ring]
    try:
        sealed = file.read_bytes()
        key = open_envelopes(sealed, _INFO, ring, "the index")
    except (FileNotFoundError, SealError):
        key, sealed = os.urandom(KEY_SIZE_BYTES), b""
    # Killed here: the file of the index, if any, is under a key that nobody has, and is made anew by the next look.
    if not all(recipient.key_id.encode() in sealed for recipient in known):
        replace_durably(file, seal_envelopes(key, _INFO, known), PRIVATE)
    return key
