"""What is to be mended, and what is to be known, before an ejabberd is attached; and the file that it includes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.settings.site import SiteFile
from components.site.attach.ejabberd.check import check_ejabberd
from components.site.attach.ejabberd.lines import render_ejabberd
from components.site.attach.survey import ServerHost, Survey
from tests.support.attached import (
    EJABBERD_SURVEY,
    SECRET,
    attached_site,
    listener,
    with_ejabberd,
    with_listener,
    with_modules,
)

GATE = "gate.metals.example"
PROBLEMS = {
    "ejabberd 21.12 is too old": replace(EJABBERD_SURVEY, version="21.12"),
    "another gate is attached": with_ejabberd(stanza_gate="gate.other.example"),
    "is a host of this server already": replace(
        EJABBERD_SURVEY, hosts=(*EJABBERD_SURVEY.hosts, ServerHost(GATE, "component", {}))
    ),
    "ejabberd_service listens on port 5347 already": with_listener(listener(5347, "ejabberd_service")),
    "prosody.domains: grain.example of this server": replace(
        EJABBERD_SURVEY, hosts=(*EJABBERD_SURVEY.hosts, ServerHost("grain.example", "", {}))
    ),
    "prosody.room_domains: rooms.metals.example is no such host": replace(
        EJABBERD_SURVEY, hosts=EJABBERD_SURVEY.hosts[:1]
    ),
    "write all of them into host_config": with_modules(replaces_modules=True, appends=True),
    "mod_http_upload (metals.example): it takes files": with_modules("mod_http_upload"),
    "mod_mqtt (metals.example, port 1883): people reach": replace(
        with_listener(listener(1883, "mod_mqtt")), hosts=with_modules("mod_mqtt").hosts
    ),
    "mod_mqtt (port 5443)": with_listener(listener(5443, "ejabberd_http", "mod_mqtt")),
    "mod_proxy65": with_modules("mod_proxy65"),
    "mod_multicast": with_modules("mod_multicast"),
}
REMARKS = {
    "tried with 23.01 and 24.12": replace(EJABBERD_SURVEY, version="26.1.0"),
    "ejabberd nightly: the adapter": replace(EJABBERD_SURVEY, version="nightly"),
    "echo.example is a component (component)": replace(
        EJABBERD_SURVEY, hosts=(*EJABBERD_SURVEY.hosts, ServerHost("echo.example", "component", {}))
    ),
    "mod_http_api (metals.example)": with_modules("mod_http_api"),
    "mod_announce": with_modules("mod_announce"),
    "mod_push (metals.example)": with_modules("mod_push", "mod_push_keepalive"),
    "ejabberd_stun (port 3478)": with_listener(listener(3478, "ejabberd_stun")),
    "ejabberd_s2s_in (port 5269)": with_listener(listener(5269, "ejabberd_s2s_in")),
    "max_fsm_queue": with_ejabberd(max_fsm_queue=100),
}


@pytest.fixture
def settings(tmp_path: Path) -> SiteFile:
    return attached_site(tmp_path, server="ejabberd", hold_timeout_s=7, window_stanzas=99)


def rendered(settings: SiteFile, survey: Survey = EJABBERD_SURVEY) -> dict[str, Any]:
    """Return what the included file says, which begins with remarks as YAML has them."""
    lines = render_ejabberd(settings, survey, SECRET).splitlines()
    assert all(line.startswith("#") for line in lines[:2])
    said: dict[str, Any] = json.loads("\n".join(lines[2:]))
    return said


def test_a_server_that_fits_has_neither(settings: SiteFile) -> None:
    assert check_ejabberd(EJABBERD_SURVEY, settings) == ()


@pytest.mark.parametrize("text", PROBLEMS)
def test_a_problem_is_told_with_what_to_do(text: str, settings: SiteFile) -> None:
    notes = check_ejabberd(PROBLEMS[text], settings)
    assert [(note.is_problem, text in note.text) for note in notes] == [(True, True)]


@pytest.mark.parametrize("text", REMARKS)
def test_a_remark_stops_nothing(text: str, settings: SiteFile) -> None:
    notes = check_ejabberd(REMARKS[text], settings)
    assert [(note.is_problem, text in note.text) for note in notes] == [(False, True)]


def test_an_attached_server_has_no_new_problem(settings: SiteFile) -> None:
    survey = with_modules("mod_stanza_gate", replaces_modules=True, appends=True)
    ours = listener(5347, "ejabberd_service", hosts=(GATE,))
    attached = Survey(
        survey.version,
        {**survey.options, "stanza_gate": GATE, "listeners": [ours]},
        (*survey.hosts, ServerHost(GATE, "component", {})),
    )
    assert check_ejabberd(attached, settings) == ()


def test_the_gate_is_where_the_server_will_listen(tmp_path: Path) -> None:
    elsewhere = attached_site(tmp_path, server="ejabberd", address="::1")
    (note,) = check_ejabberd(EJABBERD_SURVEY, elsewhere)
    assert note.is_problem
    assert "set gate.address" in note.text


def test_a_datagram_port_of_the_same_number_is_another(settings: SiteFile) -> None:
    survey = with_listener({**listener(5347, "ejabberd_http"), "transport": "udp"})
    assert check_ejabberd(survey, settings) == ()


def test_the_file_has_the_gates_listener_and_modules_and_nothing_else(settings: SiteFile) -> None:
    said = rendered(settings)
    assert sorted(said) == ["listen", "modules"]
    (gate,) = said["listen"]
    assert (gate["port"], gate["ip"], gate["module"]) == (5347, "127.0.0.1", "ejabberd_service")
    assert gate["hosts"] == {GATE: {"password": SECRET}}
    assert sorted(said["modules"]) == ["mod_beside_the_gate", "mod_room_borders", "mod_stanza_gate"]
    adapter = said["modules"]["mod_stanza_gate"]
    assert (adapter["gate"], adapter["timeout_ms"], adapter["window_stanzas"]) == (GATE, 7000, 99)
    assert said["modules"]["mod_beside_the_gate"]["made_for"] == EJABBERD_SURVEY.version


def test_a_host_with_modules_of_its_own_gets_ours_too(settings: SiteFile) -> None:
    said = rendered(settings, with_modules(replaces_modules=True))
    assert said["append_host_config"] == {"metals.example": {"modules": said["modules"]}}


def test_applying_again_writes_the_same(settings: SiteFile) -> None:
    once = with_modules(replaces_modules=True)
    again = with_modules("mod_stanza_gate", replaces_modules=True, appends=True)
    assert render_ejabberd(settings, once, SECRET) == render_ejabberd(settings, again, SECRET)
