"""The lines that attach a server, as text."""

from pathlib import Path

import pytest

from components.site.attach.lines import add_include, include_lines, render_included, take_include
from components.site.prosody import ADAPTER_DIR
from tests.support.attached import SECRET, SURVEY, attached_site, with_options

PROSODY, EJABBERD = Path("/etc/prosody/steelyard.cfg.lua"), Path("/etc/ejabberd/steelyard.yml")
LAST_LINE = {
    PROSODY: "Include '/etc/prosody/steelyard.cfg.lua'",
    EJABBERD: 'include_config_file: "/etc/ejabberd/steelyard.yml"',
}
BOTH = pytest.mark.parametrize("included", LAST_LINE, ids=lambda file: file.parent.name)
TEXTS = (
    "",
    "VirtualHost 'a.example'\n",
    "VirtualHost 'a.example'",
    "-- a remark",
    "Component 'r' 'muc'\r\n\r\n",
    "\n\n",
    "\udcff\n",
)


@BOTH
@pytest.mark.parametrize("text", TEXTS)
def test_what_is_added_is_at_the_end_on_lines_of_its_own_and_only_once(text: str, included: Path) -> None:
    added = add_include(text, included)
    assert added.startswith(text)
    assert added.splitlines()[-2:] == list(include_lines(included))
    assert added.endswith(f"\n{LAST_LINE[included]}\n")
    assert add_include(added, included) == added


@pytest.mark.parametrize("text", [each for each in TEXTS if not each or each.endswith("\n")])
@BOTH
def test_taking_it_out_leaves_every_byte_as_it_was(text: str, included: Path) -> None:
    assert take_include(add_include(text, included), included) == text


@BOTH
def test_what_somebody_has_written_since_stays(included: Path) -> None:
    added = add_include("one\n", included)
    assert take_include(f"zero\n{added}two\n", included) == "zero\none\ntwo\n"


@pytest.mark.parametrize("text", ["", "one\n", "Include '/etc/prosody/other.cfg.lua'\n"])
@BOTH
def test_what_is_not_there_is_not_taken_out(text: str, included: Path) -> None:
    with pytest.raises(ValueError, match="not there"):
        take_include(text, included)


def test_the_file_has_the_gates_settings_and_no_others(tmp_path: Path) -> None:
    settings = attached_site(tmp_path, hold_timeout_s=7, window_stanzas=99)
    text = render_included(settings, SURVEY, SECRET)
    lines = text.splitlines()
    for line in (
        "stanza_gate = 'gate.metals.example'",
        "stanza_gate_timeout = 7.0",
        "stanza_gate_window = 99",
        f"plugin_paths = {{ '{ADAPTER_DIR}' }}",
        "Component 'gate.metals.example'",
        f"  component_secret = '{SECRET}'",
    ):
        assert line in lines
    # What a firm has set for itself is not set again: only the paths of modules, with the firm's own before.
    names = {line.split(" = ")[0] for line in lines if " = " in line and not line.startswith(" ")}
    assert {name for name in names if not name.startswith(("stanza_gate", "line_notice"))} == {
        "plugin_paths", "component_stanza_size_limit",
    }  # fmt: skip


def test_the_firms_own_modules_are_found_before_ours(tmp_path: Path) -> None:
    survey = with_options(plugin_paths=["/opt/their's", str(ADAPTER_DIR)])
    text = render_included(attached_site(tmp_path), survey, SECRET)
    assert f"plugin_paths = {{ '/opt/their\\'s', '{ADAPTER_DIR}' }}" in text


def test_applying_again_writes_the_same(tmp_path: Path) -> None:
    settings = attached_site(tmp_path)
    once = with_options(plugin_paths=["/opt/theirs"])
    again = with_options(plugin_paths=["/opt/theirs", str(ADAPTER_DIR)])
    assert render_included(settings, once, SECRET) == render_included(settings, again, SECRET)
