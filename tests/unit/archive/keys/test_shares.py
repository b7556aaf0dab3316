"""A key in shares: any so many of them restore it, fewer do not, and a wrong one is told without showing it."""

import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from shamir_mnemonic import generate_mnemonics

from components.archive.keys.shares import ShareError, join_shares, split_key
from components.archive.seal import RecipientKey
from tests.support.rounds import examples

KEY = RecipientKey("escrow", X25519PrivateKey.from_private_bytes(bytes(range(32))))


def raw(key: RecipientKey) -> bytes:
    return key.private_key.private_bytes_raw()


@pytest.mark.slow
def test_any_three_of_five() -> None:
    shares = split_key(KEY, 5, 3)
    assert [len(share.split()) for share in shares] == [33] * 5
    for some in itertools.permutations(shares, 3):
        assert raw(join_shares(some, KEY.recipient)) == raw(KEY)
    assert raw(join_shares(shares, KEY.recipient)) == raw(KEY)
    for few in itertools.combinations(shares, 2):
        with pytest.raises(ShareError, match="2 of these shares are not enough: 3 are needed"):
            join_shares(few, KEY.recipient)


@examples(20)
@given(st.binary(min_size=32, max_size=32), st.integers(2, 16), st.data())
def test_any_key_and_numbers(secret: bytes, shares: int, data: st.DataObject) -> None:
    key = RecipientKey("escrow", X25519PrivateKey.from_private_bytes(secret))
    threshold = data.draw(st.integers(2, shares))
    texts = split_key(key, shares, threshold)
    some = data.draw(st.permutations(texts))[:threshold]
    assert raw(join_shares(some, key.recipient)) == raw(key)


@pytest.mark.parametrize(("shares", "threshold"), [(1, 1), (3, 1), (2, 3), (17, 3), (0, 0), (5, -1)])
def test_numbers_that_make_no_sense(shares: int, threshold: int) -> None:
    with pytest.raises(ShareError, match="at most 16 shares"):
        split_key(KEY, shares, threshold)


def test_how_a_person_may_write_them() -> None:
    shares = [f"  {share.upper()}\n".replace(" ", "  ") for share in split_key(KEY, 3, 2)]
    assert raw(join_shares(shares, KEY.recipient)) == raw(KEY)


def test_one_share_twice_counts_once() -> None:
    one, two, three = split_key(KEY, 3, 2)
    with pytest.raises(ShareError, match="1 of these shares are not enough"):
        join_shares([one, one], KEY.recipient)
    assert raw(join_shares([one, one, three], KEY.recipient)) == raw(KEY)
    assert two


@given(st.integers(0, 32), st.sampled_from(["academic", "zero", "nonsense", ""]))
def test_a_wrong_word_is_found_and_not_shown(place: int, word: str) -> None:
    shares = split_key(KEY, 2, 2)
    words = shares[1].split()
    if words[place] == word:
        return
    wrong = " ".join([*words[:place], word, *words[place + 1 :]])
    with pytest.raises(ShareError, match="share 2 is not right") as error:
        join_shares([shares[0], wrong], KEY.recipient)
    assert not {*words[4:]} & {*str(error.value).split()}


def test_shares_of_different_times_or_keys() -> None:
    first, second = split_key(KEY, 3, 2), split_key(KEY, 3, 2)
    with pytest.raises(ShareError, match="different times"):
        join_shares([first[0], second[1]], KEY.recipient)
    other = RecipientKey("escrow", X25519PrivateKey.generate())
    with pytest.raises(ShareError, match="another key than the escrow key"):
        join_shares(split_key(other, 3, 2), KEY.recipient)
    with pytest.raises(ShareError, match="something else"):
        join_shares(generate_mnemonics(1, [(2, 3)], bytes(16))[0], KEY.recipient)
    with pytest.raises(ShareError):
        join_shares([], KEY.recipient)
