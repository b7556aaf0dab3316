"""`steelyard check` says what does not fit: files, keys, the component's address, approvers."""

from pathlib import Path

import pytest

from components.archive.keys import create_log_key
from components.rules.access.check import find_access_problems
from tests.unit.rules.test_grants import DIRECTORY, make_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("erin", "frank", "bob"):
        create_log_key(tmp_path / f"{name}.key", f"approver/{name}@metals.example")
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    return tmp_path


def problems(root: Path, **changes: object) -> list[str]:
    return list(find_access_problems(make_settings(root, **changes), root / "directory.toml"))


def test_what_fits_is_not_named(root: Path) -> None:
    assert problems(root) == []
    (root / "directory.toml").unlink()
    assert problems(root) == [], "what is wrong with the directory is told with the directory"


def test_what_does_not_fit_is_named(root: Path) -> None:
    (missing,) = problems(root, approvers=[root / "erin.pub", root / "gone.pub"])
    assert "there is no" in missing
    assert "gone.pub; `steelyard keys make JID --approver`" in missing
    (bob,) = problems(root, approvers=[root / "erin.pub", root / "frank.pub", root / "bob.pub"])
    assert "approver/bob@metals.example belongs to nobody with the role approver" in bob
    (address,) = problems(root, jid="entry.metals.example")
    assert 'write access = "entry.metals.example" there' in address
    (root / "access").mkdir()
    (root / "access" / "x.note").write_text("damaged")
    (damaged,) = problems(root)
    assert "put it back from a backup" in damaged
