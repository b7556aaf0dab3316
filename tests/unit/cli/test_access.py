"""`steelyard access`: each act on a demonstration's site, as a person types it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import run_command
from tests.support.rounds import mostly_slow

CAROL, ERIN, FRANK, GINA = (f"{name}@metals.example" for name in ("carol", "erin", "frank", "gina"))


class Person:
    """Types commands on one site; `said` is what the last one printed."""

    def __init__(
        self, site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._site = site
        self._capsys = capsys
        self._later_s = 0
        time_s = time.time
        monkeypatch.setattr(time, "time", lambda: time_s() + self._later_s)

    def key(self, who: str) -> str:
        return str(self._site.parent / "keys" / f"approver-{who}.key")

    def type(self, *arguments: str) -> str:
        """Run `steelyard access ...`; returns what it prints, and fails unless it ends well."""
        status, said, error = self._run(*arguments)
        assert (status, error) == (0, "")
        return said

    def revoke(self, who: str, *options: str) -> str:
        """Have Erin put somebody out, and let the second pass that a new request must come after."""
        said = self.type("revoke", who, "--key", self.key(ERIN), *options)
        self._later_s += 1
        return said

    def refused(self, *arguments: str) -> str:
        """Run it, and return the line that says why not."""
        status, said, error = self._run(*arguments)
        assert (status, said, error.count("\n")) == (2, "", 1)
        return error

    def _run(self, *arguments: str) -> tuple[int, str, str]:
        site = () if arguments[0] == "sign" else ("--site", self._site)
        status = run_command("access", *arguments, *site)
        return status, *self._capsys.readouterr()

    def state(self, who: str) -> dict[str, Any]:
        people = json.loads(self.type("list", "--json"))["people"]
        found: dict[str, Any] = next(each for each in people if each["person"] == who)
        return found


@pytest.fixture
def person(site: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(site, capsys, monkeypatch)


@pytest.mark.slow
def test_out_and_in_again(person: Person) -> None:
    assert person.state(CAROL)["state"] == "admitted"
    said = person.revoke(CAROL, "--reason", "leaves")
    assert said.startswith(f"put out {CAROL} (")
    assert person.state(CAROL)["state"] == "revoked"
    assert "there is nothing to approve" in person.refused("approve", CAROL, "--key", person.key(ERIN))
    asked = json.loads(person.type("request", CAROL, "--by", FRANK, "--days", "30", "--json"))["statements"]
    assert asked[0]["act"] == "request"
    digest = asked[0]["digest"]
    person.type("approve", digest[:12], "--key", person.key(ERIN))
    assert "needs another approver" in person.refused("approve", digest[:12], "--key", person.key(ERIN))
    assert person.state(CAROL)["state"] == "requested"
    person.type("approve", "--all", "--key", person.key(FRANK))
    assert person.state(CAROL)["state"] == "admitted"
    assert person.state(CAROL)["approved_by"] == [ERIN, FRANK]
    person.type("certify", CAROL, "--key", person.key(GINA))


def test_a_denied_request(person: Person) -> None:
    person.revoke(CAROL)
    person.type("request", CAROL)
    person.type("deny", CAROL, "--key", person.key(GINA))
    assert person.state(CAROL)["state"] == "denied"
    assert f"{CAROL} " in person.type("list")


def test_who_may_not(person: Person) -> None:
    ivan = person.key("ivan@grain.example")
    assert "is no approver of metals" in person.refused("revoke", CAROL, "--key", ivan)
    assert "their own admission" in person.refused("certify", ERIN, "--key", person.key(ERIN))
    assert "is not in the directory" in person.refused("request", "nobody@metals.example")
    assert "cannot be read" in person.refused("revoke", CAROL, "--key", "/nowhere.key")
    assert "name people by their JIDs" in person.refused("approve", "--key", person.key(ERIN))


def test_a_statement_is_signed_elsewhere(person: Person) -> None:
    revoked = json.loads(person.type("revoke", CAROL, "--key", person.key(ERIN), "--json"))["statements"][0]
    signed = json.loads(person.type("sign", revoked["statement"], "--key", person.key(ERIN), "--json"))
    assert signed["statement"] == revoked["statement"]
    assert signed["signature"].startswith(f"— approver/{ERIN} ")
    assert person.type("sign", revoked["statement"], "--key", person.key(ERIN)) == f"{signed['signature']}\n"
    assert "the key belongs to frank" in person.refused(
        "sign", revoked["statement"], "--key", person.key(FRANK)
    )
    assert "not a statement" in person.refused("sign", "yes", "--key", person.key(FRANK))


def test_a_site_without_admission_says_so(site: Path, person: Person) -> None:
    text = site.read_text()
    site.write_text(text[: text.index("\n[access]")])
    assert "has no table [access]" in person.refused("list")


WRITTEN_OTHERWISE = [
    ("Carol@metals.example", "write 'carol@metals.example'"),
    ("carol@METALS.example", "write 'carol@metals.example'"),
    ("ｃarol@metals.example", "write 'carol@metals.example'"),
    ("weiß@metals.example", "write 'weiss@metals.example'"),
    ("דוד1@metals.example", "no server takes the part before the '@'"),
    ("car\u200bol@metals.example", "'\\u200b' before the '@'"),
    ("carol@metals.example.", "empty part"),
    ("carol@metals.example/desk", "leave out the '/'"),
]


@pytest.mark.parametrize("act", mostly_slow(["request", "approve", "deny", "certify", "revoke"]))
def test_whoever_is_named_otherwise_than_the_server_knows_them_is_told_how(person: Person, act: str) -> None:
    key = () if act == "request" else ("--key", person.key(ERIN))
    for written, told in WRITTEN_OTHERWISE:
        assert told in person.refused(act, written, *key)
    assert person.state(CAROL)["state"] == "admitted"


def test_so_is_who_asks_for_somebody(person: Person) -> None:
    person.revoke(CAROL)
    assert f"write '{FRANK}'" in person.refused("request", CAROL, "--by", "Frank@metals.example")
