from pathlib import Path

import pytest

from components.archive.keys import KeyFileError, create_log_key, load_log_key, load_verifier_key
from components.archive.log.note import encode_signer, sign_note, verify_note
from tests.support.archive import ORIGIN, file_modes


def test_a_new_key_is_a_pair_of_files(tmp_path: Path) -> None:
    path = tmp_path / "log-gate.key"
    created = create_log_key(path, ORIGIN)
    loaded, public = load_log_key(path), load_verifier_key(tmp_path / "log-gate.pub")
    assert encode_signer(loaded) == encode_signer(created)
    assert loaded.name == public.name == ORIGIN
    assert verify_note(sign_note("text\n", loaded), [public]) == "text\n"
    assert file_modes(tmp_path) == {"log-gate.key": 0o600, "log-gate.pub": 0o644}
    assert path.read_text().startswith(f"PRIVATE+KEY+{ORIGIN}+")
    assert path.read_text().count("\n") == 1


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    create_log_key(tmp_path / "log-gate.key", ORIGIN)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(KeyFileError, match="exists already"):
        create_log_key(tmp_path / "log-gate.key", ORIGIN)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_creation_that_was_killed_halfway_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "log-gate.pub").write_text("of a private key that was never written\n")
    (tmp_path / "log-gate.key.new").write_text("half")
    create_log_key(tmp_path / "log-gate.key", ORIGIN)
    public = load_verifier_key(tmp_path / "log-gate.pub")
    assert verify_note(sign_note("text\n", load_log_key(tmp_path / "log-gate.key")), [public]) == "text\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["log-gate.key", "log-gate.pub"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    create_log_key(tmp_path / "log-gate.key", ORIGIN)
    (tmp_path / "log-gate.key").chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_log_key(tmp_path / "log-gate.key")


@pytest.mark.parametrize("content", [b"", b"secret", b"\xff\xfe", b"PRIVATE+KEY+a+00000000+AAAA"])
def test_a_file_that_is_no_key_is_refused_without_showing_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "log-gate.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError) as error:
        load_log_key(path)
    assert "secret" not in str(error.value)
    with pytest.raises(KeyFileError):
        load_verifier_key(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for load in (load_log_key, load_verifier_key):
        with pytest.raises(KeyFileError, match="No such file"):
            load(tmp_path / "none")
    with pytest.raises(KeyFileError, match="cannot be written"):
        create_log_key(tmp_path / "none" / "log-gate.key", ORIGIN)
