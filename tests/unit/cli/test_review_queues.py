"""`steelyard review`: flagged records in queues, what reviewers do with them, and the evidence of it."""

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_log_key
from components.archive.record import Event, RecordKind, Submission
from components.audit import access, auditor
from components.audit.access import record_findings
from components.audit.auditor import find_auditor
from components.audit.review import held as held_messages
from components.audit.review import held_files
from components.audit.review.acts import ReviewReader
from components.audit.review.author import Author, Signed, encode_signed, read_signed
from components.audit.review.request import Decided
from components.link.review_request import HeldMessage, ReviewAnswer
from components.process.errors import SiteError
from components.rules.recorded_directory import DETAIL, write_listed
from components.rules.reviewers import Reviewers
from components.settings.site import SiteFile
from policy.directory.directory import Directory, parse_directory
from policy.supervision.act import Act, ActKind
from tests.support.audit_site import T0_NS, Site, make_site
from tests.support.retention_site import Shell
from tests.unit.policy.content.rules import write_rule

pytestmark = pytest.mark.slow

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


def test_whose_an_item_is_and_of_which_desk_is_said_by_the_directory_of_its_time(
    office: Office,
) -> None:
    """Alice moves to the desk for softs, then her domain passes to Grain: the items of before stay what they were."""
    site = office.site
    moved = DIRECTORY.replace('desk = "base", roles', 'desk = "softs", roles').replace(
        '{ id = "base", name = "Base metals" }', '{ id = "softs", name = "Softs" }'
    )
    sold = (
        moved.replace("metals.example", "x")
        .replace("grain.example", "metals.example")
        .replace('"x"', '"m.example"')
    )
    sold = sold.replace("@x", "@m.example").replace("greta@", "alice@").replace("gus@", "bob@")
    before: Directory | None = None
    for number, text in enumerate((DIRECTORY, moved, sold), 1):
        after, at_s = parse_directory(text), number * 100
        event = Event(
            RecordKind.RULES,
            "changed" if before else "in-force",
            ((DETAIL, write_listed(after, before)),),
            T0_NS + at_s * 10**9,
        )
        asyncio.run(site.record(event, site.say(f"{ALICE}/d", BOB, "a tip", rules=("tips",), at_s=at_s + 10)))
        before = after
    # As it is today counts for nothing.
    (site.path.parent / "directory.toml").write_text(DIRECTORY)
    _base, softs, grains = (site.id_of(len(site.places) - back) for back in (5, 3, 1))
    items = {each["item"]: each for each in office.document("lena", "queue")["items"]}
    assert {
        id_: [each for each in items[id_]["queues"] if "desk" in each] for id_ in (_base, softs, grains)
    } == {
        _base: ["desk/base"],
        softs: ["desk/softs"],
        grains: [],
    }
    assert {_base, softs} <= set(ids(office.document("erin", "queue")["items"]))
    assert grains not in ids(office.document("erin", "queue")["items"])
    assert set(ids(office.document("gary", "queue")["items"])) == {site.id_of(1), grains}


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


def test_a_sample_is_put_into_a_queue_from_a_file(office: Office, tmp_path: Path) -> None:
    records = [office.site.id_of(3), office.site.id_of(0)]
    (tmp_path / "sample").write_text(f'{records[0]}\n\n{{"id": "{records[1]}", "at": 1}}\n')
    assert office.sign("lena", "add", "--queue", "sample-2", "--from", str(tmp_path / "sample"))[0] == 0
    assert sorted(ids(office.document("lena", "queue", "sample-2")["items"])) == sorted(records)
    assert "name the items" in office.sign("lena", "claim")[2]
    for line in ('{"at": 1}', '{"id": 7}', "{", "gate/x"):
        (tmp_path / "sample").write_text(line)
        status, output, _ = office.sign("lena", "add", "--queue", "s", "--from", str(tmp_path / "sample"))
        assert (status, output) == (2, "")


def test_auditors_with_logs_of_their_own_see_what_the_others_did(office: Office, tmp_path: Path) -> None:
    item, text = office.site.id_of(0), office.site.path.read_text()

    def machine(name: str, other: str) -> Path:
        others = f'[[audit.others]]\nlog = "archive/{other}.db"\nlog_origin = "metals.example/{other}"\n'
        mine = text.replace("archive/audit.db", f"archive/{name}.db").replace(
            "log-audit.key", f"log-{name}.key"
        )
        mine = mine.replace("metals.example/audit", f"metals.example/{name}")
        mine = mine.replace("archive/index.db", f"archive/index-{name}.db")
        create_log_key(tmp_path / f"keys/log-{name}.key", f"metals.example/{name}")
        path = tmp_path / f"site-{name}.toml"
        path.write_text(f'{mine}\n{others}verifier_key = "keys/log-{other}.pub"\n')
        return path

    here, there = machine("audit-a", "audit-b"), machine("audit-b", "audit-a")
    assert office.sign("erin", "claim", item, "--site", str(here))[0] == 0
    assert office.document("lena", "history", item, "--site", str(there))["holder"] == "erin"
    assert office.sign("lena", "close", item, "--as", "issue", "--site", str(there))[0] == 0
    found = office.document("erin", "history", item, "--site", str(here))
    assert [(act["act"], act["record"].partition("/")[0]) for act in found["acts"]] == [
        ("claim", "audit-a"),
        ("close", "audit-b"),
    ]
    assert list(SiteFile(here).audit.find_problems()) == []


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
    (entry,) = (await ReviewReader(settings, office.reviewers()).read()).entries
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


