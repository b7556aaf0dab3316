"""Keys in real age files: to an identity, with a passphrase, by the environment; and with the wrong ones."""

from pathlib import Path

import pyrage
import pytest

from components.archive.keys import KeyFileError, create_log_key, load_log_key, load_recipient_key
from components.archive.keys.reference import AgeKey
from components.archive.log.note import encode_signer
from tests.support.archive import ORIGIN, file_modes
from tests.unit.archive.keys.conftest import write_identity

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STEELYARD_AGE_IDENTITY_FILE", "STEELYARD_AGE_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)


def write_passphrase(path: Path, passphrase: str = PASSPHRASE) -> Path:
    path.write_text(passphrase + "\n")
    path.chmod(0o600)
    return path


def test_what_lies_on_the_disk_is_an_age_file(tmp_path: Path) -> None:
    identity = write_identity(tmp_path / "age.txt")
    key = AgeKey(tmp_path / "log-gate.key.age", identity_file=tmp_path / "age.txt")
    made = create_log_key(key, ORIGIN)
    content = key.path.read_bytes()
    assert content.startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert pyrage.decrypt(content, [identity]) == f"{encode_signer(made)}\n".encode()
    assert file_modes(tmp_path) == {"age.txt": 0o600, "log-gate.key.age": 0o600, "log-gate.pub": 0o644}


def test_a_file_that_age_itself_made_and_armoured(tmp_path: Path) -> None:
    identity = write_identity(tmp_path / "age.txt")
    made = create_log_key(tmp_path / "plain.key", ORIGIN)
    armoured = pyrage.encrypt((tmp_path / "plain.key").read_bytes(), [identity.to_public()], armored=True)
    key = AgeKey(tmp_path / "log-gate.key.age", identity_file=tmp_path / "age.txt")
    key.path.write_bytes(armoured)
    key.path.chmod(0o600)
    assert encode_signer(load_log_key(key)) == encode_signer(made)


@pytest.mark.slow
def test_a_passphrase(tmp_path: Path) -> None:
    key = AgeKey(tmp_path / "log-gate.key.age", passphrase_file=write_passphrase(tmp_path / "word"))
    made = create_log_key(key, ORIGIN)
    assert key.path.read_bytes().startswith(b"age-encryption.org/v1\n-> scrypt ")
    assert encode_signer(load_log_key(key)) == encode_signer(made)
    write_passphrase(tmp_path / "word", "another")
    with pytest.raises(KeyFileError, match="does not decrypt with") as error:
        load_log_key(key)
    assert PASSPHRASE not in str(error.value)


def test_what_opens_it_may_be_named_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = AgeKey(tmp_path / "log-gate.key.age")
    with pytest.raises(KeyFileError, match=r"\?identity-file=FILE, or set STEELYARD_AGE_IDENTITY_FILE"):
        create_log_key(key, ORIGIN)
    write_identity(tmp_path / "age.txt")
    monkeypatch.setenv("STEELYARD_AGE_IDENTITY_FILE", str(tmp_path / "age.txt"))
    assert not key.path.exists()
    (tmp_path / "log-gate.pub").unlink()
    made = create_log_key(key, ORIGIN)
    assert encode_signer(load_log_key(key)) == encode_signer(made)
    monkeypatch.delenv("STEELYARD_AGE_IDENTITY_FILE")
    monkeypatch.setenv("STEELYARD_AGE_PASSPHRASE_FILE", str(write_passphrase(tmp_path / "word")))
    with pytest.raises(KeyFileError, match="does not decrypt with"):
        load_log_key(key)


def test_another_identity_does_not_open_it(tmp_path: Path) -> None:
    write_identity(tmp_path / "age.txt")
    key = AgeKey(tmp_path / "log-gate.key.age", identity_file=tmp_path / "age.txt")
    create_log_key(key, ORIGIN)
    write_identity(tmp_path / "age.txt")
    with pytest.raises(KeyFileError, match="name the right file"):
        load_log_key(key)


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_an_altered_file_does_not_open(place: int, tmp_path: Path) -> None:
    write_identity(tmp_path / "age.txt")
    key = AgeKey(tmp_path / "log-gate.key.age", identity_file=tmp_path / "age.txt")
    create_log_key(key, ORIGIN)
    content = bytearray(key.path.read_bytes())
    content[place % len(content)] ^= 1
    key.path.write_bytes(content)
    with pytest.raises(KeyFileError):
        load_log_key(key)


@pytest.mark.parametrize("content", ["", "# nothing\n", "AGE-SECRET-KEY-1XX\n", "secret\n"])
def test_a_file_that_is_no_identity(content: str, tmp_path: Path) -> None:
    (tmp_path / "age.txt").write_text(content)
    (tmp_path / "age.txt").chmod(0o600)
    with pytest.raises(KeyFileError, match="not an age identity file") as error:
        create_log_key(AgeKey(tmp_path / "a.age", identity_file=tmp_path / "age.txt"), ORIGIN)
    assert "secret" not in str(error.value)


def test_others_may_read_neither_the_key_nor_what_opens_it(tmp_path: Path) -> None:
    write_identity(tmp_path / "age.txt")
    key = AgeKey(tmp_path / "log-gate.key.age", identity_file=tmp_path / "age.txt")
    create_log_key(key, ORIGIN)
    for path in (tmp_path / "age.txt", key.path):
        path.chmod(0o640)
        with pytest.raises(KeyFileError, match="chmod 600"):
            load_log_key(key)
        path.chmod(0o600)


def test_a_key_of_another_kind_is_refused_without_showing_it(tmp_path: Path) -> None:
    write_identity(tmp_path / "age.txt")
    key = AgeKey(tmp_path / "log-gate.key.age", identity_file=tmp_path / "age.txt")
    made = create_log_key(key, ORIGIN)
    with pytest.raises(KeyFileError, match="not the private key of a recipient") as error:
        load_recipient_key(key)
    assert encode_signer(made)[-20:] not in str(error.value)
