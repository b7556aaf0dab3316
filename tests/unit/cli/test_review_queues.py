"""`steelyard review`: flagged records in queues, what reviewers do with them, and the evidence of it."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_log_key
from components.archive.record import Event, RecordKind
from components.audit import access, auditor
from components.audit.access import record_findings
from components.audit.review.acts import read_review_records
from components.audit.review.author import Signed, encode_signed, read_signed
from components.rules.reviewers import Reviewers
from components.settings.site import SiteFile
from policy.supervision.act import Act, ActKind
from tests.support.audit_site import Site, make_site
from tests.support.retention_site import Shell
from tests.unit.policy.content.rules import write_rule

ALICE, BOB = "alice@metals.example", "bob@metals.example"
GRETA, GUS = "greta@grain.example", "gus@grain.example"
DIRECTORY = """
gate = "gate.steelyard.example"

[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example" }]
desk = [{ id = "base", name = "Base metals" }]
person = [
  { jid = "alice@metals.example", name = "Alice Arden", desk = "base", roles = ["trader"] },
  { jid = "bob@metals.example", name = "Bob Berger", roles = ["trader"] },
]

[enterprise.grain]
name = "Grain"
sites = [{ domain = "grain.example" }]
person = [
  { jid = "greta@grain.example", name = "Greta", roles = ["trader"] },
  { jid = "gus@grain.example", name = "Gus", roles = ["trader"] },
]
"""
POLICY = write_rule("tips", "flag", kind="lexicon", terms={"en": ["tip"]}, must_match=["tip"]) + write_rule(
    "blind", "flag", kind="lexicon", terms={"en": ["secret"]}, must_match=["secret"], hide_names=True
)
AUDITORS = """
[[audit.auditors]]
id = "erin"
name = "Erin"
user = "erin"
roles = ["reviewer"]
enterprises = ["metals"]
key = "keys/auditor-erin.pub"
[[audit.auditors]]
id = "lena"
name = "Lena"
user = "lena"
roles = ["lead"]
key = "keys/auditor-lena.pub"
[[audit.auditors]]
id = "gary"
name = "Gary"
user = "gary"
roles = ["reviewer"]
enterprises = ["grain"]
key = "keys/auditor-gary.pub"
[[audit.auditors]]
id = "alice"
name = "Alice"
user = "alice"
roles = ["reviewer"]
jid = "alice@metals.example"
key = "keys/auditor-alice.pub"
"""


class Office:
    """A site with flagged messages; `run` and `do` are a reviewer's commands."""

    def __init__(self, site: Site, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site = site
        self.shell = shell
        self._monkeypatch = monkeypatch

    def log_in(self, user: str) -> None:
        for place in (access, auditor):
            self._monkeypatch.setattr(place, "name_actor", lambda: user)

    def do(self, user: str, *arguments: str) -> tuple[int, str, str]:
        """Run a command that needs no key."""
        self.log_in(user)
        return self.shell.run("review", *arguments)

    def sign(self, user: str, *arguments: str) -> tuple[int, str, str]:
        """Run a command, signed with the user's key."""
        return self.do(user, *arguments, "--key", str(self.key_of(user)))

    def key_of(self, user: str) -> Path:
        return self.site.path.parent / f"keys/auditor-{user}.key"

    def document(self, user: str, *arguments: str) -> Any:
        status, output, errors = self.do(user, *arguments, "--json")
        assert status == 0, errors
        return json.loads(output)

    def item(self, user: str, record: str) -> Any:
        return self.document(user, "history", record)

    def reviewers(self) -> Reviewers:
        return Reviewers(self.site.settings.audit.auditors)


Open = Callable[..., Office]


@pytest.fixture
async def made(tmp_path: Path) -> Site:
    site = await make_site(tmp_path)
    (tmp_path / "directory.toml").write_text(DIRECTORY)
    (tmp_path / "policy.toml").write_text(POLICY)
    site.path.write_text(site.path.read_text().replace("[gate]", '[gate]\npolicy = "policy.toml"') + AUDITORS)
    for name in ("erin", "lena", "gary", "alice"):
        create_log_key(tmp_path / f"keys/auditor-{name}.key", f"auditor/{name}")
    site.settings = SiteFile(site.path)
    await site.record(
        site.say(f"{ALICE}/desk", BOB, "a tip for bob", rules=("tips",)),
        site.say(f"{GRETA}/desk", GUS, "another tip", rules=("tips",)),
        site.say(f"{ALICE}/desk", BOB, "a secret, says Alice to bob@metals.example", rules=("blind", "tips")),
        site.say(f"{ALICE}/desk", BOB, "nothing at all"),
        site.say(
            f"{ALICE}/desk", "mallory@else.example", "out", action="refuse", rules=("recipient-outside",)
        ),
    )
    return site


@pytest.fixture
def office(made: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Office:
    monkeypatch.setenv("STEELYARD_SITE", str(made.path))
    return Office(made, Shell(made, capsys), monkeypatch)


def ids(items: Sequence[Any]) -> list[str]:
    return [item["item"] for item in items]


def test_what_rules_flagged_waits_in_queues_by_rule_and_desk(office: Office) -> None:
    queues = office.document("lena", "queue")["queues"]
    assert {name: count["items"] for name, count in queues.items()} == {
        "desk/base": 2,
        "rule/blind": 1,
        "rule/tips": 3,
    }
    site = office.site
    found = office.document("lena", "queue", "rule/tips")["items"]
    assert ids(found) == [site.id_of(0), site.id_of(1), site.id_of(2)]
    assert found[0]["state"] == "open"
    assert found[0]["overdue"] in (True, False)
    assert "rule/tips" in office.do("lena", "queue")[1]


def test_an_auditor_of_one_enterprise_reaches_nothing_of_another(office: Office) -> None:
    theirs, others = office.site.id_of(1), office.site.id_of(0)
    assert ids(office.document("gary", "queue")["items"]) == [theirs]
    assert set(office.document("gary", "queue")["queues"]) == {"rule/tips"}
    absent = office.do("gary", "history", "gate/9999")[2].replace("gate/9999", others)
    assert office.do("gary", "history", others)[2] == absent
    assert office.do("gary", "show", others)[0] == 2
    for act in (("claim",), ("note", "--note", "x"), ("close", "--as", "issue"), ("add", "--queue", "mine")):
        status, output, errors = office.sign("gary", *act[:1], others, *act[1:])
        assert (status, output) == (2, ""), errors
    assert office.document("gary", "report")["total"]["flagged"] == 1
    assert office.item("lena", others)["acts"] == []


def test_an_item_is_claimed_noted_escalated_closed_and_opened_again(office: Office) -> None:
    item = office.site.id_of(0)
    steps = (
        ("erin", ("claim", item)),
        ("erin", ("note", item, "--note", "asked the desk")),
        ("erin", ("escalate", item, "--note", "looks bad")),
        ("lena", ("close", item, "--as", "issue", "--note", "told HR")),
        ("lena", ("reopen", item, "--note", "more came up")),
        ("lena", ("assign", item, "--to", "erin")),
        ("erin", ("close", item, "--as", "false-positive")),
    )
    for user, arguments in steps:
        status, _, errors = office.sign(user, *arguments)
        assert status == 0, (arguments, errors)
    found = office.item("lena", item)
    assert (found["state"], found["disposition"], found["holder"]) == ("closed", "false-positive", "erin")
    assert [(act["act"], act["by"], act["counts"]) for act in found["acts"]] == [
        (arguments[0], user, True) for user, arguments in steps
    ]
    assert "told HR" in office.do("lena", "history", item)[1]
    for user, arguments, problem in (
        ("erin", ("reopen", item, "--note", "again"), "has not the role lead"),
        ("erin", ("claim", item), "it cannot be claimed"),
        ("lena", ("close", item, "--as", "nonsense"), "has a disposition"),
    ):
        status, output, errors = office.sign(user, *arguments)
        assert (status, output) == (2, "")
        assert problem in errors


def test_nobody_reviews_what_they_wrote_and_nobody_acts_unsigned_or_with_anothers_key(office: Office) -> None:
    item = office.site.id_of(0)
    assert "nobody reviews their own" in office.sign("alice", "close", item, "--as", "no-issue")[2]
    assert "name the key of erin with --key" in office.do("erin", "claim", item)[2]
    others = office.do("erin", "claim", item, "--key", str(office.key_of("lena")))
    assert "this is the key of auditor/lena, and you are erin" in others[2]
    assert "is no auditor of this site" in office.do("mallory", "queue")[2]
    assert office.item("lena", item)["acts"] == []


def test_opening_is_not_reviewing(office: Office) -> None:
    item = office.site.id_of(0)
    assert office.do("erin", "show", item)[0] == 0
    report = office.document("lena", "report")
    (tips,) = [row for row in report["rules"] if row["name"] == "tips"]
    assert (tips["flagged"], tips["viewed"], tips["reviewed"]) == (3, 1, 0)
    office.sign("erin", "close", item, "--as", "false-positive")
    report = office.document("lena", "report")
    (tips,) = [row for row in report["rules"] if row["name"] == "tips"]
    assert (tips["flagged"], tips["viewed"], tips["reviewed"]) == (3, 1, 1)
    assert (tips["hit_rate"], tips["false_positive_rate"]) == (0.0, 1.0)
    (erin,) = [row for row in report["reviewers"] if row["name"] == "erin"]
    assert (erin["viewed"], erin["reviewed"]) == (1, 1)
    printed = office.do("lena", "report")[1]
    assert all(len(line) <= 80 for line in printed.splitlines()), printed


def test_many_are_closed_by_a_query_only_when_told_how_many(office: Office) -> None:
    close = ("close", "--query", "tip", "--as", "no-issue", "--note", "a test")
    assert "has not the role lead" in office.sign("erin", *close)[2]
    assert "2 open items match; to close them all: --expect 2" in office.sign("lena", *close)[1]
    assert "2 open items match" in office.sign("lena", *close, "--expect", "3")[1]
    assert "2 items closed as no-issue" in office.sign("lena", *close, "--expect", "2")[1]
    assert {item["state"] for item in office.document("lena", "queue", "rule/tips")["items"]} == {
        "open",
        "closed",
    }
    assert "0 open items match" in office.sign("lena", *close)[1]


def test_a_record_is_put_into_a_queue_of_ones_own(office: Office) -> None:
    plain = office.site.id_of(3)
    assert "is no item of a review" in office.sign("erin", "claim", plain)[2]
    assert office.sign("erin", "add", plain, "--queue", "sample-1", "--note", "seed 7")[0] == 0
    assert ids(office.document("erin", "queue", "sample-1")["items"]) == [plain]
    assert office.sign("erin", "close", plain, "--as", "no-issue")[0] == 0
    assert "there is no message or file gate/0" in office.sign("erin", "add", "gate/0", "--queue", "x")[2]


def test_names_are_hidden_until_there_is_a_reason(office: Office) -> None:
    item = office.site.id_of(2)
    _, shown, _ = office.do("erin", "show", item)
    assert "secret" in shown
    for name in ("alice", "Alice", "bob", "Bob"):
        assert name not in shown.replace(item, "")
    assert office.do("erin", "show", item)[1].split("audit/")[0] == shown.split("audit/")[0]
    listed = office.document("erin", "queue", "rule/blind")["items"]
    assert listed[0]["from"].startswith("Person ")
    assert listed[0]["from"] in shown
    _, named, _ = office.do("erin", "show", item, "--reason", "to ask the sender")
    assert ALICE in named
    looks = asyncio.run(office.site.accesses())
    assert ("review-show", "to ask the sender") in [(each.act, each.reason) for each in looks]


async def test_forged_acts_are_shown_and_count_for_nothing(office: Office) -> None:
    settings, item = office.site.settings, office.site.id_of(0)
    status, _, errors = await asyncio.to_thread(office.sign, "erin", "claim", item)
    assert status == 0, errors
    (entry,) = (await read_review_records(settings, office.reviewers())).entries
    records = await read_raw(office)
    (signed,) = [read_signed(record) for record in records]
    act = signed.act
    forged = [
        signed,  # the same again
        Signed(replace_act(act, item=office.site.id_of(2)), signed.signature),
        Signed(replace_act(act, by="lena"), signed.signature),
        Signed(replace_act(act, kind=ActKind.NOTE, note="I agree"), signed.signature),
        Signed(replace_act(act, id="00" * 8)),
    ]
    await record_findings(settings, [encode_signed(each) for each in forged])
    await record_findings(settings, [Event(RecordKind.SUPERVISION, "close", (("item", item),), 1)])
    shown = await asyncio.to_thread(office.item, "lena", item)
    assert (shown["state"], shown["holder"]) == ("claimed", "erin")
    assert [step["counts"] for step in shown["acts"]] == [True, False, False, False, False]
    assert entry.problem == ""
    other = await asyncio.to_thread(office.item, "lena", office.site.id_of(2))
    assert (other["state"], [step["counts"] for step in other["acts"]]) == ("open", [False])
    assert (await asyncio.to_thread(office.document, "lena", "report"))["invalid_acts"] == 5


def replace_act(act: Act, **changes: Any) -> Act:
    from dataclasses import replace

    return replace(act, **changes)


async def read_raw(office: Office) -> list[Event]:
    from components.archive.record import parse_record
    from components.audit.open_log import open_log

    async with open_log(office.site.settings, office.site.settings.audit_log) as log:
        opened = await log.fetch(0, 1_000)
    found = [
        parse_record(RecordKind(each.leaf.kind), each.payload or b"")
        for each in opened
        if each.leaf.kind == RecordKind.SUPERVISION
    ]
    return [each for each in found if isinstance(each, Event)]
