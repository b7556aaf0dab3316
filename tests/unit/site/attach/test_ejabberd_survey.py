"""What an ejabberd's answer becomes, and how it is asked; no server is needed."""

from pathlib import Path
from typing import Any

import pytest

from components.process.errors import SiteError
from components.site.attach.ejabberd import survey
from components.site.attach.ejabberd.places import Places
from components.site.attach.ejabberd.survey import survey_people, survey_settings
from tests.support.attached import listener

HOST = {
    "name": "metals.example",
    "modules": ["mod_muc"],
    "rooms": ["rooms.metals.example"],
    "gate": None,
    "replaces_modules": False,
    "appends": False,
}
SETTINGS: dict[str, Any] = {
    "version": "23.01-1",
    "max_fsm_queue": None,
    "hosts": [HOST],
    "listeners": [
        listener(5222, "ejabberd_c2s"),
        listener(5347, "mod_mqtt"),
        listener(5348, "ejabberd_http"),
    ],
}
CONTACT = {"jid": "eve@elsewhere.example", "subscription": "to"}
PEOPLE = {
    "people": [{"jid": "bob@metals.example", "name": "", "contacts": [CONTACT]}],
    "rooms": [
        {
            "jid": "desk@rooms.metals.example",
            "name": "The desk",
            "is_members_only": True,
            "people": [
                {"jid": "bob@metals.example", "affiliation": "owner"},
                {"jid": "bad@metals.example", "affiliation": "outcast"},
            ],
        }
    ],
}


class Erlang:
    """What is asked of it, and its answer."""

    def __init__(self, answer: dict[str, Any] | str) -> None:
        self.answer = answer
        self.flags: tuple[str, ...] = ()

    def run(
        self, config: Path, _places: Places, what: tuple[str, ...], flags: tuple[str, ...]
    ) -> dict[str, Any]:
        self.flags, self.what = flags, what
        if isinstance(self.answer, str):
            raise SiteError(self.answer)
        return self.answer


@pytest.fixture
def config(tmp_path: Path) -> Path:
    config = tmp_path / "ejabberd.yml"
    config.touch()
    return config


def answering(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | str) -> Erlang:
    erlang = Erlang(answer)
    monkeypatch.setattr(survey, "_run", erlang.run)
    return erlang


def test_hosts_rooms_and_components_are_told_apart(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = listener(5349, "ejabberd_service", hosts=("gate.metals.example",))
    host = {**HOST, "gate": "gate.metals.example"}
    answering(monkeypatch, {**SETTINGS, "hosts": [host], "listeners": [*SETTINGS["listeners"], gate]})
    found = survey_settings(config)
    assert [(each.name, each.component) for each in found.hosts] == [
        ("metals.example", ""),
        ("rooms.metals.example", "muc"),
        ("gate.metals.example", "component"),
    ]
    assert found.options["stanza_gate"] == "gate.metals.example"


def test_a_port_for_components_is_one_that_nobody_listens_on(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, SETTINGS)
    found = survey_settings(config)
    assert (found.options["component_ports"], found.options["c2s_ports"]) == ([5349], [5222])
    assert found.options["stanza_gate"] is None


def test_who_is_there_is_read_without_those_who_are_banned(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, PEOPLE)
    stored = survey_people(config)
    (account,), (room,) = stored.accounts, stored.rooms
    assert [(each.jid, each.subscription) for each in account.contacts] == [("eve@elsewhere.example", "to")]
    assert (room.is_members_only, room.people) == (True, ("bob@metals.example",))
    assert stored.elsewhere == ()


@pytest.mark.parametrize(
    ("node", "flag"), [("ejabberd@localhost", "-sname"), ("ejabberd@chat.metals.example", "-name")]
)
def test_a_node_with_a_long_name_is_asked_by_one_with_a_long_name(
    node: str, flag: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erlang = answering(monkeypatch, PEOPLE)
    config.with_name("ejabberdctl.cfg").write_text(f"ERLANG_NODE={node}\n")
    survey_people(config)
    assert erlang.what == ("people", node)
    assert erlang.flags[0] == flag
    assert erlang.flags[1].endswith(f"@{node.partition('@')[2]}")
    assert "-setcookie" not in erlang.flags


def test_a_server_that_does_not_answer_is_told(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "there is no answer from the node")
    with pytest.raises(SiteError, match="which has to be up: there is no answer"):
        survey_people(config)
