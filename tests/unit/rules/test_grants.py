"""Statements as files: signed by their authors, kept once, and accepted only when they fit."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.archive.keys import create_log_key
from components.archive.log.note import Signer, sign_note
from components.rules.access.accept import CLOCK_SLACK_S, accept_note, make_decision, make_request
from components.rules.access.folder import GrantsError, StatementFolder
from components.rules.access.note import encode_note, read_note, sign_statement
from components.rules.access.register import AccessRegister
from components.settings.access import AccessSettings, FormerApprover
from policy.access.admission import DAY_S, AdmissionState
from policy.access.statement import AccessAct, Statement, StatementError, encode_statement
from policy.address import BareJid
from policy.directory.directory import Directory, parse_directory

ALICE = BareJid("alice@metals.example")
NOW = 1_795_000_000
DIRECTORY = """
gate = "gate.metals.example"
access = "access.metals.example"
[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example" }]
""" + "".join(
    f'[[enterprise.metals.person]]\njid = "{name}@metals.example"\nname = "{name}"\nroles = ["{role}"]\n'
    for name, role in (
        ("alice", "trader"),
        ("bob", "trader"),
        ("erin", "approver"),
        ("frank", "approver"),
        ("bot", "service"),
    )
)


@dataclass
class Desk:
    register: AccessRegister
    directory: Directory
    keys: dict[str, Signer]

    def ask(self, person: str = "alice", now_s: int = NOW, **changes: int) -> Statement:
        jid = BareJid(f"{person}@metals.example")
        asked = make_request(
            self.register,
            self.directory,
            jid,
            jid,
            now_s,
            f"r{now_s}",
            **changes,  # type: ignore[arg-type]
        )
        accept_note(self.register, self.directory, encode_note(asked), now_s)
        return asked

    def decide(
        self, who: str, act: AccessAct = AccessAct.APPROVE, named: str = ALICE, now_s: int = NOW
    ) -> str:
        statement = make_decision(
            self.register, self.directory, act, named, BareJid(f"{who}@metals.example"), now_s
        )
        note = sign_statement(statement, self.keys[who])
        accept_note(self.register, self.directory, note, now_s)
        return note

    def state(self, now_s: int = NOW) -> AdmissionState:
        return self.register.judge(self.directory, now_s).admissions[ALICE].state


def make_settings(root: Path, **changes: object) -> AccessSettings:
    table = {
        "jid": "access.metals.example",
        "secret_file": root / "secret",
        "folder": root / "access",
        "approvers": [root / "erin.pub", root / "frank.pub"],
        "passwords": root / "passwords",
        "status_file": root / "status.json",
    }
    return AccessSettings.model_validate(table | changes)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    keys = {
        name: create_log_key(tmp_path / f"{name}.key", f"approver/{name}@metals.example")
        for name in ("erin", "frank", "bob")
    }
    return Desk(AccessRegister(make_settings(tmp_path)), parse_directory(DIRECTORY), keys)


def test_two_approve_one_revokes_and_another_process_sees_the_same(desk: Desk) -> None:
    asked = desk.ask()
    assert (asked.roles, asked.until_s) == (("trader",), NOW + 365 * DAY_S)
    desk.decide("erin")
    assert desk.state() is AdmissionState.REQUESTED
    desk.decide("frank")
    assert desk.state() is AdmissionState.ADMITTED
    other = AccessRegister(desk.register.settings).judge(desk.directory, NOW)
    assert other.admitted == {ALICE: frozenset({"trader"})}
    desk.decide("erin", AccessAct.REVOKE, now_s=NOW + 1)
    assert desk.state(NOW + 1) is AdmissionState.REVOKED
    desk.ask(now_s=NOW + 2)
    assert desk.state(NOW + 2) is AdmissionState.REQUESTED


@pytest.mark.parametrize(
    ("who", "act", "named", "problem"),
    [
        ("bob", AccessAct.APPROVE, ALICE, "is no approver of metals, or has no key"),
        ("frank", AccessAct.APPROVE, "bob@metals.example", "nobody has asked for bob"),
        ("frank", AccessAct.CERTIFY, ALICE, "alice@metals.example is requested; there is nothing to certify"),
        ("erin", AccessAct.APPROVE, ALICE, "approved this already; it needs another approver"),
        ("erin", AccessAct.APPROVE, "erin@metals.example", "nobody decides on their own admission"),
        ("frank", AccessAct.REVOKE, "x@elsewhere.example", "belongs to no enterprise"),
    ],
)
def test_what_does_not_fit_is_refused(desk: Desk, who: str, act: AccessAct, named: str, problem: str) -> None:
    desk.ask()
    desk.ask("erin")
    desk.decide("erin")
    before = desk.register.folder.names()
    with pytest.raises(GrantsError, match=problem):
        desk.decide(who, act, named)
    assert desk.register.folder.names() == before


def test_a_note_that_another_signed_or_that_is_late_is_not_kept(desk: Desk) -> None:
    desk.ask()
    fitting = make_decision(
        desk.register, desk.directory, AccessAct.APPROVE, ALICE, BareJid("erin@metals.example"), NOW
    )
    text = encode_statement(fitting)
    forged = sign_note(text, replace(desk.keys["frank"], name=desk.keys["erin"].name))
    broken = sign_statement(fitting, desk.keys["erin"]).replace("approve", "certify", 1)
    for note in (text, sign_note(text, desk.keys["frank"]), forged, broken, f"{text}\nnonsense\n"):
        with pytest.raises(GrantsError):
            accept_note(desk.register, desk.directory, note, NOW)
    note = sign_statement(fitting, desk.keys["erin"])
    with pytest.raises(GrantsError, match="within 15 minutes"):
        accept_note(desk.register, desk.directory, note, NOW + CLOCK_SLACK_S + 1)
    assert len(desk.register.folder.names()) == 1
    with pytest.raises(StatementError, match="the key belongs to frank"):
        sign_statement(fitting, desk.keys["frank"])


@pytest.mark.parametrize("damage", [b"", b"steelyard-access/1 nothing\n", b"\xff"])
def test_a_damaged_file_stops_the_reading(desk: Desk, damage: bytes) -> None:
    """It may have been a revocation, so it must not be passed over."""
    desk.ask()
    desk.decide("erin")
    folder = desk.register.settings.folder
    (name,) = [each for each in folder.iterdir() if b"approve" in each.read_bytes()]
    name.write_bytes(damage)
    with pytest.raises(GrantsError, match="put it back from a backup"):
        AccessRegister(desk.register.settings).statements()


def test_a_draft_and_other_files_are_not_statements(desk: Desk) -> None:
    desk.ask()
    folder = desk.register.settings.folder
    (folder / "half.note.new").write_text("half")
    (folder / "README").write_text("hello")
    assert len(AccessRegister(desk.register.settings).statements()) == 1


def test_a_new_file_changes_the_fingerprint(desk: Desk) -> None:
    folder = StatementFolder(desk.register.settings.folder, ())
    assert folder.fingerprint() == ()
    desk.ask()
    assert folder.fingerprint() != folder.fingerprint(), "within a tick of the clock, look again"


def test_what_a_former_approver_signed_goes_on_to_count_and_nothing_later(desk: Desk, tmp_path: Path) -> None:
    desk.ask()
    desk.decide("erin")
    desk.decide("frank")
    create_log_key(tmp_path / "gina.key", "approver/gina@metals.example")
    left = parse_directory(DIRECTORY.replace("frank@metals", "gina@metals"))
    settings = make_settings(
        tmp_path,
        approvers=[tmp_path / "erin.pub", tmp_path / "gina.pub"],
        former_approvers=[{"key": tmp_path / "frank.pub", "until": "2026-11-19T00:00:00Z"}],
    )
    former = Desk(AccessRegister(settings), left, desk.keys)
    assert former.state() is AdmissionState.ADMITTED
    former.ask("bob")
    with pytest.raises(GrantsError, match="is no approver"):
        former.decide("frank", named="bob@metals.example")
    without = Desk(AccessRegister(replace_former(settings)), left, desk.keys)
    assert without.state() is AdmissionState.REQUESTED


def replace_former(settings: AccessSettings) -> AccessSettings:
    return settings.model_copy(update={"former_approvers": ()})


def test_requests_are_for_listed_people_and_a_time(desk: Desk) -> None:
    assert desk.ask(days=7).until_s == NOW + 7 * DAY_S
    for person, days, problem in (
        ("nobody", 1, "is not in the directory"),
        ("bot", 1, "is a service account"),
        ("bob", 366, "1 to 365 days"),
        ("bob", 0, "1 to 365 days"),
    ):
        with pytest.raises(GrantsError, match=problem):
            desk.ask(person, days=days)


def test_a_request_is_named_by_the_beginning_of_its_digest_when_there_are_two(desk: Desk) -> None:
    desk.ask()
    desk.ask(now_s=NOW + 1)
    with pytest.raises(GrantsError, match="has several requests; name one of"):
        desk.decide("erin", now_s=NOW + 1)
    newest = desk.register.judge(desk.directory, NOW + 1).admissions[ALICE].digest
    desk.decide("erin", named=newest[:12], now_s=NOW + 1)


def test_keys_must_bear_a_jid(tmp_path: Path, desk: Desk) -> None:
    create_log_key(tmp_path / "anna.key", "approver/anna")
    with pytest.raises(GrantsError, match="steelyard keys make JID --approver"):
        AccessRegister(make_settings(tmp_path, approvers=[tmp_path / "anna.pub", tmp_path / "erin.pub"]))
    with pytest.raises(ValidationError):
        make_settings(tmp_path, approvers=[tmp_path / "erin.pub"])
    with pytest.raises(ValidationError):
        FormerApprover.model_validate({"key": tmp_path / "erin.pub", "until": "2026-11-19T00:00:00"})


def test_a_note_has_one_form(desk: Desk) -> None:
    asked = desk.ask()
    line = encode_statement(asked)
    assert read_note(line, ()).statement == asked
    with pytest.raises(StatementError, match="needs no signature"):
        read_note(sign_note(line, desk.keys["erin"]), ())
