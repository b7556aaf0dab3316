"""`steelyard directory`, and what a site with sources of people needs."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from components.directory.apply import find_site_directory
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from components.site import directory_cli
from components.site.backup_files import _public_files
from components.site.check import check_site
from components.site.init import init_site
from components.site.parts import listening_ports
from components.site.probe import find_fault
from components.site.up import process_specs
from components.site.validate import load_site
from policy.directory.directory import parse_directory
from tests.support.site import part_of
from tests.support.site_toml import write_site_toml

ROOT = Path(__file__).resolve().parents[3]
DIRECTORY = """
gate = "gate.example"
[enterprise.metals]
name = "Metals Trading AG"
sites = [{ domain = "metals.example", rooms = "rooms.metals.example" }]
desk = [{ id = "base", name = "Base metals" }, { id = "precious", name = "Precious metals" }]
person = [
  { jid = "alice@metals.example", name = "Alice Arden", desk = "base", roles = ["trader"] },
  { jid = "bob@metals.example", name = "Bob Baker", desk = "base", roles = ["trader"] },
  { jid = "carol@metals.example", name = "Carol Castle", desk = "precious", roles = ["trader"] },
  { jid = "dora@metals.example", name = "Dora Dean", roles = ["auditor"] },
]
[enterprise.grain]
name = "Grain Brothers Ltd"
sites = [{ domain = "grain.example", rooms = "rooms.grain.example" }]
person = [{ jid = "george@grain.example", name = "George Garner", roles = ["trader"] }]
"""
CSV = """
[[directory.csv]]
enterprise = "metals"
file = "people.csv"
"""
SCIM = """
[directory]
scim_port = 31999
scim_certificate = "certs/metals.example.crt"
[[directory.scim]]
enterprise = "metals"
token_file = "keys/scim-metals.token"
state = "scim/metals.json"
roles = { Traders = "trader" }
"""
PEOPLE = """jid,name,desk,roles
alice@metals.example,Alice Arden,base,trader
bob@metals.example,Bob Baker,precious,trader
carol@metals.example,Carol Castle,precious,trader
ernest@metals.example,Ernest Eden,,auditor
"""


@pytest.fixture
def fed(tmp_path: Path) -> Path:
    """The settings of a site whose people of one enterprise come from a file."""
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    return write_site_toml(tmp_path / "site.toml", CSV)


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


def test_plan_shows_and_changes_nothing(fed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (fed.parent / "directory.toml").read_text()
    assert directory_cli.plan(site=fed) == 3
    assert told(capsys) == (
        "metals\n"
        "  ~ person bob@metals.example: desk base -> precious\n"
        "  - person dora@metals.example: name Dora Dean, roles auditor\n"
        "  + person ernest@metals.example: name Ernest Eden, roles auditor\n"
    )
    assert directory_cli.plan(as_json=True, site=fed) == 3
    document = json.loads(told(capsys))
    assert document["changes"][0] == {
        "kind": "changed",
        "enterprise": "metals",
        "what": "person",
        "name": "bob@metals.example",
        "details": {"desk": {"old": "base", "new": "precious"}},
    }
    assert (document["applied"], document["refusals"]) == (False, [])
    assert (fed.parent / "directory.toml").read_text() == before


def test_apply_does_what_plan_shows(fed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert directory_cli.apply(site=fed) == 0
    assert "~ person bob@metals.example" in told(capsys)
    assert directory_cli.plan(site=fed) == 0
    assert told(capsys) == "nothing to change\n"
    assert directory_cli.apply(as_json=True, site=fed) == 0
    assert json.loads(told(capsys)) == {
        "applied": False,
        "changes": [],
        "left_out": {"metals": 0},
        "refusals": [],
    }
    assert "ernest@metals.example" in parse_directory((fed.parent / "directory.toml").read_text()).people
    assert directory_cli.show(site=fed) == 0
    assert "    ernest@metals.example  Ernest Eden (auditor)\n" in told(capsys)
    assert directory_cli.show(as_json=True, site=fed) == 0
    grain, metals = json.loads(told(capsys))["enterprises"]
    assert (grain["id"], len(metals["people"])) == ("grain", 4)


def test_too_many_departures_have_to_be_allowed(fed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fed.parent / "people.csv").write_text("\n".join(PEOPLE.splitlines()[:3]))
    assert directory_cli.plan(site=fed) == 3
    refusal = (
        "✘ 2 of 4 people would leave metals, more than 1; if that is right, run `steelyard directory apply"
    )
    assert refusal in told(capsys)
    assert directory_cli.apply(site=fed) == 1
    assert refusal in told(capsys)
    assert directory_cli.apply(as_json=True, site=fed) == 1
    assert (document := json.loads(told(capsys)))["applied"] is False
    assert len(document["refusals"]) == 1
    assert directory_cli.apply(allow_departures=2, site=fed) == 0


def test_what_is_wrong_is_told_a_line_each(fed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fed.parent / "people.csv").write_text(
        PEOPLE.replace("precious", "silver").replace("auditor", "auditoress")
    )
    for command in (directory_cli.plan, directory_cli.apply):
        assert command(site=fed) == 1
        assert told(capsys).splitlines() == [
            "✘ people.csv line 5: 'auditoress' is no role: choose of "
            "trader, auditor, approver, operator, chaperone, service"
        ]
    (fed.parent / "people.csv").write_text(PEOPLE.replace("precious", "silver"))
    assert directory_cli.apply(as_json=True, site=fed) == 1
    assert json.loads(told(capsys)) == {
        "problems": [
            "people.csv line 3, desk: this enterprise has no desk 'silver'",
            "people.csv line 4, desk: this enterprise has no desk 'silver'",
        ]
    }


def test_wrong_use_is_told_on_standard_error(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        directory_cli.plan(site=site)
    assert ended.value.code == 2
    assert capsys.readouterr() == (
        "",
        "steelyard: directory: is missing; add the table [directory] (docs/settings.md)\n",
    )


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
