"""A key does the same wherever it is kept: in a file, in an age file, in a token."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from components.archive.keys import (
    KeyFileError,
    create_log_key,
    create_recipient_key,
    load_log_key,
    load_recipient,
    load_recipient_key,
    load_verifier_key,
)
from components.archive.keys.private import is_kept, remove_key
from components.archive.keys.reference import KeyReference, public_file
from components.archive.log.note import sign_note, verify_note
from components.archive.seal import (
    RecipientKey,
    SealError,
    new_segment_keys,
    open_segment_keys,
    seal_segment_keys,
)
from tests.support.archive import ORIGIN

Place = Callable[[str], KeyReference]


def test_a_log_key_signs(place: Place, folder: Path) -> None:
    key = place("log-gate")
    assert not is_kept(key)
    created = create_log_key(key, ORIGIN)
    loaded, public = load_log_key(key), load_verifier_key(folder / "keys/log-gate.pub")
    assert loaded.name == created.name == public.name == ORIGIN
    assert loaded.key_id == public.key_id
    assert sign_note("text\n", loaded) == sign_note("text\n", created)
    assert verify_note(sign_note("text\n", loaded), [public]) == "text\n"


def test_a_recipient_key_opens(place: Place, folder: Path) -> None:
    create_recipient_key(place("auditor"), "auditor")
    recipient = load_recipient(folder / "keys/auditor.pub")
    loaded = load_recipient_key(place("auditor"))
    assert (loaded.name, loaded.key_id) == ("auditor", recipient.key_id)
    keys = new_segment_keys()
    envelopes = seal_segment_keys(keys, ORIGIN, 7, [recipient])
    assert open_segment_keys(envelopes, ORIGIN, 7, [loaded]) == keys
    with pytest.raises(SealError):
        open_segment_keys(envelopes, ORIGIN, 8, [loaded])
    stranger = RecipientKey("auditor", X25519PrivateKey.generate())
    with pytest.raises(SealError):
        loaded.open_envelope(b"\0" * 200, b"")
    with pytest.raises(SealError):
        open_segment_keys(envelopes, ORIGIN, 7, [stranger])


@pytest.mark.parametrize("create", [create_log_key, create_recipient_key])
def test_a_key_is_never_replaced(create: Callable[[KeyReference, str], object], place: Place) -> None:
    key = place("one")
    create(key, ORIGIN)
    before = public_file(key).read_bytes()
    with pytest.raises(KeyFileError, match="exists already"):
        create(key, ORIGIN)
    assert public_file(key).read_bytes() == before


@pytest.mark.parametrize("create", [create_log_key, create_recipient_key])
@pytest.mark.parametrize("name", ["", "two words", "one+one", "line\nbreak"])
def test_a_name_that_no_line_can_hold(
    create: Callable[[KeyReference, str], object], name: str, place: Place
) -> None:
    with pytest.raises(KeyFileError, match="no space and no plus sign"):
        create(place("one"), name)
    assert not public_file(place("one")).exists()
    assert not is_kept(place("one"))


def test_a_recipients_creation_that_was_killed_halfway_is_completed(place: Place) -> None:
    made = create_recipient_key(place("auditor"), "auditor")
    public_file(place("auditor")).unlink()
    assert create_recipient_key(place("auditor"), "auditor").key_id == made.key_id
    assert load_recipient(public_file(place("auditor"))).key_id == made.key_id


def test_a_private_key_that_was_taken_away_is_not_made_anew(place: Place) -> None:
    made = create_recipient_key(place("escrow"), "escrow")
    remove_key(place("escrow"))
    assert not is_kept(place("escrow"))
    with pytest.raises(KeyFileError, match="its private key elsewhere"):
        create_recipient_key(place("escrow"), "escrow")
    assert load_recipient(public_file(place("escrow"))).key_id == made.key_id


def test_a_key_that_is_not_there(place: Place) -> None:
    for load in (load_log_key, load_recipient_key):
        with pytest.raises(KeyFileError):
            load(place("none"))
    remove_key(place("none"))


@pytest.mark.parametrize("load", [load_log_key, load_recipient_key])
@pytest.mark.parametrize("content", [b"", b"secret\n", b"secret\xff\xfe\n"])
def test_what_is_no_key_of_its_kind_is_refused_without_showing_it(
    load: Callable[[Path], object], content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="not the private key of a") as error:
        load(path)
    assert "secret" not in str(error.value)
