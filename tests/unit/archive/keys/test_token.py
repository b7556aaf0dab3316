"""Keys in a real PKCS#11 token (softhsm2): what is made inside it, and what it refuses."""

from collections.abc import Callable
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from components.archive.errors import LogUnavailable
from components.archive.keys import KeyFileError, create_log_key, create_recipient_key, load_log_key
from components.archive.keys.private import move_key, remove_key
from components.archive.keys.reference import TokenKey, parse_key_reference
from components.archive.keys.token import (
    ED25519_CURVE,
    X25519_CURVE,
    fetch_token_labels,
    fetch_token_pair,
    generate_token_key,
    is_in_token,
)
from components.archive.log.note import encode_signer
from components.archive.seal import SealError
from tests.support.archive import ORIGIN
from tests.support.token import LABEL, MODULE, PIN, token_uri, use_token


def token_key(folder: Path, name: str = "one", pin_source: str = "file:pin") -> TokenKey:
    key = parse_key_reference(token_uri(name, pin_source), folder)
    assert isinstance(key, TokenKey)
    return key


def open_session() -> pkcs11.Session:
    return pkcs11.lib(str(MODULE)).get_token(token_label=LABEL).open(rw=True)


def test_the_private_key_cannot_be_had(token: Path) -> None:
    signer = create_log_key(token_key(token, "log-gate"), ORIGIN)
    opener = create_recipient_key(token_key(token, "auditor"), "auditor")
    for private in open_session().get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}):
        attributes = (
            pkcs11.Attribute.SENSITIVE,
            pkcs11.Attribute.EXTRACTABLE,
            pkcs11.Attribute.ALWAYS_SENSITIVE,
        )
        assert [private[each] for each in attributes] == [True, False, True]
        with pytest.raises(pkcs11.AttributeSensitive):
            private[pkcs11.Attribute.VALUE]
    with pytest.raises(KeyFileError, match="does not leave its token"):
        encode_signer(signer)
    with pytest.raises(KeyFileError, match="does not leave its token"):
        opener.private_key.private_bytes_raw()
    assert not list((token / "keys").glob("*.key*"))


def test_signatures_and_secrets_are_those_of_the_standards(token: Path) -> None:
    signer = create_log_key(token_key(token, "log-gate"), ORIGIN)
    public = fetch_token_pair(token_key(token, "log-gate"), ED25519_CURVE).point
    for text in (b"", b"text\n", bytes(100_000)):
        Ed25519PublicKey.from_public_bytes(public).verify(signer.sign(text), text)
    opener = create_recipient_key(token_key(token, "auditor"), "auditor").private_key
    ephemeral = X25519PrivateKey.generate()
    assert opener.exchange(ephemeral.public_key()) == ephemeral.exchange(opener.public_key())


def test_a_secret_does_not_stay_in_the_token(token: Path) -> None:
    opener = create_recipient_key(token_key(token, "auditor"), "auditor").private_key
    before = len(list(open_session().get_objects()))
    for _ in range(5):
        opener.exchange(X25519PrivateKey.generate().public_key())
    assert len(list(open_session().get_objects())) == before


def test_an_envelope_of_low_order_does_not_open(token: Path) -> None:
    opener = create_recipient_key(token_key(token, "auditor"), "auditor")
    with pytest.raises(ValueError, match="shared key"):
        opener.private_key.exchange(X25519PublicKey.from_public_bytes(bytes(32)))
    with pytest.raises(SealError):
        opener.open_envelope(bytes(80), b"")


def test_a_log_keys_creation_that_was_killed_halfway_is_completed(token: Path) -> None:
    made = create_log_key(token_key(token, "log-gate"), ORIGIN)
    (token / "keys/log-gate.pub").unlink()
    assert create_log_key(token_key(token, "log-gate"), ORIGIN).key_id == made.key_id
    assert load_log_key(token_key(token, "log-gate")).key_id == made.key_id


def test_a_key_takes_the_place_of_another(token: Path) -> None:
    one, two = token_key(token, "one"), token_key(token, "one.next")
    generate_token_key(one, ED25519_CURVE)
    generate_token_key(two, ED25519_CURVE)
    assert fetch_token_labels(one) == ["one", "one.next"]
    following = fetch_token_pair(two, ED25519_CURVE)
    move_key(two, one)
    assert fetch_token_pair(one, ED25519_CURVE) == following
    assert fetch_token_labels(one) == ["one"]
    with pytest.raises(KeyFileError, match="has no such key"):
        move_key(two, one)
    assert fetch_token_pair(one, ED25519_CURVE) == following
    assert len(list(open_session().get_objects())) == 2
    remove_key(one)
    assert not is_in_token(one)
    assert not list(open_session().get_objects())


def test_a_key_of_the_other_curve(token: Path) -> None:
    generate_token_key(token_key(token), X25519_CURVE)
    with pytest.raises(KeyFileError, match="another curve"):
        fetch_token_pair(token_key(token), ED25519_CURVE)


def break_pin(folder: Path) -> TokenKey:
    (folder / "pin").write_text("27182818")
    return token_key(folder)


def open_pin(folder: Path) -> TokenKey:
    (folder / "pin").chmod(0o644)
    return token_key(folder)


def elsewhere(uri: str) -> Callable[[Path], TokenKey]:
    def name(folder: Path) -> TokenKey:
        key = parse_key_reference(uri, folder)
        assert isinstance(key, TokenKey)
        return key

    return name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (break_pin, "refuses the PIN"),
        (open_pin, "chmod 600"),
        (lambda folder: token_key(folder, "none"), "has no such key"),
        (lambda folder: token_key(folder, pin_source="file:none"), "cannot be read"),
        (elsewhere(f"pkcs11:token=none;object=one?module-path={MODULE}&pin-source=pin"), "no such token"),
        (
            elsewhere(f"pkcs11:token={LABEL.replace(' ', '%20')};object=one?module-path=/none.so"),
            "there is no /none.so",
        ),
    ],
)
def test_what_is_wrong_is_told_without_the_pin(
    name: Callable[[Path], TokenKey], told: str, token: Path
) -> None:
    with pytest.raises(KeyFileError) as error:
        fetch_token_pair(name(token), ED25519_CURVE)
    assert told in str(error.value)
    assert PIN not in str(error.value)


def test_a_token_that_was_taken_out_and_comes_back(token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = create_log_key(token_key(token, "log-gate"), ORIGIN)
    library = pkcs11.lib(str(MODULE))
    library.reinitialize()  # every session is gone, as after the token was unplugged
    assert len(signer.sign(b"text\n")) == 64
    (token / "tokens").rename(token / "away")
    (token / "tokens").mkdir()
    library.reinitialize()
    with pytest.raises(LogUnavailable, match="the token does not answer"):
        signer.sign(b"text\n")
    (token / "tokens").rmdir()
    (token / "away").rename(token / "tokens")
    use_token(token / "softhsm2.conf", monkeypatch)
    assert len(signer.sign(b"text\n")) == 64