async def test_what_is_read_again_is_what_is_new_and_a_log_that_was_put_back_is_read_anew(
    office: Office,
) -> None:
    settings, reader = office.site.settings, ReviewReader(office.site.settings, office.reviewers())
    assert (await reader.read()).entries == []
    database = settings.audit_log.store
    assert isinstance(database, Path)
    copies: list[bytes] = []
    for number, item in enumerate((office.site.id_of(0), office.site.id_of(2)), 1):
        await asyncio.to_thread(office.sign, "erin", "claim", item)
        copies.append(database.read_bytes())
        assert len((await reader.read()).entries) == number
        assert (await reader.read()).entries == (
            await ReviewReader(settings, office.reviewers()).read()
        ).entries
    for beside in ("-wal", "-shm"):
        database.with_name(database.name + beside).unlink(missing_ok=True)
    database.write_bytes(copies[0])
    settings.audit_log.verifier_key_file.with_suffix(".last").unlink(missing_ok=True)
    assert len((await reader.read()).entries) == 1


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


def test_names_of_held_messages_are_hidden_in_their_list_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = int(office.site.id_of(2).partition("/")[2])
    plain = int(office.site.id_of(0).partition("/")[2])
    held = tuple(
        HeldMessage(number, "waiting", f"{ALICE}/desk", BOB, rules, T0_NS, T0_NS)
        for number, rules in ((record, ("blind", "tips")), (plain, ("tips",)))
    )
    monkeypatch.setattr(held_messages, "_ask", lambda *_: answer_with(ReviewAnswer(held=held)))
    blind, named = office.document("erin", "list")["held"]
    assert (named["from"], named["to"]) == (f"{ALICE}/desk", BOB)
    shown = office.document("erin", "show", office.site.id_of(2))
    assert (blind["from"], blind["to"], blind["text"]) == (shown["from"], shown["to"], shown["text"])
    assert "alice" not in json.dumps(blind).casefold()
    assert office.document("gary", "list")["held"] == []


async def answer_with(answer: ReviewAnswer) -> ReviewAnswer:
    return answer


MESSAGE = Submission(RecordKind.STANZA, "e1", 1, "c2s", "s", T0_NS, "hold", ("tips",), None, b"<message/>")


@pytest.mark.parametrize(
    ("needed", "votes", "is_last", "decided"),
    [
        (1, (), True, ["transfer/5"]),
        (1, (), False, []),  # the message waits for somebody else: so does its file
        (2, (), False, ["transfer/5"]),
        (2, (("erin", "release"),), False, []),
        (2, (("lena", "release"),), True, ["transfer/5"]),
    ],
)
async def test_the_files_of_a_message_are_released_with_the_last_decision_on_it(
    office: Office,
    monkeypatch: pytest.MonkeyPatch,
    needed: int,
    votes: Any,
    is_last: bool,
    decided: list[str],
) -> None:
    file = HeldMessage(5, "held", ALICE, "ab", ("macros",), T0_NS, T0_NS, needed, votes)
    asked: list[str] = []

    async def decide(_settings: SiteFile, log: Any, number: int, *_: Any) -> Decided:
        asked.append(f"transfer/{number}")
        return Decided("audit/1", "audit/2", waits=len(votes) + 1 < needed)

    monkeypatch.setattr(held_files, "_ask", lambda *_: answer_with(ReviewAnswer(held=(file,))))
    monkeypatch.setattr(held_files, "decide_file", decide)
    monkeypatch.setattr(held_files, "_find_named", lambda *_: {"ab"})
    monkeypatch.setattr(held_files, "find_file_log", lambda _settings: office.site.settings.gate_log)
    author = Author(find_auditor(office.site.settings, "erin"))
    await held_files.release_named(office.site.settings, MESSAGE, "fine", 1.0, author, is_last=is_last)
    assert asked == decided


async def test_a_message_stays_while_its_file_waits_for_another_person(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = HeldMessage(5, "held", ALICE, "ab", ("macros",), T0_NS, T0_NS, 2, (("erin", "release"),))
    monkeypatch.setattr(held_files, "_ask", lambda *_: answer_with(ReviewAnswer(held=(file,))))
    monkeypatch.setattr(held_files, "_find_named", lambda *_: {"ab"})
    monkeypatch.setattr(held_files, "find_file_log", lambda _settings: office.site.settings.gate_log)
    author = Author(find_auditor(office.site.settings, "erin"))
    with pytest.raises(SiteError, match="waits for another person; the message stays"):
        await held_files.release_named(office.site.settings, MESSAGE, "fine", 1.0, author, is_last=True)
