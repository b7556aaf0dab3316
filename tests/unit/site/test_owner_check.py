"""A site's files that belong to somebody else are told, also to root, who can read and change them all."""

import pwd
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.settings.site import SiteFile
from components.site.key_check import private_files
from components.site.needs import GROUP, find_needs
from components.site.owner_check import find_foreign_files, find_foreign_keys
from components.site.units import render_units
from tests.support.system_site import whole_example

USER, MALLORY, NOBODY_KNOWN = 901, 902, 903
NAMES = {0: "root", USER: "steelyard", MALLORY: "mallory"}


def owners(site: Path, others: Mapping[str, int], user: int = USER) -> Callable[[Path], int]:
    """Return who owns what: `user` has all, but for `others`, by their paths in the site's folder."""
    known = {site.parent / name: owner for name, owner in others.items()}
    return lambda path: known.get(path, user)


@pytest.fixture(autouse=True)
def known_users(monkeypatch: pytest.MonkeyPatch) -> dict[int, str]:
    names = dict(NAMES)
    monkeypatch.setattr(pwd, "getpwuid", lambda number: SimpleNamespace(pw_name=names[number]))
    entries = lambda: [SimpleNamespace(pw_name=name, pw_uid=number) for number, name in names.items()]  # noqa: E731
    monkeypatch.setattr(pwd, "getpwall", entries)
    return names


@pytest.fixture
def written(site: Path) -> Path:
    """A site whose gate has begun its log."""
    log = site.parent / "archive" / "gate.db"
    log.parent.mkdir(exist_ok=True)
    log.touch()
    return site


def keys(site: Path, others: Mapping[str, int], user: int = USER) -> list[str]:
    found = find_foreign_keys(SiteFile(site), owners(site, others, user))
    return [line.replace(f"{site.parent}/", "") for line in found]


def files(site: Path, others: Mapping[str, int], user: int = USER) -> list[str]:
    found = find_foreign_files(SiteFile(site), owners(site, others, user))
    return [line.replace(f"{site.parent}/", "") for line in found]


@pytest.mark.parametrize("user", [0, USER])
def test_a_site_of_one_user_is_well(written: Path, user: int) -> None:
    assert keys(written, {}, user) == []
    assert files(written, {}, user) == []


@pytest.mark.parametrize("user", [0, USER])
def test_a_key_of_another_user_is_theirs_to_read(written: Path, user: int) -> None:
    assert keys(written, {"keys/log-gate.key": MALLORY}, user) == [
        f"keys/log-gate.key belongs to mallory, who can read it; run `chown {NAMES[user]} keys/log-gate.key`"
    ]


def test_a_user_who_is_gone_has_a_number(written: Path) -> None:
    (line,) = keys(written, {"keys/gate.secret": NOBODY_KNOWN})
    assert (
        line
        == "keys/gate.secret belongs to user number 903, who can read it; run `chown steelyard keys/gate.secret`"
    )


def test_a_key_of_roots_is_none_of_a_site_that_is_not(written: Path) -> None:
    assert keys(written, {"keys/gate.secret": 0}) == [
        "keys/gate.secret belongs to root, so that steelyard cannot read it; run `chown steelyard keys/gate.secret`"
    ]


def test_what_no_process_reads_may_be_roots(written: Path) -> None:
    assert keys(written, {"keys/ca.key": 0, "keys/accounts.toml": 0}) == []


def test_keys_of_auditors_who_run_commands_alone_are_whose_they_are(written: Path) -> None:
    others = {"keys/log-audit.key": MALLORY}
    assert keys(written, others)
    text = re.sub(r"^\[(console|indexer)\][^\[]*", "", written.read_text(), flags=re.MULTILINE)
    written.write_text(text)
    assert keys(written, others) == []


def test_nothing_is_said_before_anything_was_written(site: Path) -> None:
    assert keys(site, {"keys/log-gate.key": MALLORY}) == []
    assert files(site, {"keys": MALLORY}) == []


