"""Signed notes against the example of C2SP signed-note, changed in ways that have a name."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.log.note import (
    MAX_SIGNATURES,
    NoteError,
    encode_signer,
    encode_verifier_key,
    make_signer,
    parse_signer,
    parse_verifier_key,
    sign_note,
    verify_note,
)
from tests.support.archive import ORIGIN, SIGNER, VERIFIER_KEY, VKEY

VECTORS = json.loads((Path(__file__).parents[2] / "vectors/archive/signed-notes.json").read_text("utf-8"))
KEY = parse_verifier_key(VECTORS["vkey"])


def named(group: str) -> list[object]:
    return [pytest.param(*case["replace"], id=case["name"]) for case in VECTORS[group]]


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def test_the_specifications_example() -> None:
    assert verify_note(VECTORS["note"], [KEY]) == VECTORS["text"]
    assert encode_verifier_key(KEY) == VECTORS["vkey"]


@pytest.mark.parametrize(("old", "new"), named("accepted"))
def test_accepted(old: str, new: str) -> None:
    assert verify_note(changed(VECTORS["note"], old, new), [KEY]) == VECTORS["text"]


@pytest.mark.parametrize(("old", "new"), named("refused"))
def test_refused(old: str, new: str) -> None:
    with pytest.raises(NoteError):
        verify_note(changed(VECTORS["note"], old, new), [KEY])


@pytest.mark.parametrize(("old", "new"), named("refused_keys"))
def test_refused_keys(old: str, new: str) -> None:
    with pytest.raises(NoteError):
        parse_verifier_key(changed(VECTORS["vkey"], old, new))


@pytest.mark.parametrize(
    "text", ["one line\n", "Sera\n\nè subito\n", "\n", "a\n\n\nb\n", "— not a signature\n"]
)
def test_what_is_signed_is_verified(text: str) -> None:
    assert verify_note(sign_note(text, SIGNER), [VERIFIER_KEY]) == text


@pytest.mark.parametrize("text", ["", "no newline", "a\tb\n", "a\r\n", "a\x00\n"])
def test_texts_that_no_note_can_carry(text: str) -> None:
    with pytest.raises(NoteError):
        sign_note(text, SIGNER)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\n"])
def test_names_that_no_key_can_have(name: str) -> None:
    with pytest.raises(NoteError):
        make_signer(name, Ed25519PrivateKey.generate())


def test_sixteen_signatures_are_accepted_and_a_flood_is_not() -> None:
    note = sign_note("text\n", SIGNER)
    others = "".join(f"— other.example/{number} AAAAAAECAwQ=\n" for number in range(MAX_SIGNATURES))
    assert verify_note(note + "".join(others.splitlines(keepends=True)[:15]), [VERIFIER_KEY]) == "text\n"
    with pytest.raises(NoteError):
        verify_note(note + others, [VERIFIER_KEY])


def test_no_key_verifies_nothing() -> None:
    with pytest.raises(NoteError):
        verify_note(VECTORS["note"], [])


def test_a_private_key_comes_back() -> None:
    text = encode_signer(SIGNER)
    assert text.startswith(f"PRIVATE+KEY+{ORIGIN}+{VKEY.split('+')[1]}+")
    signer = parse_signer(text)
    assert (signer.name, signer.key_id) == (SIGNER.name, SIGNER.key_id)
    assert verify_note(sign_note("text\n", signer), [VERIFIER_KEY]) == "text\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("PRIVATE+KEY+", ""),
        ("PRIVATE", "PUBLIC"),
        ("gate", "gata"),
        ("+AQ", "+Ag"),
        ("HR4f", "HR4g"),
        ("HR4f", ""),
    ],
)
def test_a_private_key_that_is_none(old: str, new: str) -> None:
    with pytest.raises(NoteError):
        parse_signer(changed(encode_signer(SIGNER), old, new))
