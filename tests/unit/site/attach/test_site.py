"""A site whose server runs without it: what it starts, listens on, shows and makes."""

from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.backup.folder import open_backup
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.site import check, server_program
from components.site.attach.apply import AttachPlan
from components.site.attach.check import Note
from components.site.backup_files import put_back_files, save_files
from components.site.init import init_site
from components.site.parts import listening_ports
from components.site.up import process_specs
from tests.support.attached import CONFIGS, attached_site, write_directory


@pytest.fixture
def settings(tmp_path: Path) -> SiteFile:
    return attached_site(tmp_path)


def test_it_starts_all_but_the_server(
    settings: SiteFile, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_program, "find_prosody", lambda: "/usr/bin/prosody")
    names = [spec.name for spec in process_specs(settings, settings.prosody.config_file)]
    assert names == ["gate"]
    own = SiteFile(site)
    assert [spec.name for spec in process_specs(own, own.prosody.config_file)][:2] == ["prosody", "gate"]


def test_it_starts_all_but_an_ejabberd_too(tmp_path: Path) -> None:
    settings = attached_site(tmp_path, server="ejabberd")
    assert [spec.name for spec in process_specs(settings, settings.prosody.config_file)] == ["gate"]


def test_the_servers_ports_are_not_its_own(tmp_path: Path) -> None:
    settings = attached_site(tmp_path, metrics_port=9100)
    assert [(each.setting, each.port) for each in listening_ports(settings)] == [("gate.metrics_port", 9100)]


def test_the_servers_certificates_are_not_its_own(settings: SiteFile) -> None:
    assert (settings.shown_certificates, settings.certified_names) == ((), ())
    assert list(check._check_certificates(settings)) == [
        "none of its own: the server has the clients' certificates"
    ]


def test_a_configuration_that_is_not_there_is_told(settings: SiteFile, tmp_path: Path) -> None:
    (problem,) = settings.prosody.find_problems()
    assert problem.startswith("prosody.attached_to: ")
    (tmp_path / "prosody.cfg.lua").touch()
    assert list(settings.prosody.find_problems()) == []


@pytest.mark.parametrize("server", CONFIGS)
def test_init_makes_no_certificates_for_it(tmp_path: Path, server: ServerName) -> None:
    settings = attached_site(tmp_path, server=server)
    write_directory(tmp_path, server)
    made = init_site(settings.path)
    assert not (tmp_path / "certs").exists()
    assert tmp_path / "keys" / "log-gate.key" in made.made


def plan(
    settings: SiteFile, *notes: Note, is_attached: bool = True, content: str = "-- ours\n"
) -> AttachPlan:
    config = settings.folder / "prosody.cfg.lua"
    included = settings.folder / "steelyard.cfg.lua"
    included.write_text("-- ours\n")
    return AttachPlan("prosody", config, included, (), content, content, notes, is_attached)


def findings(settings: SiteFile, planned: AttachPlan, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(check, "plan_attach", lambda *_arguments: planned)
    return list(check._check_server(settings))


def test_check_says_that_it_is_attached_and_what_to_know(
    settings: SiteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(settings, Note(False, "open registration"))
    assert findings(settings, planned, monkeypatch) == [f"{planned.config} is attached", "open registration"]


def test_check_says_of_an_ejabberd_both_which_it_is_and_that_it_is_attached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = attached_site(tmp_path, server="ejabberd")
    monkeypatch.setattr(check, "find_ejabberd", lambda: "23.01")
    version, attached = findings(settings, plan(settings), monkeypatch)
    assert version.startswith("version 23.01")
    assert attached.endswith("is attached")


def test_check_finds_what_is_wrong_with_it(settings: SiteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    for planned, told in (
        (plan(settings, is_attached=False), "is not attached: run"),
        (plan(settings, content="-- of other settings\n"), "is not as site.toml says"),
    ):
        with pytest.raises(SiteError, match=told):
            findings(settings, planned, monkeypatch)
    ejabberd = replace(plan(settings, is_attached=False), server="ejabberd")
    with pytest.raises(SiteError, match="run `steelyard attach ejabberd --apply`"):
        findings(settings, ejabberd, monkeypatch)
    with pytest.raises(Exception, match="wrong port"):
        findings(settings, plan(settings, Note(True, "wrong port")), monkeypatch)


def test_a_backup_of_it_holds_what_is_ours(tmp_path: Path) -> None:
    settings = attached_site(tmp_path / "site")
    write_directory(tmp_path / "site")
    init_site(settings.path)
    with open_backup(tmp_path / "backup", make=True) as folder:
        save_files(folder, SiteFile(settings.path), {}, with_keys=True)
        folder.complete()
    restored = tmp_path / "restored"
    restored.mkdir()
    with open_backup(tmp_path / "backup") as folder:
        put_back_files(folder, restored / "site.toml")
    names = {file.name for file in restored.rglob("*")}
    assert {"site.toml", "directory.toml", "gate.secret"} <= names
    assert "prosody.cfg.lua" not in names
