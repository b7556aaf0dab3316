"""A site on ejabberd (docs/ejabberd.md): how it is made and started, and that what it cannot do is refused by name."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.settings.prosody import ProsodySettings
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site import ejabberd_server
from components.site.check import check_site
from components.site.ejabberd_check import find_unsupported
from components.site.ejabberd_server import find_ejabberd, make_beams, write_ejabberd_config
from components.site.init import init_site, load_passwords
from components.site.parts import ROWS, parts_of
from components.site.run import run_component
from components.site.server_program import find_program
from components.site.units import render_units
from components.site.up import process_specs, run_site
from components.site.validate import load_site
from tests.support.site_toml import write_site_toml

EJABBERD: Mapping[str, object] = {"server": "ejabberd"}

# The settings of [prosody] that ejabberd's configuration is made of; all others are refused.
HEEDED = {
    "address", "c2s_port", "direct_tls_port", "domains", "s2s_port", "federated_domains",
    "room_domains", "folder", "certificates", "log_level", "web", "attached_to",
}  # fmt: skip
OTHERWISE: Mapping[str, object] = {
    "storage": "sql",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SiteFile:
    """Return a demonstration on ejabberd; not to be changed."""
    return init_site(tmp_path_factory.mktemp("made") / "site.toml", demo=True, server="ejabberd").settings


def unsupported(tmp_path: Path, more: str = "", **tables: Mapping[str, object]) -> list[str]:
    site = write_site_toml(tmp_path / "site.toml", more, **{"site": EJABBERD, **tables})
    return list(find_unsupported(SiteFile(site)))


def test_a_demonstration_has_what_ejabberd_can_do(made: SiteFile) -> None:
    assert made.site.server == "ejabberd"
    assert list(find_unsupported(made)) == []
    assert None not in (made.roster, made.access, made.transfer, made.console, made.prosody.web)
    assert sorted(load_passwords(made))[:2] == ["alice@metals.example", "bob@metals.example"]


def test_a_plain_site_of_the_example_is_prosodys(tmp_path: Path) -> None:
    assert init_site(tmp_path / "site.toml").settings.site.server == "prosody"


def test_for_each_part_that_needs_modules_of_prosodys_ejabberd_has_some(site: Path) -> None:
    """A demonstration on Prosody has nearly all parts: what needs more than these flags is refused by its table."""
    settings = SiteFile(site)
    sides = [part.component.side for part in parts_of(settings) if part.component]
    assert all(side.keeps_rosters or side.makes_accounts for side in sides if side.modules)
    text = site.read_text().replace("[site]\n", '[site]\nserver = "ejabberd"\n', 1)
    site.write_text(text.replace("[prosody.web] ", '[prosody.web]\nbosh_path = "" # '))
    assert list(find_unsupported(SiteFile(site))) == []


def test_each_setting_is_heeded_or_refused(tmp_path: Path) -> None:
    assert set(ProsodySettings.model_fields) == HEEDED | set(OTHERWISE)
    for name, value in OTHERWISE.items():
        (problem,) = unsupported(tmp_path, prosody={name: value})
        assert problem.startswith(f"prosody.{name}: with ejabberd ")
        assert problem.endswith("(docs/ejabberd.md)")


def test_other_sites_and_a_gate_that_observes_are_refused(tmp_path: Path) -> None:
    (observing,) = unsupported(tmp_path, gate={"mode": "observe"})
    assert observing.startswith("gate.mode: a private ejabberd tells nobody")
    attached = {"attached_to": "/etc/ejabberd/ejabberd.yml"}
    assert unsupported(tmp_path, gate={"mode": "observe"}, prosody=attached) == []
    (bosh,) = unsupported(tmp_path, more="[prosody.web]\nport = 5281\n")
    assert bosh.startswith("prosody.web.bosh_path: with ejabberd ")
    (federation,) = unsupported(tmp_path, more="[federation]\n")
    assert federation.startswith("federation: with ejabberd no other site has ")


def test_prosody_is_asked_nothing_of_it(tmp_path: Path) -> None:
    assert unsupported(tmp_path, site={"server": "prosody"}, prosody=OTHERWISE) == []


def test_a_site_is_not_loaded_with_what_is_refused(made: SiteFile, tmp_path: Path) -> None:
    site = write_site_toml(tmp_path / "site.toml", site=EJABBERD, prosody={"storage": "sql"})
    with pytest.raises(SettingsError, match=r"prosody\.storage: with ejabberd") as error:
        load_site(site)
    assert any("line" in problem for problem in error.value.problems if "storage" in problem)
    assert load_site(made.path).site.server == "ejabberd"


def test_no_other_server_is_known(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"site\.server"):
        _ = SiteFile(write_site_toml(tmp_path / "site.toml", site={"server": "openfire"})).site


def test_the_server_starts_and_stops_first(made: SiteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("erl", "-s", "ejabberd")
    monkeypatch.setattr(ejabberd_server, "start_command", lambda *_, **__: [*command])
    specs = process_specs(made, made.prosody.folder / "ejabberd.yml")
    assert [spec.name for spec in specs][:3] == ["ejabberd", "gate", "roster"]
    server = specs[0]
    assert server.log_file == made.site.logs / "ejabberd.log"
    # Whatever the caller's own variables say.
    assert server.command[0] == "env"
    assert f"EJABBERD_CONFIG_PATH={made.prosody.folder / 'ejabberd.yml'}" in server.command
    assert server.command[-3:] == command
    assert server.stop_timeout_s > made.gate.hold_timeout_s


def test_its_configuration_has_secrets_and_is_its_owners(made: SiteFile) -> None:
    config = write_ejabberd_config(made)
    accounts = config.with_name("accounts.yml")
    assert made.gate.secret_file.read_text().strip() in config.read_text()
    assert config.stat().st_mode & 0o077 == 0
    assert made.gate.secret_file.read_text().strip() not in accounts.read_text()
    assert '"listen": []' in accounts.read_text()


def test_what_was_compiled_is_used_until_sources_or_the_server_change(
    made: SiteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = []

    def compile_adapter(into: Path, _libraries: Path) -> None:
        into.mkdir(parents=True)
        compiled.append(into)

    sources = tmp_path / "adapter"
    sources.mkdir()
    (sources / "a.erl").write_text("one")
    monkeypatch.setattr(ejabberd_server, "compile_adapter", compile_adapter)
    monkeypatch.setattr(ejabberd_server, "ADAPTER_DIR", sources)
    server = made.prosody.model_copy(update={"folder": tmp_path / "prosody"})
    old, new = (installed(tmp_path / name, f"ejabberd-{name}") for name in ("23.01", "24.12"))
    for libraries in (old, old, new, new):
        assert make_beams(server, libraries) == server.folder / "beams"
    assert len(compiled) == 2
    (sources / "a.erl").write_text("two")
    make_beams(server, new)
    assert len(compiled) == 3


def installed(folder: Path, name: str) -> Path:
    """Return a folder of libraries in which a server of this name is."""
    (folder / name / "ebin").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "ejabberd is not installed; run `apt-get install ejabberd`"),
        ("ejabberd-22.10-1", "ejabberd 22.10-1 is too old; install 23.01 or newer"),
        ("ejabberd-nightly", "does not tell ejabberd's version"),
    ],
)
def test_a_missing_or_old_server_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: f"/usr/bin/{program}")
    with pytest.raises(SiteError, match=problem):
        find_ejabberd(installed(tmp_path, name) if name else tmp_path)
    assert find_ejabberd(installed(tmp_path / "good", "ejabberd-24.12")) == "24.12"


def test_check_names_the_server_and_its_own_adapter(made: SiteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.site.check.find_ejabberd", lambda: "23.01")
    found = {each.name: each for each in check_site(made.path)}
    assert "prosody" not in found
    assert found["ejabberd"].ok and found["ejabberd"].text.startswith("version 23.01;")
    assert found["adapter"].text.endswith("adapter/ejabberd/mod_stanza_gate.erl")


def test_units_and_processes_by_themselves_are_refused(made: SiteFile) -> None:
    with pytest.raises(SiteError, match="a unit for each process cannot be done with ejabberd yet"):
        render_units(made)
    with pytest.raises(SiteError, match="running each process by itself cannot be done with ejabberd yet"):
        run_component(made.path, "gate")


def test_a_site_keeps_its_server(made: SiteFile) -> None:
    with pytest.raises(SiteError, match="is a site with ejabberd: make one with prosody in another folder"):
        run_site(made.path, demo=True, once=True, show=lambda _: None, server="prosody")


def test_every_server_has_a_row() -> None:
    assert [find_program(name).name for name in ("prosody", "ejabberd")] == ["prosody", "ejabberd"]
    assert {row.table.table_name for row in ROWS} >= {"gate", "transfer"}
