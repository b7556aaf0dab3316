"""The keys of a segment after single records of it were destroyed (docs/archive-format.md, sections 2 and 7)."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from components.archive.log.strict_base64 import decode_base64
from components.archive.seal import KEY_SIZE_BYTES, TAG_SIZE_BYTES, SealError, SegmentKeys, advance
from components.process.json_text import read_json

# HPKE: the encapsulated key (32 bytes) and the tag; inside, a count, single keys and the chain (seal.py).
_OVERHEAD_BYTES = 32 + TAG_SIZE_BYTES
_COUNT_BYTES = 2
_SINGLE_BYTES = 2 + KEY_SIZE_BYTES

_STALE = "the new envelopes were made for another state of the segment: propose the erasure anew"


@dataclass(frozen=True, slots=True)
class NewEnvelopes:
    """The envelopes that an erasure brings for a segment, and the SHA-256 (hex) of those that it was made from."""

    keys: bytes
    replaces: str


def remove_positions(keys: SegmentKeys, erased: Collection[int]) -> SegmentKeys:
    """Return keys that open all that `keys` do, but not the `erased` positions, of which there is at least one.

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


def check_envelopes(old: bytes, new: NewEnvelopes, erased: Collection[int]) -> str:
    """Return what is wrong with new envelopes of a segment, without opening them; empty when nothing is.

    They must be made from the present ones, or they could bring back keys of another erasure that came between; for the
    same recipients; and as long as envelopes without the keys of `erased`, all positions that were ever destroyed.
    """
    singles = max(erased) + 1 - len(set(erased))
    expected_bytes = _OVERHEAD_BYTES + _COUNT_BYTES + (singles + 1) * _SINGLE_BYTES
    if sha256(old).hexdigest() != new.replaces:
        return _STALE
    try:
        before, after = _read(old), _read(new.keys)
    except SealError as error:
        return str(error)
    if before.keys() != after.keys():
        return "the new envelopes are not for the same recipients as the old ones"
    if any(size_bytes != expected_bytes for size_bytes in after.values()):
        return "the new envelopes do not hold as many keys as records are left"
    return ""


def _read(envelopes: bytes) -> dict[tuple[str, str], int]:
    """Return the length of what is sealed, by recipient."""
    try:
        entries: list[dict[str, Any]] = read_json(envelopes)
        return {
            (str(entry["name"]), str(entry["key_id"])): len(decode_base64(entry["sealed"]))
            for entry in entries
        }
    except (ValueError, KeyError, TypeError):
        raise SealError("the envelopes of the segment are malformed") from None
