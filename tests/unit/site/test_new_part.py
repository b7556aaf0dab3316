"""A component that is added is a folder, a table and a row: with these it is made, started, checked and backed up."""

import asyncio
import importlib.util
import time
from pathlib import Path

import pytest

from components.archive.backup.folder import open_backup
from components.settings import tables as settings_tables
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.settings.tables import OPTIONAL_TABLES, REQUIRED_TABLES
from components.site import parts, validate
from components.site.backup_files import put_back_files, save_files
from components.site.check import check_site
from components.site.init import init_site
from components.site.lock import hold_site
from components.site.needs import SERVER, find_needs
from components.site.parts import ROWS, ListeningPort, Part, Row, ServerComponent, listening_ports, parts_of
from components.site.probe import StatusProbe
from components.site.server import write_config
from components.site.supervise import State, Supervisor
from components.site.up import process_specs
from components.site.validate import load_site
from tests.support.ports import free_port
from tests.support.process import PATIENCE_S
from tests.support.toy.settings import ToySettings

TOY = """
[toy]
jid = "toy.steelyard.example"
secret_file = "keys/toy.secret"
status_file = "run/toy.status.json"
port = {port}
log = "archive/toy.db"
log_origin = "steelyard.example/toy"
log_key_file = "keys/log-toy.key"
"""
NO_PROCESSES = {"site", "prosody", "archive", "audit", "review", "history", "federation", "cluster"}


def describe_toy(toy: ToySettings, _site: SiteFile) -> Part:
    return Part(
        name="toy",
        module="tests.support.toy",
        title="the toy",
        probe=StatusProbe(toy.status_file, meanwhile="nobody plays meanwhile"),
        component=ServerComponent(toy.jid, toy.secret_file),
        ports=(ListeningPort("toy.port", toy.port, "127.0.0.1"),),
    )


