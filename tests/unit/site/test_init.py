"""Making a site: complete, random, and never over anything that is there."""

import datetime as dt
import re
import socket
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from components.archive.keys import load_log_key
from components.process.errors import SiteError
from components.rules.access.desk import AccessDesk, decide_access, list_access, open_desk
from components.settings.log import find_key_name
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site import demo_access
from components.site.certificate_check import find_certificate_problems
from components.site.init import init_site, load_passwords
from components.site.parts import listening_ports
from components.site.validate import load_site
from policy.access.admission import AdmissionState
from policy.access.statement import AccessAct
from tests.support.typed import file_of


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_init_changes_nothing(site: Path) -> None:
    before = contents(site.parent)
    assert init_site(site, demo=True).made == ()
    assert contents(site.parent) == before


@pytest.mark.slow
def test_several_at_the_same_time_make_one_site(tmp_path: Path) -> None:
    """As two people do who do not know of one another, or a timer and a person."""
    site, starts = tmp_path / "site.toml", Barrier(4)

    def make(_: int) -> tuple[Path, ...]:
        starts.wait()
        return init_site(site).made

    with ThreadPoolExecutor(4) as several:
        made = [path for each in several.map(make, range(4)) for path in each]
    assert len(made) == len(set(made))
    assert site in made
    assert list(find_certificate_problems(load_site(site), dt.datetime.now(dt.UTC))) == []


def test_a_demonstration_has_a_password_for_everybody(site: Path) -> None:
    passwords = load_passwords(load_site(site))
    assert sorted(passwords) == [
        "alice@metals.example",
        "bob@metals.example",
        "carol@metals.example",
        "dora@metals.example",
        "erin@metals.example",
        "frank@metals.example",
        "george@grain.example",
        "gina@metals.example",
        "hanna@grain.example",
        "ivan@grain.example",
        "julia@grain.example",
    ]
    assert len(set(passwords.values())) == len(passwords)
    assert all(len(password) >= 16 for password in passwords.values())


def test_a_demonstrations_people_are_all_admitted_by_two_others(site: Path) -> None:
    rows = list_access(open_desk(site))
    assert len(rows) == 11
    for row in rows:
        assert row.found is not None
        assert row.found.state is AdmissionState.ADMITTED, row
        assert len(row.found.approved_by) >= 2
        assert row.jid not in row.found.approved_by


def ports_of(settings: SiteFile) -> dict[str, int]:
    return {each.setting: each.port for each in listening_ports(settings)}


