"""All keys that open what was ever sealed to a recipient: its present key, and its earlier ones."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from components.archive.keys.private import is_kept, key_file
from components.archive.keys.recipient import load_recipient_key
from components.archive.keys.reference import AgeKey, KeyReference, TokenKey, beside, next_key, retired_key
from components.archive.seal import RecipientKey

_ID = "[0-9a-f]{16}"


def load_key_ring(keys: Iterable[KeyReference]) -> list[RecipientKey]:
    """Find each of these private keys, and its earlier ones; raises KeyFileError.

    During a rotation, the waiting new key also counts.
    """
    found: dict[str, RecipientKey] = {}
    for key in keys:
        following = next_key(key)
        changing = is_kept(following)
        places = [*([key] if is_kept(key) or not changing else []), *([following] if changing else [])]
        for place in (*places, *find_retired_keys(key)):
            loaded = load_recipient_key(place)
            found.setdefault(loaded.key_id, loaded)
    return list(found.values())


def find_retired_keys(key: KeyReference) -> Iterator[KeyReference]:
    """Find the places of the keys that this one replaced (reference.retired_key); raises KeyFileError."""
    pattern = re.compile(re.escape(_retired_name(key, "\0")).replace(re.escape("\0"), _ID))
    if isinstance(key, TokenKey):
        from components.archive.keys.token import fetch_token_labels

        yield from (beside(key, label) for label in fetch_token_labels(key) if pattern.fullmatch(label))
        return
    folder = key_file(retired_key(key, "")).parent
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if pattern.fullmatch(path.name):
            yield _in_folder(key, path)


def _retired_name(key: KeyReference, key_id: str) -> str:
    retired = retired_key(key, key_id)
    return retired.label if isinstance(retired, TokenKey) else key_file(retired).name


def _in_folder(key: Path | AgeKey, path: Path) -> KeyReference:
    return AgeKey(path, key.identity_file, key.passphrase_file) if isinstance(key, AgeKey) else path
