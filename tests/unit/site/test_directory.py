"""What a site with sources of people needs."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.directory.apply import find_site_directory
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site.backup_files import _public_files
from components.site.check import check_site
from components.site.init import init_site
from components.site.parts import listening_ports
from components.site.probe import find_fault
from components.site.up import process_specs
from components.site.validate import load_site
from tests.support.fed_site import CSV, SCIM, make_fed_site
from tests.support.site import part_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def fed(tmp_path: Path) -> Path:
    return make_fed_site(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CSV.replace("file =", "fil ="), "directory.csv.0.fil: there is no such setting; did you mean file?"),
        (CSV + 'delimiter = ";;"', "directory.csv.0.delimiter: "),
        (CSV + 'columns = { mail = "E-Mail" }', "directory.csv.0.columns: there is no column 'mail' to name"),
        (CSV + 'roles = { T = "traitor" }', "directory.csv.0.roles.T: "),
        (
            SCIM.replace("scim_port = 31999", ""),
            "directory: scim_port and a table [[directory.scim]] belong together",
        ),
        (
            SCIM.replace('scim_certificate = "certs/metals.example.crt"', 'scim_address = "0.0.0.0"'),
            "directory: scim_certificate is missing: a token would cross the network in clear",
        ),
        (SCIM + SCIM.split("\n", 4)[4], "directory: an enterprise has two tables [[directory.scim]]"),
        (SCIM.replace("roles = ", "# "), "directory.scim.0: nobody would have a role"),
        (SCIM, "directory.scim.token_file: there is no "),
        (SCIM.replace("certs/metals", "certs/oil"), "directory.scim_certificate: there is no "),
        (
            '[[directory.ldap]]\nenterprise = "metals"\nurl = "https://x"\nbase = "dc=x"\ndefault_roles = ["trader"]',
            "directory.ldap.0.url: 'https://x' is no address of the form ldaps://host",
        ),
        (
            '[[directory.ldap]]\nenterprise = "metals"\nurl = "ldaps://x"\nbase = "dc=x"\nbind_dn = "cn=x"\n'
            'default_roles = ["trader"]',
            "directory.ldap.0: bind_dn and password_file belong together",
        ),
    ],
)
def test_wrong_settings_are_told(site: Path, text: str, problem: str) -> None:
    site.write_text(f"{site.read_text()}\n{text}\n")
    with pytest.raises(SettingsError) as raised:
        load_site(site)
    assert any(line.startswith(problem) for line in raised.value.problems), raised.value.problems


@pytest.mark.programs
def test_a_site_that_takes_pushes(site: Path) -> None:
    site.write_text(site.read_text() + SCIM)
    made = init_site(site)
    token_file = site.parent / "keys" / "scim-metals.token"
    assert made.made == (token_file,)
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert len(token_file.read_text().strip()) >= 40
    assert init_site(site).made == ()
    settings = load_site(site)
    assert ("directory.scim_port", 31999) in [(each.setting, each.port) for each in listening_ports(settings)]
    (spec,) = [each for each in process_specs(settings, site) if each.name == "directory"]
    assert spec.command[1:] == ("-m", "components.directory", str(site))
    assert settings.directory is not None
    assert (
        asyncio.run(find_fault(part_of(site, "directory").probe))
        == "does not answer on port 31999 (directory.scim_port)"
    )
    assert settings.directory.scim[0].state in list(_public_files(settings))
    state = settings.directory.scim[0].state
    state.parent.mkdir()
    users = [{"id": "1", "userName": "alice@metals.example", "displayName": "Alice"}]
    groups = [{"id": "2", "displayName": "Traders", "members": [{"value": "1"}]}]
    state.write_text(json.dumps({"version": 1, "Users": users, "Groups": groups}))
    site.write_text(site.read_text() + "auto = true\n")
    (finding,) = [each for each in check_site(site) if each.name == "sources"]
    assert not finding.ok
    assert finding.text.endswith("pushed changes of metals are not applied; see `steelyard directory plan`")
    state.write_text("{")
    (finding,) = [each for each in check_site(site) if each.name == "sources"]
    assert (finding.ok, "metals.json cannot be read" in finding.text) == (False, True)
    state.unlink()
    (finding,) = [each for each in check_site(site) if each.name == "sources"]
    assert (finding.ok, finding.text) == (True, "people come from 1 of them")
    token_file.chmod(0o644)
    (finding,) = [each for each in check_site(site) if each.name == "keys"]
    assert (finding.ok, "scim-metals.token" in finding.text) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        (("roles = ", "# "), 2, "directory.scim.0: nobody would have a role"),
        (("scim/metals.json", "people.csv"), 1, "cannot be read"),
    ],
)
def test_a_service_that_cannot_start_says_why(
    fed: Path, change: tuple[str, str], status: int, reason: str
) -> None:
    fed.write_text(fed.read_text().replace(CSV, "") + SCIM.replace(*change))
    (fed.parent / "keys").mkdir()
    (fed.parent / "keys" / "scim-metals.token").write_text("the token of a test, long enough")
    assert status == 2 or find_site_directory(SiteFile(fed)).settings.scim
    command = [sys.executable, "-m", "components.directory", str(fed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=60)
    assert done.returncode == status
    said = json.loads(done.stderr.splitlines()[-1])
    assert reason in said["reason"], said
