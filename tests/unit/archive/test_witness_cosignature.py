"""Cosignatures against a note of our own, changed in ways that have a name, and against the specification's words."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from components.archive.log.checkpoint import CheckpointError, verify_checkpoint
from components.archive.log.cosignature import (
    MAX_TIMESTAMP_S,
    CosignatureError,
    Cosigner,
    cosign_checkpoint,
    encode_cosigner,
    encode_cosigner_key,
    parse_cosigner,
    parse_cosigner_key,
    verify_cosignatures,
)
from components.archive.log.note import NoteError, parse_verifier_key, sign_note, verify_note
from tests.support.archive import SIGNER, VERIFIER_KEY
from tests.support.witness import COSIGNER_KEYS, COSIGNERS, NAME, MemoryLog

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors/archive/witness-cosignatures.json").read_text("utf-8")
)
NOTE: str = VECTORS["note"]
TEXT = MemoryLog().note(5).split("\n\n")[0] + "\n"
LOG_KEY = parse_verifier_key(VECTORS["log"])
KEYS = [parse_cosigner_key(vkey) for vkey in VECTORS["vkeys"]]


def named(group: str) -> list[object]:
    return [pytest.param(*case["replace"], id=case["name"]) for case in VECTORS[group]]


def changed(old: str, new: str) -> str:
    assert NOTE.count(old) == 1
    return NOTE.replace(old, new)


def verify_whole(note: str) -> None:
    """Verify the log's signature and one cosignature by each key."""
    verify_checkpoint(note, LOG_KEY)
    found = verify_cosignatures(note, KEYS)
    if {each.key.key_id for each in found} != {key.key_id for key in KEYS}:
        raise CosignatureError("a cosignature is missing")


def test_the_vector_is_of_these_keys() -> None:
    assert [key.key_id for key in KEYS] == [key.key_id for key in COSIGNER_KEYS]
    assert [encode_cosigner_key(key) for key in COSIGNER_KEYS] == VECTORS["vkeys"]
    found = verify_cosignatures(NOTE, KEYS)
    assert [each.timestamp_s for each in found] == [VECTORS["time_s"]] * 2
    assert verify_checkpoint(NOTE, VERIFIER_KEY) == MemoryLog().checkpoint(5)


@pytest.mark.parametrize(("old", "new"), named("accepted"))
def test_accepted(old: str, new: str) -> None:
    verify_whole(changed(old, new))


@pytest.mark.parametrize(("old", "new"), named("refused"))
def test_refused(old: str, new: str) -> None:
    with pytest.raises((NoteError, CheckpointError)):
        verify_whole(changed(old, new))


@pytest.mark.parametrize("vkey", [pytest.param(c["vkey"], id=c["name"]) for c in VECTORS["refused_keys"]])
def test_refused_keys(vkey: str) -> None:
    with pytest.raises(NoteError):
        parse_cosigner_key(vkey)


def test_the_message_of_ed25519_is_that_of_the_specification() -> None:
    line = verify_cosignatures(NOTE, KEYS[1:])[0].line
    signature = Ed25519PrivateKey.from_private_bytes(bytes([8] * 32)).sign(
        b"cosignature/v1\ntime %d\n" % VECTORS["time_s"] + TEXT.encode()
    )
    assert line.signature == VECTORS["time_s"].to_bytes(8, "big") + signature


def test_the_message_of_ml_dsa_44_is_that_of_the_specification() -> None:
    line = verify_cosignatures(NOTE, KEYS[:1])[0].line
    root = MemoryLog().checkpoint(5).root
    origin, name, time = b"steelyard.example/gate", NAME.encode(), line.signature[:8]
    message = b"subtree/v1\n\x00" + bytes([len(name)]) + name + time + bytes([len(origin)]) + origin
    message += bytes(8) + (5).to_bytes(8, "big") + root
    public_key = MLDSA44PrivateKey.from_seed_bytes(bytes([7] * 32)).public_key()
    public_key.verify(line.signature[8:], message)  # raises


@pytest.mark.parametrize("cosigner", COSIGNERS)
def test_a_private_key_comes_back(cosigner: Cosigner) -> None:
    again = parse_cosigner(encode_cosigner(cosigner))
    assert again.cosigner_key.key_id == cosigner.cosigner_key.key_id
    line = cosign_checkpoint(TEXT, again, 1)
    (found,) = verify_cosignatures(MemoryLog().note(5) + line, COSIGNER_KEYS)
    assert (found.key.name, found.timestamp_s) == (NAME, 1)


@pytest.mark.parametrize("cosigner", COSIGNERS)
@pytest.mark.parametrize(
    ("old", "new"), [("PRIVATE+KEY+", ""), ("other", "othes"), ("PRIVATE", "PUBLIC"), ("example", "exam ple")]
)
def test_a_private_key_that_is_none(cosigner: Cosigner, old: str, new: str) -> None:
    with pytest.raises(NoteError):
        parse_cosigner(encode_cosigner(cosigner).replace(old, new))


def test_the_key_of_a_log_is_not_the_key_of_a_cosigner() -> None:
    """The same Ed25519 key has another id for each type, and neither passes for the other."""
    cosigner = Cosigner(VERIFIER_KEY.name, SIGNER.private_key)
    assert cosigner.cosigner_key.key_id != VERIFIER_KEY.key_id
    note = MemoryLog().note(5)
    assert verify_cosignatures(note, [cosigner.cosigner_key]) == []
    only_cosigned = f"{TEXT}\n{cosign_checkpoint(TEXT, cosigner, 1)}"
    with pytest.raises(NoteError):
        verify_note(only_cosigned, [VERIFIER_KEY])


@pytest.mark.parametrize("cosigner", COSIGNERS)
@pytest.mark.parametrize("time_s", [-1, MAX_TIMESTAMP_S + 1])
def test_times_that_no_cosignature_has(cosigner: Cosigner, time_s: int) -> None:
    with pytest.raises(CosignatureError):
        cosign_checkpoint(TEXT, cosigner, time_s)


@pytest.mark.parametrize("cosigner", COSIGNERS)
def test_what_is_no_checkpoint_is_not_cosigned(cosigner: Cosigner) -> None:
    with pytest.raises(CheckpointError):
        cosign_checkpoint("text\n", cosigner, 1)
    with pytest.raises(CheckpointError):
        verify_cosignatures(sign_note("text\n", SIGNER), COSIGNER_KEYS)


def test_names_that_are_too_long_for_the_structure() -> None:
    long = Cosigner("x" * 256, COSIGNERS[0].private_key)
    with pytest.raises(CosignatureError):
        cosign_checkpoint(TEXT, long, 1)
    assert cosign_checkpoint(TEXT, Cosigner("x" * 255, COSIGNERS[0].private_key), 1)
    assert cosign_checkpoint(TEXT, Cosigner("x" * 256, COSIGNERS[1].private_key), 1)


def test_an_extension_line_is_cosigned_by_ed25519_and_passed_over_by_ml_dsa_44() -> None:
    text = TEXT + "an extension\n"
    note = sign_note(text, SIGNER) + "".join(cosign_checkpoint(text, each, 1) for each in COSIGNERS)
    assert len(verify_cosignatures(note, COSIGNER_KEYS)) == 2
    altered = note.replace("an extension", "no extension")
    assert len(verify_cosignatures(altered, COSIGNER_KEYS[:1])) == 1
    with pytest.raises(CosignatureError):
        verify_cosignatures(altered, COSIGNER_KEYS[1:])
