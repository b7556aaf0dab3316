"""Splits a recipient's private key into shares, some of which restore it (SLIP-0039): for a shared escrow."""

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from shamir_mnemonic import MnemonicError, Share, combine_mnemonics, generate_mnemonics

from components.archive.seal import KEY_SIZE_BYTES, Recipient, RecipientKey

MAX_SHARES = 16
MIN_THRESHOLD = 2


class ShareError(ValueError):
    """The shares cannot be made, or do not restore the key; the message reveals nothing of them."""


def split_key(key: RecipientKey, shares: int, threshold: int) -> list[str]:
    """Split a key into shares of 33 words, any `threshold` of which restore it; fewer reveal nothing.

    The key's 32 bytes are the master secret, with no passphrase. Raises ShareError.
    """
    if not MIN_THRESHOLD <= threshold <= shares <= MAX_SHARES:
        raise ShareError(
            f"a key is split into at most {MAX_SHARES} shares, and at least {MIN_THRESHOLD} of them restore it"
        )
    (mnemonics,) = generate_mnemonics(1, [(threshold, shares)], key.private_key.private_bytes_raw())
    return list(mnemonics)


def join_shares(shares: Sequence[str], recipient: Recipient) -> RecipientKey:
    """Return the key whose public half is `recipient`; raises ShareError. More shares than needed may be given."""
    words = [" ".join(share.lower().split()) for share in shares]
    needed = _require_enough([_parse(text, number) for number, text in enumerate(words, 1)])
    try:
        secret = combine_mnemonics([words[place] for place in needed])
    except MnemonicError:  # its text may quote words of a share
        raise ShareError("these shares do not belong together") from None
    if len(secret) != KEY_SIZE_BYTES:
        raise ShareError(f"these are shares of something else than the key of {recipient.name}")
    key = RecipientKey(recipient.name, X25519PrivateKey.from_private_bytes(secret))
    if key.key_id != recipient.key_id:
        raise ShareError(f"these are shares of another key than the {recipient.name} key {recipient.key_id}")
    return key


def read_share(text: str) -> tuple[int, int]:
    """Return the identifier of a share's set, and the number of the share in it, from 1; raises ShareError."""
    share = _parse(" ".join(text.lower().split()), 1)
    return share.identifier, share.index + 1


def _parse(text: str, number: int) -> Share:
    try:
        return Share.from_mnemonic(text)
    except (MnemonicError, ValueError):
        raise ShareError(f"share {number} is not right: a word is wrong, missing or too many") from None


def _require_enough(shares: Sequence[Share]) -> list[int]:
    """Return the places of as many different shares as are needed; the same one twice counts once."""
    places = list({share.index: place for place, share in enumerate(shares)}.values())
    if not shares or len({share.common_parameters() for share in shares}) != 1:
        raise ShareError("these shares were made at different times; bring those of one time")
    if len(places) < (needed := shares[0].member_threshold):
        raise ShareError(f"{len(places)} of these shares are not enough: {needed} are needed")
    return places[:needed]
