"""The keys of a segment after single records of it were destroyed (docs/archive-format.md, sections 2 and 7)."""

import base64
import binascii
import json
from collections.abc import Collection
from typing import Any

from components.archive.seal import KEY_SIZE_BYTES, TAG_SIZE_BYTES, SealError, SegmentKeys, advance

# HPKE: the encapsulated key (32 bytes) and the tag; inside, a count, single keys and the chain (seal.py).
_OVERHEAD_BYTES = 32 + TAG_SIZE_BYTES
_COUNT_BYTES = 2
_SINGLE_BYTES = 2 + KEY_SIZE_BYTES


def remove_positions(keys: SegmentKeys, erased: Collection[int]) -> SegmentKeys:
    """Give keys that open all that `keys` do, but not the `erased` positions, of which there is at least one.

    A chain leads to every position behind it, so it must begin behind the last that is erased; of those before, the
    single keys stay.
    """
    single = dict(keys.single)
    position, chain = keys.chain_position, keys.chain
    while position <= max(erased):
        single[position], chain = advance(chain)
        position += 1
    kept = {place: key for place, key in single.items() if place not in erased}
    return SegmentKeys(position, chain, kept)


def check_envelopes(old: bytes, new: bytes, erased: Collection[int]) -> str:
    """Say what is wrong with new envelopes of a segment, without opening them; an empty text when nothing is.

    They must be for the same recipients, and as long as those that lack exactly the keys of `erased`: all positions
    that were ever destroyed. So envelopes that were made before another erasure cannot bring its keys back.
    """
    singles = max(erased) + 1 - len(set(erased))
    expected_bytes = _OVERHEAD_BYTES + _COUNT_BYTES + (singles + 1) * _SINGLE_BYTES
    try:
        before, after = _read(old), _read(new)
    except SealError as error:
        return str(error)
    if before.keys() != after.keys():
        return "the new envelopes are not for the same recipients as the old ones"
    if any(size_bytes != expected_bytes for size_bytes in after.values()):
        return "the new envelopes were made for another state of the segment: propose the erasure anew"
    return ""


def _read(envelopes: bytes) -> dict[tuple[str, str], int]:
    """Give the length of what is sealed, by recipient."""
    try:
        entries: list[dict[str, Any]] = json.loads(envelopes)
        return {
            (str(entry["name"]), str(entry["key_id"])): len(base64.b64decode(entry["sealed"], validate=True))
            for entry in entries
        }
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise SealError("the envelopes of the segment are malformed") from None
