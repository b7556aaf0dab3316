"""A PKCS#11 token in software: Debian's softhsm2, with a store of its own."""

import os
import subprocess
from pathlib import Path

import pkcs11
import pytest

from components.archive.keys import token

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL = "steelyard test"
PIN = "31415926"


def make_token(folder: Path, label: str = LABEL) -> Path:
    """Make a token, and the file with its PIN; gives the settings file that SOFTHSM2_CONF must name."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True, exist_ok=True)
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "27182818"],
        env=os.environ | {"SOFTHSM2_CONF": str(settings)},
        check=True,
        capture_output=True,
        timeout=60,
    )
    pin = folder / "pin"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    return settings


def use_token(settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process see the token, as a new process would."""
    monkeypatch.setenv("SOFTHSM2_CONF", str(settings))
    monkeypatch.setattr(token, "_sessions", {})
    pkcs11.lib(str(MODULE)).reinitialize()


def token_uri(name: str, pin_source: str = "file:pin") -> str:
    place = f"token={LABEL.replace(' ', '%20')};object={name};type=private"
    return f"pkcs11:{place}?module-path={MODULE}&pin-source={pin_source}"
