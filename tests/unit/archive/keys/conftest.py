"""Places where a private key may be kept, each of them a real one."""

from collections.abc import Callable
from pathlib import Path

import pyrage
import pytest

from components.archive.keys.reference import KeyReference, parse_key_reference
from tests.support.token import make_token, token_uri, use_token

PLACES = ("file", "age", pytest.param("token", marks=pytest.mark.programs))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a site, with one for keys."""
    (tmp_path / "keys").mkdir(mode=0o700)
    return tmp_path


@pytest.fixture
def token(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a token whose PIN is in the folder's file `pin`; returns the folder."""
    use_token(make_token(folder), monkeypatch)
    return folder


@pytest.fixture(params=PLACES)
def place(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], KeyReference]:
    """Return what gives the place of a key by its name, once for each kind of place."""
    if request.param == "token":
        use_token(make_token(folder), monkeypatch)
        return lambda name: parse_key_reference(token_uri(name), folder)
    if request.param == "file":
        return lambda name: parse_key_reference(f"keys/{name}.key", folder)
    write_identity(folder / "age.txt")
    return lambda name: parse_key_reference(f"age:keys/{name}.key.age?identity-file=age.txt", folder)


def write_identity(path: Path) -> pyrage.x25519.Identity:
    identity = pyrage.x25519.Identity.generate()
    path.write_text(f"# public key: {identity.to_public()}\n{identity}\n")
    path.chmod(0o600)
    return identity
