"""ejabberd's own loader tells what a configuration says, and why it cannot be read; nothing is started or changed."""

from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.attach.apply import apply_attach, plan_attach, undo_attach
from components.site.attach.ejabberd import survey
from components.site.attach.ejabberd.survey import survey_settings
from tests.support.attached import SECRET, attached_site
from tests.support.ejabberd import LIBRARIES
from tests.support.own_ejabberd import EXAMPLE

OWN = """\
define_macro:
  'HOSTS':
    - "metals.example"
    - "grain.example"
hosts: 'HOSTS'
include_config_file: "more.yml"
modules:
  mod_roster: {}
  mod_muc:
    host: "rooms.@HOST@"
host_config:
  grain.example:
    modules:
      mod_ping: {}
"""
MORE = """\
listen:
  -
    port: 5000
    ip: "127.0.0.1"
    module: ejabberd_c2s
  -
    port: 5347
    module: ejabberd_service
    hosts:
      "echo.metals.example":
        password: "hush hush"
modules:
  mod_time: {}
max_fsm_queue: 77
"""
GATE = "gate.metals.example"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(survey, "LIBRARIES", LIBRARIES)
    (tmp_path / "ejabberdctl.cfg").write_text(
        f"SPOOL_DIR={tmp_path}\nCONTRIB_MODULES_PATH={tmp_path / 'modules'}\n"
    )
    (tmp_path / "more.yml").write_text(MORE)
    config = tmp_path / "ejabberd.yml"
    config.write_text(OWN)
    return config


def files(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def site_of_two(folder: Path) -> SiteFile:
    """Return a site for both domains of the configuration."""
    file = attached_site(folder, server="ejabberd", component_port=5348).path
    one = 'domains = ["metals.example"]'
    text = file.read_text()
    assert one in text
    file.write_text(text.replace(one, 'domains = ["metals.example", "grain.example"]'))
    return SiteFile(file)


def test_it_is_read_as_the_server_reads_it(config: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    found = survey_settings(config)
    assert found.version.startswith(("23.", "24."))
    assert [(host.name, host.component) for host in found.hosts] == [
        ("metals.example", ""),
        ("rooms.metals.example", "muc"),
        ("grain.example", ""),
        ("echo.metals.example", "component"),
    ]
    metals, _, grain, _ = found.hosts
    assert found.modules_of(metals) == {"mod_roster", "mod_muc", "mod_time"}
    assert found.modules_of(grain) == {"mod_ping"}
    assert (metals.options["replaces_modules"], grain.options["replaces_modules"]) == (False, True)
    assert (found.options["c2s_ports"], found.options["max_fsm_queue"]) == ([5000], 77)
    assert found.options["component_ports"] == [5348]  # somebody listens on the usual one
    assert "hush" not in str(found)
    assert files(tmp_path) == before


def test_every_host_is_held_also_one_with_modules_of_its_own(config: Path, tmp_path: Path) -> None:
    before = files(tmp_path)
    settings = site_of_two(tmp_path / "site")
    apply_attach(plan_attach(settings, config), GATE)
    found = survey_settings(config)
    held = {host.name for host in found.hosts if "mod_stanza_gate" in found.modules_of(host)}
    assert held == {"metals.example", "grain.example"}
    assert (found.find_host(GATE), found.options["stanza_gate"]) == (found.hosts[-1], GATE)
    assert SECRET not in str(found)
    assert not plan_attach(settings, config).is_old
    assert undo_attach(config, "ejabberd") is True
    assert {name: file for name, file in files(tmp_path).items() if "/site/" not in name} == before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hosts: [", "YAML"),
        ('hosts: ["metals.example"]\ninclude_config_file: "nowhere.yml"', "nowhere.yml"),
        ('hosts: ["metals.example"]\nloglevel: 4\nloglevel: 5', "loglevel"),
        ('hosts: ["metals.example"]\nmodules: {mod_nowhere: {}}', "mod_nowhere"),
    ],
)
def test_why_it_cannot_be_read_is_told(text: str, told: str, config: Path) -> None:
    config.write_text(f"{text}\n")
    with pytest.raises(SiteError, match="ejabberd cannot read") as refused:
        survey_settings(config)
    assert told in str(refused.value)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="is no file; name the server's configuration"):
        survey_settings(tmp_path)


def test_debians_own_example_is_read(config: Path) -> None:
    config.write_bytes(EXAMPLE.read_bytes())
    found = survey_settings(config)
    assert [host.name for host in found.hosts] == ["localhost", "conference.localhost"]
    assert {each["module"] for each in found.options["listeners"]} == {
        "ejabberd_c2s", "ejabberd_s2s_in", "ejabberd_http", "ejabberd_stun", "mod_mqtt",
    }  # fmt: skip