@pytest.mark.parametrize("name", ["keys", "keys/log-gate.pub", "keys/escrow.pub", "directory.toml", "certs"])
def test_what_somebody_else_owns_they_may_exchange(written: Path, name: str) -> None:
    assert files(written, {name: MALLORY}) == [
        f"mallory owns {name}, and may change it; run `chown steelyard {name}`"
    ]


def test_a_file_that_is_gone_when_it_is_looked_at_is_nobodys(written: Path) -> None:
    """As what is written beside a file, and then put in its place."""
    beside = written.parent / "keys" / "x.pub.new"
    beside.touch()

    def owner_of(path: Path) -> int:
        if path == beside:
            raise FileNotFoundError(path)
        return USER

    assert not list(find_foreign_files(SiteFile(written), owner_of))


def test_a_private_file_is_told_once(written: Path) -> None:
    assert files(written, {"keys/log-gate.key": MALLORY}) == []


def test_who_wrote_the_settings_has_a_part_in_the_site(written: Path) -> None:
    assert files(written, {"site.toml": MALLORY, "directory.toml": MALLORY, ".": MALLORY}) == []


def test_where_each_process_has_a_user_each_key_is_its_own(
    written: Path, known_users: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = SiteFile(written)
    gate, tiles = f"{GROUP}-gate", f"{GROUP}-tiles"
    known_users |= {1001: gate, 1002: tiles}
    folder = written.parent
    need = SimpleNamespace(
        user=gate, secrets=(folder / "keys/log-gate.key",), shared={"": folder / "keys/gate.secret"}
    )
    other = SimpleNamespace(user=tiles, secrets=(), shared={})
    monkeypatch.setattr("components.site.owner_check.find_needs", lambda _site: (need, other))
    assert site.gate.secret_file == folder / "keys/gate.secret"
    others = (path.relative_to(folder) for path in private_files(site))
    right = {str(path): 0 for path in others if path.name != "log-gate.key"}
    assert keys(written, right, 1001) == []
    assert keys(written, right | {"keys/log-gate.key": 1002}, 1001) == [
        f"keys/log-gate.key belongs to {tiles}, who can read it; run `chown {gate} keys/log-gate.key`"
    ]
    assert keys(written, right | {"keys/log-gate.key": 0}, 1001) == [
        f"keys/log-gate.key belongs to root, so that {gate} cannot read it; run `chown {gate} keys/log-gate.key`"
    ]
    assert keys(written, right | {"keys/gate.secret": 1001}, 1001) == [
        f"keys/gate.secret belongs to {gate}, who can read it; run `chown root keys/gate.secret`"
    ]
    assert files(written, {"keys/log-gate.pub": 1002}, 1001) == []


def test_what_the_units_give_to_each_user_is_as_it_should_be(
    tmp_path: Path, known_users: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has just run `systemd-tmpfiles --create` is told nothing."""
    path = tmp_path / "site.toml"
    path.write_text(whole_example())
    site = SiteFile(path)
    users = {each.user: 1000 + number for number, each in enumerate(find_needs(site))}
    known_users |= {number: user for user, number in users.items()}
    owned: dict[Path, int] = {}
    folders: dict[Path, int] = {}
    for line in render_units(site)["tmpfiles.d/steelyard.conf"].splitlines():
        kind, _, rest = line.partition(" ")
        if kind in ("z", "Z", "d"):
            file, _mode, user, *_ = rest.split()
            (folders if kind == "Z" else owned)[Path(file)] = users.get(user, 0)
    monkeypatch.setattr(Path, "exists", lambda _path: True)

    def owner_of(file: Path) -> int:
        return owned.get(file, folders.get(file.parent, 0))

    assert owner_of(site.gate.status_file) == users["steelyard-gate"]
    assert len(private_files(site)) > 10
    assert list(find_foreign_keys(site, owner_of)) == []
