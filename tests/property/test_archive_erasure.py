"""Erasing positions of a segment: their keys are not to be had any more, and all others are what they were."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from components.archive.orders.erasure import NewEnvelopes, check_envelopes, remove_positions
from components.archive.seal import SegmentKeys, advance, seal_segment_keys
from tests.support.archive import ORIGIN, RECIPIENTS

LENGTH = 24
positions = st.sets(st.integers(0, LENGTH - 1), min_size=1, max_size=8)


def keys_of(keys: SegmentKeys) -> dict[int, bytes]:
    """Every record key that can be worked out."""
    found, chain = dict(keys.single), keys.chain
    for position in range(keys.chain_position, LENGTH):
        found[position], chain = advance(chain)
    return found


@given(st.binary(min_size=32, max_size=32), st.lists(positions, min_size=1, max_size=4))
def test_what_is_erased_and_nothing_else_is_lost(chain: bytes, erasures: list[set[int]]) -> None:
    keys = SegmentKeys(0, chain, {})
    original = keys_of(keys)
    gone: set[int] = set()
    for erased in erasures:
        keys = remove_positions(keys, erased)
        gone |= erased
        assert keys_of(keys) == {position: key for position, key in original.items() if position not in gone}
        # Nor is a state of the chain kept from which an erased key follows.
        assert keys.chain_position == max(gone) + 1
        assert len(keys.single) == max(gone) + 1 - len(gone)


@given(positions, positions)
def test_envelopes_of_another_state_are_refused(first: set[int], second: set[int]) -> None:
    """As when two erasures are proposed at once: the second would bring back keys that the first has destroyed."""
    fresh = SegmentKeys(0, bytes(32), {})
    original, middle = seal(fresh), seal(remove_positions(fresh, first))
    assert check_envelopes(original, new(remove_positions(fresh, first), original), first) == ""
    both = first | second
    assert check_envelopes(middle, new(remove_positions(fresh, both), middle), both) == ""
    assert "another state" in check_envelopes(middle, new(remove_positions(fresh, second), original), both)
    too_many = remove_positions(fresh, second)
    if len(too_many.single) != len(remove_positions(fresh, both).single):
        assert "as many keys" in check_envelopes(middle, new(too_many, middle), both)


def test_envelopes_for_others_are_refused() -> None:
    fresh = SegmentKeys(0, bytes(32), {})
    keys = seal_segment_keys(remove_positions(fresh, {0}), ORIGIN, 1, RECIPIENTS[:1])
    found = check_envelopes(seal(fresh), NewEnvelopes(keys, ""), {0})
    assert "another state" in found
    old = seal(fresh)
    found = check_envelopes(old, NewEnvelopes(keys, sha256(old).hexdigest()), {0})
    assert "same recipients" in found


@given(st.binary(max_size=40))
def test_what_is_no_envelope(data: bytes) -> None:
    old = seal(SegmentKeys(0, bytes(32), {}))
    assert check_envelopes(old, NewEnvelopes(data, sha256(old).hexdigest()), {0})


def seal(keys: SegmentKeys) -> bytes:
    return seal_segment_keys(keys, ORIGIN, 1, RECIPIENTS)


def new(keys: SegmentKeys, old: bytes) -> NewEnvelopes:
    return NewEnvelopes(seal(keys), sha256(old).hexdigest())
