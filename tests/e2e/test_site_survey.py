"""Prosody's own loader tells what a configuration says, and why it cannot be read; nothing is started or changed."""

from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.site.attach.survey import survey_people, survey_settings
from tests.support.prosody import ProsodyServer, private_plan

OWN = """\
run_as_root = true
data_path = "{root}/data"
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{root}/prosody.log" }} }}
local all = {{ "roster" }}
all[#all + 1] = "pep"
modules_enabled = all
plugin_paths = "/opt/theirs"
Include "conf.d/*.cfg.lua"
"""
HOSTS = """\
VirtualHost "Metals.example" {{ modules_enabled = {{ "turn_external" }} }}
VirtualHost "off.example" {{ enabled = false }}
Component "rooms.metals.example" "muc"
Component "echo.metals.example" {{ component_secret = "hush hush" }}
Component "sql.metals.example" "muc"
  storage = "sql"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "metals.cfg.lua").write_text(HOSTS.format())
    config = tmp_path / "prosody.cfg.lua"
    config.write_text(OWN.format(root=tmp_path))
    return config


def test_it_is_read_as_the_server_reads_it(config: Path, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.lua")}
    found = survey_settings(config)
    assert found.version[0].isdigit()
    assert [(host.name, host.component) for host in found.hosts] == [
        ("echo.metals.example", "component"),
        ("metals.example", ""),
        ("rooms.metals.example", "muc"),
        ("sql.metals.example", "muc"),
    ]
    assert (found.options["modules_enabled"], found.options["plugin_paths"]) == (
        ["roster", "pep"],
        "/opt/theirs",
    )
    metals = found.find_host("metals.example")
    assert metals is not None
    assert found.modules_of(metals) == {"roster", "pep", "turn_external"}
    assert "hush" not in str(found)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.lua")} == before


def test_who_is_there_is_read_from_internal_storage_alone(config: Path, tmp_path: Path) -> None:
    server = ProsodyServer(private_plan(tmp_path))
    server.register("o'hara@metals.example", "bob@metals.example", "gone@elsewhere.example")
    server.befriend("bob@metals.example", "eve@elsewhere.example")
    rooms = tmp_path / "data" / "rooms%2emetals%2eexample"
    (rooms / "config").mkdir(parents=True)
    (rooms / "persistent.dat").write_text('return { ["desk@rooms.metals.example"] = true }')
    data = '_data = { name = "The desk", members_only = true }'
    places = '["bob@metals.example"] = "owner", ["bad@metals.example"] = "outcast"'
    (rooms / "config" / "desk.dat").write_text(
        f'return {{ _jid = "desk@rooms.metals.example", {data}, {places} }}'
    )
    found = survey_people(config)
    assert [account.jid for account in found.accounts] == ["bob@metals.example", "o'hara@metals.example"]
    assert [(item.jid, item.subscription) for item in found.accounts[0].contacts] == [
        ("eve@elsewhere.example", "both")
    ]
    (room,) = found.rooms
    assert (room.jid, room.name, room.is_members_only) == ("desk@rooms.metals.example", "The desk", True)
    assert room.people == ("bob@metals.example",)
    assert found.elsewhere == ("sql.metals.example",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('VirtualHost "x', "unfinished string"),
        ('Include "/nowhere.cfg.lua"', "/nowhere.cfg.lua"),
        ('Component "a.example" "muc"\nVirtualHost "a.example"', "clashes"),
    ],
)
def test_why_it_cannot_be_read_is_told(text: str, told: str, tmp_path: Path) -> None:
    config = tmp_path / "prosody.cfg.lua"
    config.write_text(f"run_as_root = true\n{text}\n")
    with pytest.raises(SiteError, match="Prosody cannot read") as refused:
        survey_settings(config)
    assert told in str(refused.value)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="is no file; name the server's configuration"):
        survey_settings(tmp_path)
