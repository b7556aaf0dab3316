"""A recipient's key as text: one form, which is parsed strictly and says nothing of a private key."""

import base64
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from components.archive.keys import KeyFileError, create_recipient_key, load_recipient, load_recipient_key
from components.archive.keys.recipient_text import (
    RecipientError,
    encode_recipient,
    encode_recipient_key,
    parse_recipient,
    parse_recipient_key,
)
from components.archive.seal import RecipientKey
from tests.support.archive import file_modes

NAMES = st.text(st.characters().filter(lambda each: each != "+" and not each.isspace()), min_size=1)
KEYS = st.builds(
    lambda name, raw: RecipientKey(name, X25519PrivateKey.from_private_bytes(raw)),
    NAMES,
    st.binary(min_size=32, max_size=32),
)
KEY = RecipientKey("auditor", X25519PrivateKey.from_private_bytes(bytes(range(32))))
PUBLIC, PRIVATE = encode_recipient(KEY.recipient), encode_recipient_key(KEY)


def test_the_form_that_the_documentation_describes() -> None:
    raw = KEY.private_key.public_key().public_bytes_raw()
    key_id = sha256(b"steelyard-recipient/1\n" + raw).digest()[:8].hex()
    assert f"RECIPIENT+auditor+{key_id}+{base64.b64encode(raw).decode()}" == PUBLIC
    assert f"PRIVATE+RECIPIENT+auditor+{key_id}+{base64.b64encode(bytes(range(32))).decode()}" == PRIVATE


@given(KEYS)
def test_round_trip(key: RecipientKey) -> None:
    recipient = parse_recipient(encode_recipient(key.recipient))
    assert (recipient.name, recipient.key_id) == (key.name, key.key_id)
    parsed = parse_recipient_key(encode_recipient_key(key))
    assert parsed.name == key.name
    assert parsed.private_key.private_bytes_raw() == key.private_key.private_bytes_raw()


@given(st.integers(0, len(PUBLIC) - 1), st.characters(codec="utf-8"))
def test_another_public_text_is_another_key_or_none(place: int, character: str) -> None:
    text = PUBLIC[:place] + character + PUBLIC[place + 1 :]
    if text == PUBLIC:
        return
    try:
        recipient = parse_recipient(text)
    except RecipientError:
        return
    assert recipient.name != KEY.name  # only the name may differ, and the rest be right
    assert recipient.key_id == KEY.key_id


@given(st.integers(0, len(PRIVATE) - 1), st.characters(codec="utf-8"))
def test_a_changed_private_text_is_refused_without_showing_it(place: int, character: str) -> None:
    text = PRIVATE[:place] + character + PRIVATE[place + 1 :]
    try:
        parsed = parse_recipient_key(text)
    except RecipientError as error:
        assert PRIVATE[-12:] not in str(error)
        return
    assert parsed.key_id == KEY.key_id


@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    for parse in (parse_recipient, parse_recipient_key):
        with pytest.raises(RecipientError):
            parse(text)


@pytest.mark.parametrize(
    "text",
    [
        PUBLIC + "\n",
        " " + PUBLIC,
        PRIVATE,
        PUBLIC.replace("RECIPIENT", "recipient"),
        PUBLIC.replace("+auditor+", "++"),
        PUBLIC.removesuffix("="),
        PUBLIC[:-2] + chr(ord(PUBLIC[-2]) + 1) + "=",  # bits that base64 does not use
    ],
)
def test_forms_that_are_not_the_one(text: str) -> None:
    with pytest.raises(RecipientError):
        parse_recipient(text)


def public_text(raw: bytes) -> str:
    key_id = sha256(b"steelyard-recipient/1\n" + raw).digest()[:8].hex()
    return f"RECIPIENT+mallory+{key_id}+{base64.b64encode(raw).decode()}"


@pytest.mark.parametrize("value", [0, 1, 2**255 - 20])
def test_a_key_of_low_order_is_refused(value: int) -> None:
    with pytest.raises(RecipientError, match="everybody could open"):
        parse_recipient(public_text(value.to_bytes(32, "little")))


@pytest.mark.parametrize("value", [2**255 - 19, 2**255 - 1, 2**255 + 9, 2**256 - 1])
def test_a_second_encoding_of_a_key_is_refused(value: int) -> None:
    with pytest.raises(RecipientError, match="one encoding"):
        parse_recipient(public_text(value.to_bytes(32, "little")))


def test_files(tmp_path: Path) -> None:
    create_recipient_key(tmp_path / "auditor.key", "auditor")
    assert file_modes(tmp_path) == {"auditor.key": 0o600, "auditor.pub": 0o644}
    with pytest.raises(KeyFileError, match="not the public key of a recipient"):
        load_recipient(tmp_path / "auditor.key")
    (tmp_path / "auditor.pub").chmod(0o600)
    with pytest.raises(KeyFileError, match="not the private key of a recipient"):
        load_recipient_key(tmp_path / "auditor.pub")
    (tmp_path / "auditor.key").chmod(0o604)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_recipient_key(tmp_path / "auditor.key")
    (tmp_path / "auditor.pub").write_bytes(b"\xff")
    with pytest.raises(KeyFileError, match="not a public key"):
        load_recipient(tmp_path / "auditor.pub")
