"""What the transfer component needs of the system is checked with its settings."""

import ctypes.util
from pathlib import Path

import pytest

from components.settings import transfer
from components.settings.transfer import TransferSettings

PLACES = (
    "secret_file",
    "files",
    "state_file",
    "status_file",
    "link_key_file",
    "address_key_file",
    "delivery_key_file",
)


def settings(folder: Path, **more: str) -> TransferSettings:
    for name in (*PLACES, "log.key"):
        (folder / name).touch()
    table = {
        "jid": "files.metals.example",
        "port": 5281,
        "log": "transfer.db",
        "log_origin": "files.metals.example/log",
        "log_key_file": "log.key",
    }
    return TransferSettings.model_validate(
        table | {name: name for name in PLACES} | more, context={"folder": folder}
    )


@pytest.fixture(autouse=True)
def asked_anew() -> None:
    transfer._has_library.cache_clear()


def test_nothing_is_missing(tmp_path: Path) -> None:
    assert list(settings(tmp_path).find_problems()) == []


def test_a_certificate_that_is_a_folder_has_no_key_beside_it(tmp_path: Path) -> None:
    (problem,) = settings(tmp_path, certificate="/").find_problems()
    assert problem.startswith("transfer.certificate: ")


@pytest.mark.parametrize(("library", "package"), [("magic", "libmagic1"), ("archive", "libarchive13")])
def test_a_library_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, package: str
) -> None:
    monkeypatch.setattr(
        ctypes.util, "find_library", lambda name: None if name == library else f"lib{name}.so"
    )
    (problem,) = settings(tmp_path).find_problems()
    assert problem == f"transfer: lib{library}, which looks into files, is missing; install {package}"
    transfer._has_library.cache_clear()
