"""What is to be mended, and what is to be known, before a server is attached."""

from pathlib import Path

import pytest

from components.site.attach.check import check_server
from components.site.attach.survey import Survey
from tests.support.attached import SURVEY, attached_site, with_host, with_options

PROBLEMS = {
    "0.11 is too old": Survey("0.11.9", SURVEY.options, SURVEY.hosts),
    "another gate is attached": with_options(stanza_gate="gate.other.example"),
    "is a host of this server already": with_host("gate.metals.example", "component"),
    "components connect to port 5350": with_options(component_ports=[5350]),
    "components connect to port none": with_options(component_ports={}),
    "in the clear": with_options(component_interfaces=["127.0.0.1", "*"]),
    "192.0.2.7": with_options(component_interfaces="192.0.2.7"),
    "prosody.domains: grain.example of this server": with_host("grain.example"),
    "prosody.room_domains: talk.example of this server": with_host("talk.example", "muc"),
    "prosody.room_domains: rooms.metals.example is no such host": Survey(
        "13.0.1", SURVEY.options, SURVEY.hosts[:1]
    ),
    "prosody.domains: metals.example is no such host": Survey("13.0.1", SURVEY.options, SURVEY.hosts[1:]),
}
REMARKS = {
    "tried with 0.12 and 13.0": Survey("14.1", SURVEY.options, SURVEY.hosts),
    "calls itself 'nightly": Survey("nightly build 7", SURVEY.options, SURVEY.hosts),
    "echo.example is a component (component)": with_host("echo.example", "component"),
    "mod_http_file_share on upload.example takes files": with_host("upload.example", "http_file_share"),
    "mod_proxy65 on rooms.metals.example takes files": with_host(
        "rooms.metals.example", "muc", modules_enabled=["proxy65"]
    ),
    "mod_turn_external (metals.example)": with_options(modules_enabled=["roster", "turn_external"]),
    "mod_admin_shell": with_host("metals.example", modules_enabled=["admin_shell"]),
    "allow_registration": with_options(allow_registration=True),
}


def test_a_server_that_fits_has_neither(tmp_path: Path) -> None:
    assert check_server(SURVEY, attached_site(tmp_path)) == ()


@pytest.mark.parametrize("text", PROBLEMS)
def test_a_problem_is_told_with_what_to_do(text: str, tmp_path: Path) -> None:
    notes = check_server(PROBLEMS[text], attached_site(tmp_path))
    assert [note.is_problem for note in notes if text.replace("0.11 is", "0.11.9 is") in note.text] == [True]
    assert len(notes) == 1


@pytest.mark.parametrize("text", REMARKS)
def test_a_remark_stops_nothing(text: str, tmp_path: Path) -> None:
    notes = check_server(REMARKS[text], attached_site(tmp_path))
    assert [(note.is_problem, text in note.text) for note in notes] == [(False, True)]


def test_the_usual_port_is_taken_where_none_is_set(tmp_path: Path) -> None:
    survey = with_options(component_ports=None)
    assert check_server(survey, attached_site(tmp_path)) == ()
    (note,) = check_server(survey, attached_site(tmp_path / "other", component_port=6000))
    assert note.is_problem
    assert "5347" in note.text


def test_an_attached_server_has_no_new_problem(tmp_path: Path) -> None:
    survey = with_host("gate.metals.example", "component", modules_enabled=["stanza_gate"])
    attached = Survey(survey.version, {**survey.options, "stanza_gate": "gate.metals.example"}, survey.hosts)
    assert check_server(attached, attached_site(tmp_path)) == ()


@pytest.mark.parametrize("interfaces", ["127.0.0.1", "::1", ["127.0.0.1", "::1"], "localhost", {}])
def test_a_link_on_the_machine_itself_is_fine(interfaces: object, tmp_path: Path) -> None:
    assert check_server(with_options(component_interfaces=interfaces), attached_site(tmp_path)) == ()


ROSTER = """
[roster]
jid = "roster.metals.example"
secret_file = "keys/roster.secret"
log = "archive/roster.db"
log_origin = "metals.example/roster"
log_key_file = "keys/log-roster.key"
state_file = "run/roster.state.json"
status_file = "run/roster.status.json"
"""


def test_a_component_that_is_not_attached_is_told(tmp_path: Path) -> None:
    (note,) = check_server(SURVEY, attached_site(tmp_path, ROSTER))
    assert note.is_problem
    assert note.text.startswith("[roster]: attaching adds the gate alone")
