"""The site that is proposed for a server: its directory is a right one, whatever people call themselves."""

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from components.process.errors import SiteError
from components.settings.gate import GateMode
from components.settings.site_table import ServerName
from components.site.attach import propose
from components.site.attach.kinds import KINDS
from components.site.attach.propose import propose_directory, propose_site
from components.site.attach.survey import Account, Contact, KeptRoom, ServerHost, Stored, Survey
from components.site.validate import read_site
from policy.directory.directory import parse_directory
from tests.support.attached import EJABBERD_SURVEY, SURVEY, with_host

GATE = "gate.metals.example"
ALICE, BOB = "alice.arden@metals.example", "bob@metals.example"
OUTSIDE = "eve@elsewhere.example"
STORED = Stored(
    (
        Account(ALICE, "", (Contact(BOB, "both"), Contact(OUTSIDE, "to"))),
        Account(BOB, "Bob Baker", (Contact(ALICE, "both"),)),
    ),
    (
        KeptRoom("desk@rooms.metals.example", "The desk", False, (ALICE, OUTSIDE)),
        KeptRoom("quiet@rooms.metals.example", "", True, ()),
    ),
    (),
)


def stored(name: str) -> Stored:
    """Return a server with one person and one room, both of this name."""
    return Stored((Account(BOB, name, ()),), (KeptRoom("desk@rooms.metals.example", name, False, ()),), ())


def test_everybody_with_an_account_is_listed_and_every_room() -> None:
    directory = parse_directory(propose_directory(SURVEY, STORED, gate=GATE))
    (firm,) = directory.enterprises
    assert [(person.jid, person.name) for person in firm.people] == [
        (ALICE, "Alice Arden"),
        (BOB, "Bob Baker"),
    ]
    assert [(room.jid, room.name) for room in firm.rooms] == [
        ("desk@rooms.metals.example", "The desk"), ("quiet@rooms.metals.example", "quiet"),
    ]  # fmt: skip
    assert [(site.domain, site.rooms) for site in firm.sites] == [("metals.example", "rooms.metals.example")]
    assert directory.gate == GATE


def test_what_people_would_lose_stands_beside_them() -> None:
    before_bob = propose_directory(SURVEY, STORED, gate=GATE).partition("bob@")[0]
    assert f'# has a contact outside: {OUTSIDE}\n[[enterprise.firm.person]]\njid = "{ALICE}"' in before_bob
    text = propose_directory(SURVEY, STORED, gate=GATE)
    assert f"# has a place there, and no account: {OUTSIDE}" in text
    assert text.count("# was for members only") == 1


@pytest.mark.parametrize(
    "name",
    [
        'Bob "the bull" Baker',
        "Bob\n[[enterprise.firm.person]]",
        "back\\slash",
        "\x00\x1b[2J",
        "明",
        "x" * 5000,
        "'''",
    ],
)
def test_a_name_that_somebody_gave_themselves_stays_a_name(name: str) -> None:
    text = propose_directory(SURVEY, stored(name), gate=GATE)
    (firm,) = parse_directory(text).enterprises
    (person,) = firm.people
    assert person.jid == BOB
    assert person.name.isprintable()
    assert 0 < len(person.name) <= 100


def test_a_contact_whose_address_has_a_line_end_adds_no_line() -> None:
    forged = Contact(f'x@y\n[[enterprise.firm.person]]\njid = "{OUTSIDE}"', "both")
    text = propose_directory(SURVEY, Stored((Account(BOB, "Bob", (forged,)),), (), ()), gate=GATE)
    assert [person["jid"] for person in tomllib.loads(text)["enterprise"]["firm"]["person"]] == [BOB]


def test_domains_without_rooms_of_their_own_are_sites_too() -> None:
    survey = with_host("grain.example")
    (firm,) = parse_directory(propose_directory(survey, STORED, gate=GATE)).enterprises
    assert {(site.domain, site.rooms) for site in firm.sites} == {
        ("metals.example", "rooms.metals.example"), ("grain.example", None),
    }  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    surveys: Mapping[ServerName, Survey] = {"prosody": SURVEY, "ejabberd": EJABBERD_SURVEY}
    answering(monkeypatch, surveys)
    config = tmp_path / "server.cfg"
    config.touch()
    return config


def surveyed(survey: Survey) -> Callable[[Path], Survey]:
    return lambda _: survey


def answering(monkeypatch: pytest.MonkeyPatch, surveys: Mapping[ServerName, Survey]) -> None:
    """Have each server answer with its survey, and all of them with the same people."""
    kinds = {
        name: replace(KINDS[name], survey_settings=surveyed(survey), survey_people=lambda _: STORED)
        for name, survey in surveys.items()
    }
    monkeypatch.setattr(propose, "KINDS", kinds)


def test_the_logs_are_named_after_the_host_on_which_people_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names stay for good, and Debian's examples begin with a host `localhost` that nobody is on."""
    config = tmp_path / "server.cfg"
    config.touch()
    survey = replace(SURVEY, hosts=(ServerHost("localhost", "", {}), *SURVEY.hosts))
    answering(monkeypatch, {"prosody": survey})
    site = read_site(propose_site(config, tmp_path / "site").site_toml)
    assert (site.site.name, site.gate.jid) == ("metals.example", GATE)
    assert site.gate.log_origin == "metals.example/gate"
    assert site.prosody.domains == ("localhost", "metals.example")


@pytest.mark.parametrize("server", KINDS)
def test_the_proposed_site_observes_and_is_attached(config: Path, tmp_path: Path, server: ServerName) -> None:
    made = propose_site(config, tmp_path / "site", server)
    site = read_site(made.site_toml)
    assert site.site.server == server
    assert f"steelyard attach {server} --propose" in made.site_toml.read_text() + made.directory.read_text()
    assert (site.gate.mode, site.prosody.attached_to) == (GateMode.OBSERVE, config)
    assert (site.prosody.domains, site.prosody.room_domains) == (
        ("metals.example",),
        ("rooms.metals.example",),
    )
    # A server starts again without `up`, and until the gate is there nobody can log in.
    assert site.gate.reconnect_max_s <= 1.0
    assert site.gate.jid == parse_directory(made.directory.read_text()).gate
    assert made.digest == hashlib.sha256(made.directory.read_bytes()).hexdigest()
    assert (made.people, made.rooms, made.outside, made.elsewhere) == (2, 2, 1, ())


def test_nothing_that_is_there_is_replaced(config: Path, tmp_path: Path) -> None:
    for name in ("site.toml", "directory.toml"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).write_text("mine")
        with pytest.raises(SiteError, match="is there already"):
            propose_site(config, folder)
        assert [file.read_text() for file in folder.iterdir()] == ["mine"]


def test_a_server_without_people_has_no_site(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = Survey(SURVEY.version, {}, SURVEY.hosts[1:])
    answering(monkeypatch, {"prosody": bare})
    with pytest.raises(SiteError, match="has no host for people"):
        propose_site(config, tmp_path / "site")
    assert not (tmp_path / "site").exists()
