import pytest

from components.archive.log.checkpoint import (
    Checkpoint,
    CheckpointError,
    encode_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
)
from components.archive.log.note import NoteError, make_verifier_key, sign_note
from tests.support.archive import KEY, ORIGIN, SIGNER, VERIFIER_KEY

EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
ROOT = bytes.fromhex("0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62")


def test_the_specifications_example() -> None:
    checkpoint = Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    assert parse_checkpoint(EXAMPLE) == checkpoint
    assert encode_checkpoint(checkpoint) == EXAMPLE


def test_extension_lines_are_passed_over() -> None:
    assert parse_checkpoint(EXAMPLE + "an extension\n") == parse_checkpoint(EXAMPLE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        EXAMPLE[:-1],
        EXAMPLE + "\n",
        EXAMPLE.replace("20852163", "020852163"),
        EXAMPLE.replace("20852163", "-1"),
        EXAMPLE.replace("20852163", "1e3"),
        EXAMPLE.replace("20852163", "1_0"),
        EXAMPLE.replace("20852163", "٣"),
        EXAMPLE.replace("20852163", "9" * 20),
        EXAMPLE.replace("20852163", ""),
        EXAMPLE.replace("example.com/behind-the-sofa", ""),
        EXAMPLE.replace("q2I=", "q2J="),
        EXAMPLE.replace("q2I=", "q2I"),
        EXAMPLE.replace("CsUY", ""),
        EXAMPLE.replace("CsUY", "CsUYCsUY"),
        EXAMPLE.replace("CsUY", "Cs-Y"),
    ],
)
def test_texts_that_are_no_checkpoint(text: str) -> None:
    with pytest.raises(CheckpointError):
        parse_checkpoint(text)


def test_a_signed_checkpoint_comes_back() -> None:
    checkpoint = Checkpoint(ORIGIN, 7, ROOT)
    assert verify_checkpoint(sign_checkpoint(checkpoint, SIGNER), VERIFIER_KEY) == checkpoint


def test_another_logs_checkpoint_under_the_same_key_is_refused() -> None:
    note = sign_note(encode_checkpoint(Checkpoint("steelyard.example/audit", 7, ROOT)), SIGNER)
    with pytest.raises(CheckpointError, match="audit"):
        verify_checkpoint(note, VERIFIER_KEY)


def test_the_same_key_under_another_name_is_another_key() -> None:
    note = sign_checkpoint(Checkpoint(ORIGIN, 7, ROOT), SIGNER)
    with pytest.raises(NoteError):
        verify_checkpoint(note, make_verifier_key("steelyard.example/audit", KEY.public_key()))