@pytest.fixture
def toy_site(site: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with the toy, of which `init` has just made what it lacks."""
    tables = (*REQUIRED_TABLES, *OPTIONAL_TABLES, ToySettings)
    monkeypatch.setattr(settings_tables, "TABLES", tables)
    monkeypatch.setattr(validate, "TABLES", tables)
    monkeypatch.setattr(parts, "ROWS", (*ROWS, Row(ToySettings, describe_toy)))
    site.write_text(site.read_text() + TOY.format(port=free_port()))
    keys = site.parent / "keys"
    assert set(init_site(site).made) == {keys / "toy.secret", keys / "log-toy.key"}
    return site


def test_it_is_a_user_of_its_own_and_its_secret_is_the_servers_too(
    toy_site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = toy_site.parent
    files = {"log": "a.db", "log_key_file": "a.key", "status_file": "s", "state_file": "t"}
    for name, table in SiteFile(toy_site).document.items():
        for setting in files.keys() & table.keys():
            variable = f"STEELYARD_{name.upper()}__{setting.upper()}"
            monkeypatch.setenv(variable, f"own/{name}/{files[setting]}")
    monkeypatch.setenv("STEELYARD_AUDIT__INDEX", "own/audit/index.db")
    needs = {each.name: each for each in find_needs(SiteFile(toy_site))}
    secret = {"toy.secret_file": folder / "keys/toy.secret"}
    assert needs["toy"].user == "steelyard-toy"
    assert needs["toy"].folders == (folder / "own/toy",)
    assert needs["toy"].secrets == (folder / "own/toy/a.key",)
    assert needs["toy"].shared == secret
    assert secret.items() <= needs[SERVER].shared.items()


def test_its_settings_are_checked_with_those_of_the_others(toy_site: Path) -> None:
    port = load_site(toy_site).prosody.c2s_port
    others, own = toy_site.read_text().split("\n[toy]\n")
    own = own.replace("\nport = ", f"\nport = {port} # ").replace('"toy.steel', '"gate.steel')
    toy_site.write_text(f"{others}\n[toy]\n{own}")
    with pytest.raises(SettingsError) as caught:
        load_site(toy_site)
    told = (
        f"toy.port: {port} is also prosody.c2s_port; set another port (line ",
        "toy.jid: gate.steelyard.example is also gate.jid; name it once (line ",
    )
    assert len(caught.value.problems) == 2
    assert all(map(str.startswith, caught.value.problems, told))


def test_the_server_knows_it(toy_site: Path) -> None:
    config = write_config(load_site(toy_site)).read_text()
    secret = (toy_site.parent / "keys" / "toy.secret").read_text().strip()
    assert f"Component 'toy.steelyard.example'\n  component_secret = '{secret}'" in config


@pytest.mark.programs
async def test_it_is_started_and_watched(toy_site: Path) -> None:
    site = load_site(toy_site)
    (toy_site.parent / "archive").mkdir()
    told: list[State] = []
    (spec,) = [each for each in process_specs(site, toy_site) if each.name == "toy"]
    supervisor = Supervisor([spec], lambda _name, state, _text: told.append(state))
    try:
        await supervisor.start(PATIENCE_S)
        assert '"event": "plays"' in (site.site.logs / "toy.log").read_text()
        await asyncio.to_thread(wait_until_well, toy_site)
    finally:
        await supervisor.stop()
    assert (told[:2], told[-1]) == ([State.STARTING, State.HEALTHY], State.STOPPED)
    logs = await asyncio.to_thread(check, toy_site, "logs")
    assert f"{toy_site.parent / 'archive' / 'toy.db'}: 0 records under a good checkpoint" in logs


def check(site: Path, name: str) -> list[str]:
    """Return what `steelyard check` finds of one kind in a site that is up."""
    with hold_site(site.parent):
        return [each.text for each in check_site(site) if each.name == name]


def wait_until_well(site: Path) -> None:
    """Wait until `steelyard check` finds no fault of the toy, which may be silent for a while on a busy machine."""
    give_up_at_s = time.monotonic() + PATIENCE_S
    while faults := [text for text in check(site, "running") if text.startswith("the toy ")]:
        assert time.monotonic() < give_up_at_s, faults
        time.sleep(0.1)


@pytest.mark.slow
def test_it_is_missed(toy_site: Path) -> None:
    found = check(toy_site, "running")
    assert any(text.startswith("the toy has not told its status yet; see ") for text in found), found


def test_a_backup_holds_its_secret_and_its_key(toy_site: Path, tmp_path: Path) -> None:
    with open_backup(tmp_path / "backup", make=True) as folder:
        save_files(folder, load_site(toy_site), {}, with_keys=True)
        folder.complete()
    restored = tmp_path / "restored"
    restored.mkdir()
    with open_backup(tmp_path / "backup") as folder:
        made = put_back_files(folder, restored / "site.toml").made
    keys = restored / "keys"
    assert {keys / "toy.secret", keys / "log-toy.key", keys / "log-toy.pub"} <= set(made)


def test_every_table_that_settles_a_process_has_a_row() -> None:
    tables = {table.table_name for table in (*REQUIRED_TABLES, *OPTIONAL_TABLES)}
    assert {row.table.table_name for row in ROWS} == tables - NO_PROCESSES


def test_every_row_names_a_module_that_runs(site: Path) -> None:
    site.write_text(site.read_text() + every_other_table(free_port()))
    made = {part.name: part for part in parts_of(SiteFile(site))}
    assert list(made) == [row.table.table_name for row in ROWS]
    for name, part in made.items():
        # What auditors have lies within their package.
        assert part.module in (f"components.{name}", f"components.audit.{name}")
        assert importlib.util.find_spec(f"{part.module}.__main__") is not None, part.module
        assert part.runs


def test_no_two_processes_share_what_is_theirs_alone(site: Path) -> None:
    site.write_text(site.read_text() + every_other_table(free_port()))
    found = parts_of(SiteFile(site))
    for values in (
        [part.title for part in found],
        [part.component.jid for part in found if part.component],
        [part.probe.file for part in found if isinstance(part.probe, StatusProbe)],
        [file for part in found for file in part.secrets],
        [each.setting for each in listening_ports(SiteFile(site))],
    ):
        assert len(set(values)) == len(values) > 0


def every_other_table(port: int) -> str:
    """Write the tables that a demonstration has not."""
    return f"""
[tiles]
port = {port}
[witness]
name = "steelyard.example/witness"
key_file = "keys/witness.key"
state = "witness"
status_file = "run/witness.status.json"
[directory]
scim_port = {port + 1}
[[directory.scim]]
enterprise = "metals"
token_file = "keys/scim.token"
state = "scim.json"
default_roles = ["trader"]
[feed]
port = {port + 2}
host = "feed.steelyard.example"
certificate = "certs/feed.steelyard.example.crt"
status_file = "run/feed.status.json"
[follow]
url = "https://feed.other.example:5290"
authority = "keys/other-ca.crt"
certificate = "keys/machine.crt"
status_file = "run/follow.status.json"
"""
