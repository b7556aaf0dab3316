"""Who else may read a private key: nobody; what systemd hands over looks like a group's right, and is none."""

from pathlib import Path

import pytest

from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import may_others_read, read_key_file


@pytest.fixture
def key(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    file = folder / "gate.key"
    file.write_text("a key")
    return file


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_its_owners_alone(mode: int, key: Path) -> None:
    key.chmod(mode)
    assert read_key_file(key) == b"a key"


@pytest.mark.parametrize("mode", [0o440, 0o640, 0o604, 0o620, 0o610])
def test_anybody_elses_is_refused(mode: int, key: Path) -> None:
    key.chmod(mode)
    with pytest.raises(KeyFileError, match="others may read this private key"):
        read_key_file(key)


@pytest.mark.parametrize(("mode", "is_read"), [(0o440, True), (0o640, True), (0o444, False), (0o460, False)])
def test_a_credential_may_have_a_group_that_reads(
    mode: int, is_read: bool, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(key.parent))
    key.chmod(mode)
    assert may_others_read(key) is not is_read


def test_what_lies_elsewhere_is_no_credential(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key.chmod(0o440)
    for folder in ("", str(key.parent.parent), str(key.parent / "deeper")):
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", folder)
        assert may_others_read(key)
