"""Each file of a key or a secret that is not what its name says is told before anything starts, and nothing of it."""

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.settings.secret import SECRET_MIN, read_secret
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site.check import check_site
from components.site.init import load_passwords
from components.site.key_check import find_key_problems, keys_of_others, private_files
from components.site.parts import parts_of
from components.site.server import write_config

SECRETS = ("gate.secret", "access.secret", "roster.secret", "transfer.secret", "link.key", "address.key")
KEYS = (
    *(
        "log-gate.key",
        "log-gate.pub",
        "log-audit.pub",
        "log-transfer.key",
        "conversation.key",
        "delivery.key",
    ),
    *("auditor.key", "auditor.pub", "escrow.pub", "ca.key"),
)

Spoil = Callable[[bytes], bytes]
ZEROS: Spoil = lambda content: bytes(len(content))  # noqa: E731 - a row of a table
GARBAGE: Spoil = lambda content: random.Random(7).randbytes(len(content))  # noqa: E731
SPOILT: dict[str, Spoil] = {
    "empty": lambda _: b"",
    "one byte": lambda content: content[:1],
    "zeros": ZEROS,
    "garbage": GARBAGE,
}


@pytest.fixture
def keys(site: Path) -> Path:
    return site.parent / "keys"


def problems(keys: Path) -> list[str]:
    return find_key_problems(SiteFile(keys.parent / "site.toml"))


def take_out_of_site(keys: Path, *tables: str) -> None:
    file = keys.parent / "site.toml"
    text = file.read_text()
    for table in tables:
        text = re.sub(rf"^\[{table}\][^\[]*", "", text, flags=re.MULTILINE)
    file.write_text(text)


def test_what_init_makes_is_right(keys: Path) -> None:
    assert problems(keys) == []


def test_each_secret_of_a_site_is_tried_here(keys: Path) -> None:
    site = SiteFile(keys.parent / "site.toml")
    there = {file.name for part in parts_of(site) for file in part.secrets}
    assert there == {*SECRETS, "console.link"}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("name", [*SECRETS, *KEYS])
def test_what_is_cut_or_damaged_is_named(keys: Path, name: str, how: str) -> None:
    file = keys / name
    spoilt = SPOILT[how](file.read_bytes())
    file.write_bytes(spoilt)
    found = problems(keys)
    assert len(found) == 1
    assert f"{file}" in found[0]
    assert "\n" not in found[0]
    assert len(found[0]) < len(str(file)) + 200


@pytest.mark.parametrize("name", KEYS)
def test_half_a_key_is_none(keys: Path, name: str) -> None:
    content = (keys / name).read_bytes()
    (keys / name).write_bytes(content[: len(content) // 2])
    (problem,) = problems(keys)
    assert str(keys / name) in problem


@pytest.mark.parametrize(
    ("name", "other"), [("log-gate.key", "log-roster.key"), ("ca.key", None)], ids=["log", "authority"]
)
def test_the_key_of_something_else_is_named(keys: Path, tmp_path: Path, name: str, other: str | None) -> None:
    if other is None:
        from tests.support.certificates import CertificateAuthority

        CertificateAuthority(tmp_path / "elsewhere")
        shutil.copy(tmp_path / "elsewhere" / "ca.key", keys / name)
    else:
        shutil.copy(keys / other, keys / name)
    (problem,) = problems(keys)
    assert problem.startswith(f"{keys / name} is not the key of ")


@pytest.mark.parametrize("name", ["conversation.key", "log-gate.key", "ca.key", "link.key", "delivery.key"])
def test_what_others_may_read_is_named_first(keys: Path, name: str) -> None:
    (keys / "gate.secret").write_text("")
    (keys / name).chmod(0o640)
    assert problems(keys) == [f"others may read {keys / name}; run `chmod 600 {keys / name}`"]


def test_the_keys_of_certificates_are_private_wherever_they_are(keys: Path, tmp_path: Path) -> None:
    site_toml = keys.parent / "site.toml"
    for ending in ("crt", "key"):
        shutil.copy(keys.parent / "certs" / f"localhost.{ending}", tmp_path / f"bought.{ending}")
    (tmp_path / "bought.key").chmod(0o644)
    text = site_toml.read_text()
    site_toml.write_text(text.replace('"certs/localhost.crt"', f'"{tmp_path}/bought.crt"'))
    assert tmp_path / "bought.key" in private_files(SiteFile(site_toml))
    assert problems(keys) == [f"others may read {tmp_path}/bought.key; run `chmod 600 {tmp_path}/bought.key`"]


def test_keys_that_are_kept_elsewhere_are_not_asked_for(keys: Path) -> None:
    for name in ("log-audit.key", "ca.key", "accounts.toml"):
        (keys / name).unlink()
    assert problems(keys) == []


def test_the_auditors_key_is_asked_for_where_a_process_reads_with_it(keys: Path) -> None:
    (keys / "auditor.key").unlink()
    (told,) = problems(keys)
    assert told.startswith(f"{keys / 'auditor.key'}: cannot be read")
    assert "take [indexer] and [console] out of site.toml" in told
    take_out_of_site(keys, "indexer", "console")
    assert problems(keys) == []


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe\x00", b"\0" * 64, b"two\nlines"])
def test_no_process_goes_on_with_what_is_no_secret(keys: Path, content: bytes) -> None:
    file = keys / "access.secret"
    file.write_bytes(content)
    with pytest.raises(
        SettingsError, match=r"access\.secret holds no secret; delete it and run `steelyard init`"
    ):
        read_secret(file)
    with pytest.raises(SettingsError, match=r"access\.secret holds no secret"):
        write_config(SiteFile(keys.parent / "site.toml"))


def test_a_secret_that_cannot_be_read_is_named(keys: Path) -> None:
    (keys / "gate.secret").unlink()
    (keys / "gate.secret").mkdir()
    with pytest.raises(SettingsError, match=r"gate\.secret: cannot be read \(Is a directory\)"):
        read_secret(keys / "gate.secret")


def test_a_secret_of_an_operators_own_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "own.secret"
    file.write_text("x" * SECRET_MIN + "\n")
    assert read_secret(file) == "x" * SECRET_MIN


def test_passwords_that_are_no_text(keys: Path) -> None:
    (keys / "accounts.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SiteError, match=r"accounts\.toml: "):
        load_passwords(SiteFile(keys.parent / "site.toml"))
    assert len(problems(keys)) == 1


@pytest.mark.slow
def test_keys_that_no_process_needs_are_named_until_they_are_elsewhere(keys: Path) -> None:
    site = SiteFile(keys.parent / "site.toml")
    approvers = sorted(file.name for file in keys.glob("approver-*.key"))
    assert len(approvers) >= 2
    assert sorted(file.name for file in keys_of_others(site)) == [*approvers, "ca.key", "escrow.key"]
    (told,) = [each.text for each in check_site(site.path) if "move them elsewhere" in each.text]
    assert "escrow.key" in told
    for file in keys_of_others(site):
        file.unlink()
    assert keys_of_others(site) == []
    assert not [each for each in check_site(site.path) if "move them elsewhere" in each.text]


def test_the_auditors_key_belongs_elsewhere_where_nothing_here_reads_with_it(keys: Path) -> None:
    take_out_of_site(keys, "indexer", "console")
    assert "auditor.key" in {file.name for file in keys_of_others(SiteFile(keys.parent / "site.toml"))}