def test_a_demonstration_that_was_killed_half_way_is_made_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After all that is asked for, and the approvals of one approver, of whom two are needed."""
    site, approve = tmp_path / "site.toml", decide_access
    keys: list[str] = []

    def approve_once(desk: AccessDesk, act: AccessAct, named: Sequence[str], key: str, reason: str) -> object:
        keys.append(key)
        if len(keys) == 2:
            raise KeyboardInterrupt
        return approve(desk, act, named, key, reason)

    monkeypatch.setattr(demo_access, "decide_access", approve_once)
    with pytest.raises(KeyboardInterrupt):
        init_site(site, demo=True)
    states = {row.found.state for row in list_access(open_desk(site)) if row.found is not None}
    assert states != {AdmissionState.ADMITTED}
    monkeypatch.undo()
    again = init_site(site, demo=True)
    assert [path.name for path in again.made] == ["accounts.toml"]
    rows = list_access(open_desk(site))
    assert {row.found.state for row in rows if row.found is not None} == {AdmissionState.ADMITTED}
    assert len(load_passwords(again.settings)) == len(rows)


def test_two_sites_share_no_secret_and_no_port(site: Path, tmp_path: Path) -> None:
    other = init_site(tmp_path / "other" / "site.toml", demo=True).settings
    ours, theirs = contents(site.parent), contents(other.folder)
    keys = [name for name in ours if "keys/" in name or name.endswith((".key", ".crt"))]
    assert len(keys) > 10
    assert [name for name in keys if ours[name] == theirs[name]] == []
    assert not set(ports_of(load_site(site)).values()) & set(ports_of(other).values())


def test_a_demonstrations_ports_are_free_and_not_ephemeral(tmp_path: Path) -> None:
    settings = init_site(tmp_path / "site.toml", demo=True).settings
    for port in ports_of(settings).values():
        assert 1024 < port < 32768
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", port))


def test_without_demo_the_ports_are_the_usual_ones_and_there_are_no_accounts(tmp_path: Path) -> None:
    settings = init_site(tmp_path / "site.toml").settings
    assert ports_of(settings) == {"prosody.c2s_port": 5222, "gate.component_port": 5347}
    with pytest.raises(SiteError, match="is no demonstration"):
        load_passwords(settings)


def test_secrets_are_for_their_owner_only(site: Path) -> None:
    assert stat.S_IMODE((site.parent / "keys").stat().st_mode) == 0o700
    for name in ("gate.secret", "roster.secret", "log-gate.key", "log-audit.key", "ca.key", "accounts.toml"):
        assert stat.S_IMODE((site.parent / "keys" / name).stat().st_mode) == 0o600, name
    assert re.fullmatch(r"[0-9a-f]{64}\n", (site.parent / "keys" / "gate.secret").read_text())


@pytest.mark.parametrize(
    "lost",
    [
        "directory.toml",
        "keys/gate.secret",
        "keys/roster.secret",
        "keys/log-audit.key",
        "certs/grain.example.crt",
        "keys/accounts.toml",
    ],
)
def test_what_is_missing_is_made_and_nothing_else(site: Path, lost: str) -> None:
    before = contents(site.parent)
    (site.parent / lost).unlink()
    made = init_site(site, demo=True).made
    assert made == (site.parent / lost,)
    after = contents(site.parent)
    companions = {lost, lost.replace(".crt", ".key"), lost.replace(".key", ".pub")}
    assert {name for name in after if after[name] != before[name]} <= companions


def test_a_log_never_gets_another_key(site: Path) -> None:
    settings = load_site(site)
    file_of(settings.gate.log).parent.mkdir()
    file_of(settings.gate.log).write_bytes(b"a log")
    file_of(settings.gate.log_key_file).unlink()
    with pytest.raises(
        SiteError, match=r"gate\.db was signed with .*log-gate\.key, which is gone; put it back"
    ):
        init_site(site)
    assert not file_of(settings.gate.log_key_file).exists()


@pytest.mark.parametrize("lost", ["conversation.key", "auditor.pub", "log-gate.key"])
@pytest.mark.parametrize("sign", ["archive/gate.db", "keys/log-gate.last"])
def test_what_a_log_was_written_with_is_never_made_anew(site: Path, lost: str, sign: str) -> None:
    """A log is known by its file, or, where that is a database on a server, by what its writer keeps."""
    (site.parent / "archive").mkdir()
    (site.parent / sign).write_bytes(b"a log")
    (site.parent / "keys" / lost).unlink()
    before = contents(site.parent)
    for demo in (False, True):
        with pytest.raises(SiteError, match=rf"gate\.db was .*{lost}.*, which is gone[:;] put it back"):
            init_site(site, demo=demo)
    assert contents(site.parent) == before
    with pytest.raises(
        SettingsError, match=rf"{lost}; .*gate\.db .*: put it back from a backup that holds the keys"
    ):
        load_site(site)


def test_a_wrong_site_is_told_and_left_as_it_is(site: Path) -> None:
    site.write_text(site.read_text().replace("[gate]", "[gat]", 1))
    before = contents(site.parent)
    with pytest.raises(SettingsError):
        init_site(site, demo=True)
    assert contents(site.parent) == before


def test_the_names_of_the_logs_are_said_first(tmp_path: Path) -> None:
    settings = init_site(tmp_path / "site.toml", origin="line.firm.example").settings
    assert {log.origin for log in settings.logs} == {
        f"line.firm.example/{name}" for name in ("gate", "audit", "roster")
    }
    assert all(find_key_name(log.key_file) == log.origin for log in settings.logs)
    with pytest.raises(SiteError, match="leave out --origin"):
        init_site(settings.path, origin="other.example")


@pytest.mark.parametrize("origin", ["", "two words", 'a"b', "a+b", "a\nb", "/"])
def test_what_is_no_name_makes_no_site(tmp_path: Path, origin: str) -> None:
    with pytest.raises(SiteError, match="is no name for logs"):
        init_site(tmp_path / "site.toml", origin=origin)
    assert not (tmp_path / "site.toml").exists()


def rename_logs(site: Path) -> None:
    site.write_text(site.read_text().replace('"steelyard.example/', '"firm.example/'))


def test_a_log_is_renamed_while_nothing_is_recorded(site: Path) -> None:
    rename_logs(site)
    with pytest.raises(SettingsError, match=r"gate\.log_origin: is firm\.example/gate"):
        load_site(site)
    for log in init_site(site, demo=True).settings.logs:
        assert load_log_key(log.key_file).verifier_key.name == find_key_name(log.key_file) == log.origin


@pytest.mark.parametrize("trace", ["archive/gate.db", "keys/log-gate.last"])
def test_a_log_that_has_signed_is_not_renamed(site: Path, trace: str) -> None:
    (site.parent / "archive").mkdir(exist_ok=True)
    (site.parent / trace).touch()
    before = (site.parent / "keys" / "log-gate.key").read_bytes()
    rename_logs(site)
    with pytest.raises(SettingsError, match=r"gate\.log_origin: is firm\.example/gate"):
        init_site(site, demo=True)
    assert (site.parent / "keys" / "log-gate.key").read_bytes() == before
