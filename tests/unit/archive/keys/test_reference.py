"""What a setting may say of where a key is kept, and what it may not."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.archive.keys.reference import (
    AgeKey,
    KeyReferenceError,
    TokenKey,
    next_key,
    parse_key_reference,
    public_file,
    retired_key,
    secret_files,
)

SITE = Path("/srv/site")
TOKEN = "pkcs11:token=firm;object=log-gate?module-path=/usr/lib/p11.so"


def test_a_path() -> None:
    key = parse_key_reference("keys/log-gate.key", SITE)
    assert key == SITE / "keys/log-gate.key"
    assert public_file(key) == SITE / "keys/log-gate.pub"
    assert next_key(key) == SITE / "keys/log-gate.key.next"
    assert retired_key(key, "0123") == SITE / "keys/ring/log-gate-0123.key"
    assert secret_files(key) == (key,)
    assert parse_key_reference("/elsewhere/a.key", SITE) == Path("/elsewhere/a.key")


def test_an_age_file() -> None:
    key = parse_key_reference("age:keys/auditor.key.age?identity-file=/run/keys/age.txt", SITE)
    path, identity = SITE / "keys/auditor.key.age", Path("/run/keys/age.txt")
    assert key == AgeKey(path, identity_file=identity)
    assert public_file(key) == SITE / "keys/auditor.pub"
    assert next_key(key) == AgeKey(SITE / "keys/auditor.key.age.next", identity_file=identity)
    assert retired_key(key, "0123") == AgeKey(SITE / "keys/ring/auditor-0123.key.age", identity_file=identity)
    assert secret_files(key) == (path, identity)
    assert parse_key_reference("age:a.age?passphrase-file=word", SITE) == AgeKey(
        SITE / "a.age", passphrase_file=SITE / "word"
    )
    assert public_file(parse_key_reference("age:a.age", SITE)) == SITE / "a.pub"


def test_a_token() -> None:
    key = parse_key_reference(f"{TOKEN}&pin-source=file:keys/pin", SITE)
    assert key == TokenKey(
        "log-gate",
        Path("/usr/lib/p11.so"),
        SITE / "keys/log-gate.pub",
        token="firm",
        pin_file=SITE / "keys/pin",
    )
    following = next_key(key)
    assert isinstance(following, TokenKey)
    assert following.label == "log-gate.next"
    assert public_file(following) == public_file(key) == SITE / "keys/log-gate.pub"
    assert secret_files(key) == (SITE / "keys/pin",)
    assert secret_files(parse_key_reference(TOKEN, SITE)) == ()
    assert str(key) == "pkcs11:token=firm;object=log-gate"


def test_the_forms_that_rfc_7512_allows() -> None:
    escaped = "pkcs11:token=The%20Firm;object=log%2dgate;type=private?pin-source=file:///run/pin&module-path=%2flib.so"
    key = parse_key_reference(escaped, SITE)
    assert key == TokenKey(
        "log-gate", Path("/lib.so"), SITE / "keys/log-gate.pub", token="The Firm", pin_file=Path("/run/pin")
    )
    by_serial = parse_key_reference("pkcs11:object=a;serial=77aa?module-path=/lib.so", SITE)
    assert by_serial == TokenKey("a", Path("/lib.so"), SITE / "keys/a.pub", serial="77aa")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "name a file"),
        ("~nobody-at-all/a.key", "write the whole path"),
        ("age:a\0", "no zero byte"),
        ("age:", "write age:FILE"),
        ("age:a?identity-file=b&passphrase-file=c", "write age:FILE"),
        ("age:a?identity=b", "no 'identity' here; known: identity-file, passphrase-file"),
        ("age:a?identity-file=", "needs one value"),
        ("pkcs11:", "write pkcs11:token=LABEL;object=LABEL"),
        ("pkcs11:token=a;object=b", "module-path=FILE"),
        ("pkcs11:object=b?module-path=/m", "write pkcs11:token="),
        ("pkcs11:token=a;serial=1;object=b?module-path=/m", "write pkcs11:token="),
        ("pkcs11:token=a;object=../b?module-path=/m", "write pkcs11:token="),
        ("pkcs11:token=a;object=b;object=c?module-path=/m", "object in a pkcs11: URI needs one value"),
        ("pkcs11:token=a;object=b;type=public?module-path=/m", "type is private"),
        ("pkcs11:token=a;object=b;id=%01?module-path=/m", "no 'id' here"),
        (f"{TOKEN}&pin-source=%7ccat%20pin", "commands are not run"),
        (f"{TOKEN}&pin-source=|cat", "commands are not run"),
        ("pkcs11:token=%ff;object=b?module-path=/m", "is not UTF-8"),
    ],
)
def test_what_names_no_place(text: str, told: str) -> None:
    with pytest.raises(KeyReferenceError) as error:
        parse_key_reference(text, SITE)
    assert told in str(error.value)


def test_a_pin_does_not_belong_in_the_settings() -> None:
    with pytest.raises(KeyReferenceError, match="put it into a file") as error:
        parse_key_reference(f"{TOKEN}&pin-value=31415926", SITE)
    assert "31415926" not in str(error.value)


def test_what_the_documentation_writes_is_a_place() -> None:
    text = (Path(__file__).resolve().parents[4] / "docs/keys.md").read_text()
    written = re.findall(r"^\| `((?:age|pkcs11):[^`]+|keys/[^`]+)` \|", text, re.MULTILINE)
    assert {type(parse_key_reference(each, SITE)).__name__ for each in written} == {
        "PosixPath",
        "AgeKey",
        "TokenKey",
    }


@given(st.sampled_from(["", "age:", "pkcs11:", "pkcs11:token=a;object=b?"]), st.text())
def test_any_text_is_a_place_or_is_refused(prefix: str, text: str) -> None:
    try:
        key = parse_key_reference(prefix + text, SITE)
    except KeyReferenceError:
        return
    assert public_file(key).is_absolute()
    assert next_key(key) != key
