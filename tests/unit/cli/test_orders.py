"""Hold, expire, erase and release, as they are typed; nothing of what went is left, in the log or in the index."""

import asyncio
import json
import re
import stat
from pathlib import Path

import pytest

from components.archive.keys import create_log_key
from components.audit.index.logs import IndexedLog
from components.audit.orders.carry import approve_file
from tests.support.audit_site import Site, make_site
from tests.support.made_index import find_without_looks, open_raw, read_pages
from tests.support.retention_site import RETENTION, Shell, add_retention

pytestmark = pytest.mark.slow

ALICE, BOB, EVE = "alice@metals.example/desk", "bob@metals.example", "eve@metals.example"


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Three segments of what was said: by Alice and Bob, by Eve and Bob, and both."""
    site = add_retention(await make_site(tmp_path))
    monkeypatch.setenv("STEELYARD_SITE", str(site.path))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.chdir(site.path.parent)
    monkeypatch.setattr("components.audit.orders.carry._RETRY_S", 0.01)
    await site.record(site.say(ALICE, BOB, "gallium quietly"), site.say(BOB, ALICE, "gallium loudly"))
    await site.record(site.say(EVE, BOB, "indium quietly", rules=("r1",)), site.say(EVE, BOB, "thallium"))
    await site.record(
        site.say(EVE, BOB, "tellurium"), site.say(ALICE, EVE, "selenium"), site.say(EVE, BOB, "antimony")
    )
    return Shell(site, capsys)


def files_of(site: Site) -> bytes:
    files = sorted((site.path.parent / "archive").iterdir())
    return b"".join(file.read_bytes() for file in files if file.is_file()) + read_pages(site.settings)


def index_terms(site: Site) -> set[str]:
    """Every word that FTS5's own pages hold."""
    with open_raw(site.settings) as index:
        index.execute("CREATE VIRTUAL TABLE temp.term USING fts5vocab('main', 'word', 'instance')")
        return {term for (term,) in index.execute("SELECT term FROM temp.term")}


@pytest.fixture
def without_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.audit.indexed.find_indexed", find_without_looks)


@pytest.mark.usefixtures("without_looks")
def test_what_expires_is_gone_and_what_is_held_stays(shell: Shell) -> None:
    assert len(shell.search("*")) == 7
    hold = shell.order(
        "hold", "--matter", "M-1", "--custodian", "alice@metals.example", "--reason", "a claim"
    )
    assert (hold["state"], hold["act"]) == ("carried out", "hold")
    plan = shell.document("archive", "expire", "--plan")
    held = {each["segment"]: each["holds"] for each in plan["due"]}
    assert held == {1: [hold["id"]], 2: [], 3: [hold["id"]]}
    assert plan["considered"] == [hold["id"]]
    before = files_of(shell.site)
    for word in (b"indium", b"hallium", b"gallium"):  # FTS5 leaves out what a word shares with the one before
        assert word in before
    assert shell.order("expire", "--reason", "its time is over")["state"] == "carried out"
    assert shell.search("indium OR thallium") == []
    assert len(shell.search("*")) == 5
    after = files_of(shell.site)
    assert b"ndium" not in after and b"hallium" not in after
    assert b"gallium" in after and b"tellurium" in after
    assert {"indium", "thallium"}.isdisjoint(index_terms(shell.site))
    assert {"gallium", "tellurium", "quietly"} <= index_terms(shell.site)
    with open_raw(shell.site.settings) as index:
        assert index.execute("SELECT count(*) FROM rule").fetchone() == (0,)
        index.execute("INSERT INTO word (word, rank) VALUES ('integrity-check', 1)")


def test_an_index_made_anew_is_the_same(shell: Shell) -> None:
    shell.search("*")
    shell.order("expire", "2", "--reason", "its time is over")
    shell.search("*")

    def rows() -> list[list[tuple[object, ...]]]:
        tables = ("submission", "rule", "delivery", "bounced")
        last = IndexedLog.AUDIT.place(0)  # each search adds to the auditors' own log
        with open_raw(shell.site.settings) as index:
            return [
                index.execute(f"SELECT * FROM {table} WHERE idx < ?", (last,)).fetchall() for table in tables
            ]

    extended = rows()
    shell.site.settings.audit.index.unlink()
    shell.search("*")
    assert rows() == extended


def test_what_comes_later_is_held_too(shell: Shell) -> None:
    hold = shell.order("hold", "--matter", "M-1", "--query", "from:alice selenium", "--reason", "a claim")
    asyncio.run(shell.site.record(shell.site.say(ALICE, BOB, "more selenium")))
    asyncio.run(shell.site.record(shell.site.say(BOB, ALICE, "no more selenium")))
    plan = shell.document("archive", "expire", "--plan")
    later = {each["segment"]: each["holds"] for each in plan["due"] if each["segment"] > 3}
    assert list(later.values()) == [[hold["id"]], []]
    number = next(iter(later))
    status, _, errors = shell.run("archive", "expire", str(number), "--reason", "over")
    assert (status, errors) == (2, f"steelyard: segment {number} is under hold {hold['id']}\n")


@pytest.mark.usefixtures("without_looks")
def test_erasing_one_record_leaves_its_neighbours(shell: Shell) -> None:
    (gone,) = shell.search("selenium")
    assert shell.order("erase", gone, "--reason", "not business")["state"] == "carried out"
    assert shell.search("selenium") == []
    assert len(shell.search("tellurium OR antimony")) == 2
    assert b"selenium" not in files_of(shell.site)
    assert "selenium" not in index_terms(shell.site)
    answer = shell.order("erase", "--query", "antimony", "--reason", "not business")
    assert answer["state"] == "carried out"
    (left,) = shell.search("tellurium")
    assert shell.document("audit", "show", left)["proof"]["proved"]
    assert not [word for word in ("selenium", "antimony") if word.encode() in files_of(shell.site)]


def test_a_hold_of_a_record_or_conversation_beats_an_erasure(shell: Shell) -> None:
    (record,) = shell.search("thallium")
    hold = shell.order("hold", record, "--matter", "M-1", "--reason", "a claim")
    status, _, errors = shell.run("archive", "erase", record, "--reason", "x")
    number = record.partition("/")[2]
    assert (status, errors) == (2, f"steelyard: record {number} is under hold {hold['id']}\n")
    other = shell.order("hold", "--matter", "M-2", "--conversation", "eve@metals.example,bob@metals.example")
    assert other["state"] == "carried out"
    orders = shell.document("archive", "orders")["orders"]
    assert [(each["matter"], each["state"], each["conversations"]) for each in orders] == [
        ("M-1", "in force", 0),
        ("M-2", "in force", 1),
    ]
    (tellurium,) = shell.search("tellurium")
    status, _, errors = shell.run("archive", "erase", tellurium, "--reason", "x")
    assert status == 2 and f"is under hold {other['id']}" in errors


def test_releasing_a_matter(shell: Shell) -> None:
    for custodian in ("alice@metals.example", "eve@metals.example"):
        shell.order("hold", "--matter", "M-1", "--custodian", custodian, "--reason", "a claim")
    proposed = shell.document("archive", "release", "--matter", "M-1", "--reason", "settled")["orders"]
    assert len(proposed) == 2
    for each in proposed:
        shell.approve(Path(each["file"]), "anna", "ben")
        assert shell.document("archive", "carry-out", each["file"])["state"] == "carried out"
    states = [each["state"] for each in shell.document("archive", "orders")["orders"]]
    assert states == ["released", "released", "carried out", "carried out"]
    status, _, errors = shell.run("archive", "release", "--matter", "M-1")
    assert status == 2 and "no hold of the matter 'M-1' is in force" in errors
    assert all(not each["holds"] for each in shell.document("archive", "expire", "--plan")["due"])


def test_nothing_happens_without_two_approvers(shell: Shell) -> None:
    file = Path("x.order")
    assert shell.run("archive", "expire", "2", "--reason", "over", "--out", file)[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for signers, problem in (
        ((), "nobody has approved this order; two must: steelyard archive approve FILE --key KEY"),
        (("anna",), "approver/anna of the site's approvers signed this order; it needs 2"),
    ):
        shell.approve(file, *signers)
        status, _, errors = shell.run("archive", "carry-out", file)
        assert status == 2 and problem in errors
    approve_file(file, "keys/approver-carl.key", None)
    status, _, errors = shell.run("archive", "carry-out", file)
    assert status == 2 and errors.endswith("approver/carl signed it, and is none of archive.approvers\n")
    status, _, errors = shell.run("archive", "approve", file, "--key", "keys/approver-anna.key")
    assert status == 2 and "approved this order already" in errors
    shell.approve(file, "ben")
    altered = json.loads(file.read_text())
    altered["order"] = altered["order"].replace("segments 2", "segments 1")
    Path("y.order").write_text(json.dumps(altered))
    status, _, errors = shell.run("archive", "carry-out", "y.order")
    assert status == 2 and "the signature of approver/anna is wrong" in errors
    assert shell.document("archive", "carry-out", file)["state"] == "carried out"
    assert len(shell.search("*")) == 5


def test_nobody_signs_what_would_not_count(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.order"
    assert shell.run("archive", "expire", "2", "--reason", "over", "--out", file)[0] == 0
    create_log_key(tmp_path / "another.key", "approver/anna")  # her name, and not her key
    unsigned = file.read_text()
    for key, problem in (
        (Path("keys/approver-carl.key"), "approver/carl is none of the keys of archive.approvers"),
        (tmp_path / "another.key", "approver/anna is another key than that of archive.approvers"),
    ):
        status, _, errors = shell.run("archive", "approve", file, "--key", key)
        assert status == 2 and problem in errors and "sign with an approver's key" in errors
    assert file.read_text() == unsigned
    status, _, errors = shell.run("archive", "approve", file, "--key", key, "--site", "elsewhere.toml")
    assert status == 2 and "elsewhere.toml: no such file" in errors
    # On a machine without a site nobody knows who approves: whoever carries it out does.
    monkeypatch.delenv("STEELYARD_SITE")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert shell.run("archive", "approve", file, "--key", tmp_path / "another.key")[0] == 0


LISTED = """
gate = "gate.metals.example"
[enterprise.metals]
name = "Metals"
sites = [{ domain = "metals.example" }]
[[enterprise.metals.person]]
jid = "silent@metals.example"
name = "Silent"
roles = ["trader"]
"""


@pytest.mark.parametrize("with_directory", [True, False])
def test_a_hold_of_nobody_is_refused(shell: Shell, with_directory: bool) -> None:
    if with_directory:
        (shell.site.path.parent / "directory.toml").write_text(LISTED)
        assert shell.order("hold", "--custodian", "silent@metals.example", "--matter", "M")["act"] == "hold"
    advice = "did you mean silent@metals.example?" if with_directory else "`steelyard directory show`"
    for arguments in (
        ["--custodian", "silnet@metals.example"],
        ["--custodian", "silnet@metals.example", "--query", "selenium"],
        ["--conversation", "silnet@metals.example"],
        ["--conversation", "eve@metals.example,silnet@metals.example"],
    ):
        status, _, errors = shell.run("archive", "hold", "--matter", "M", *arguments)
        assert status == 2, arguments
        assert "silnet@metals.example is in neither the directory nor any record; " in errors
        assert advice in errors
    # Eve is in no directory any more; what she said is there.
    assert shell.order("hold", "--custodian", "eve@metals.example", "--matter", "M")["act"] == "hold"


def test_what_an_approver_is_shown(shell: Shell) -> None:
    shell.run(
        "archive",
        "hold",
        "--matter",
        "M-1",
        "--custodian",
        "alice@metals.example",
        "--reason",
        "a claim",
        "-o",
        "x",
    )
    status, output, _ = shell.run("archive", "approve", "x")
    assert status == 0
    assert re.fullmatch(
        r"hold \S+ on metals.example/gate\n  matter: M-1\n  custodian: alice@metals.example\n"
        r"  reason: a claim\n  2 segments: 1, 3\nSigned by nobody yet.\n",
        output,
    )


def test_the_minimum_forbids_what_nobody_holds(shell: Shell) -> None:
    policy = RETENTION.replace("minimum_days = 0\nkeep_days = 0", "minimum_days = 2\nkeep_days = 3")
    (shell.site.path.parent / "retention.toml").write_text(policy)
    assert shell.document("archive", "expire", "--plan")["due"] == []
    status, _, errors = shell.run("archive", "expire", "--reason", "over")
    assert status == 2 and "nothing is due to expire" in errors
    status, _, errors = shell.run("archive", "expire", "2", "--reason", "over")
    assert status == 2 and "segment 2 must be kept until" in errors
    (record,) = shell.search("selenium")
    status, _, errors = shell.run("archive", "erase", record, "--reason", "over")
    assert status == 2 and "must be kept until" in errors


def test_the_auditors_own_log_expires_too(shell: Shell) -> None:
    for word in ("gallium", "indium"):
        shell.search(word)
    plan = shell.document("archive", "expire", "--plan", "--log", "audit")
    assert [each["class"] for each in plan["due"]] == ["communication"] * 2
    file = Path("x.order")
    assert shell.run("archive", "expire", "--log", "audit", "--reason", "over", "--out", file)[0] == 0
    shell.approve(file, "anna", "ben")
    assert shell.document("archive", "carry-out", file)["state"] == "carried out"
    queries = [access.query for access in asyncio.run(shell.site.accesses()) if access.act == "search"]
    assert queries == []
    assert shell.document("archive", "orders", "--log", "audit")["orders"][0]["act"] == "expire"


def test_every_look_and_proposal_is_a_record(shell: Shell) -> None:
    shell.run("archive", "expire", "--plan")
    shell.run("archive", "orders")
    shell.run("archive", "expire", "2", "--out", "x")
    (record,) = shell.search("selenium")
    shell.run("archive", "erase", record, "--out", "y")
    shell.run("archive", "hold", record, "--matter", "M", "--out", "z")
    acts = [access.act for access in asyncio.run(shell.site.accesses())]
    assert acts == ["expire --plan", "orders", "propose expire", "search", "propose erase", "propose hold"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["hold", "--matter", "M"], "name records, or conversations, or a custodian"),
        (["hold", "gate/1", "--query", "x", "--matter", "M"], "name records, or conversations"),
        (["hold", "gate/1", "audit/1", "--matter", "M"], "'audit/1' is no record of this log"),
        (["hold", "gate/99999", "--matter", "M"], "record 99999 is not there"),
        (["hold", "gate/0", "--matter", "M"], "the log's own bookkeeping"),
        (["hold", "other/1", "--matter", "M"], "there is no log 'other'"),
        (["hold", "--custodian", "a b", "--matter", "M"], "'a b'"),
        (["hold", "--conversation", "a@b,c@d,e@f", "--matter", "M"], "a conversation is two JIDs"),
        (["hold", "--query", "from:", "--matter", "M"], "from:"),
        (["release"], "name a hold's id, or a matter"),
        (["release", "h1"], "no hold h1 is in force"),
        (["expire", "99"], "there is no segment 99"),
        (["erase", "--query", "nothingness"], "nothing to erase"),
        (["approve", "no-such-file"], "no such file"),
        (["approve", "site.toml"], "not the file of an order"),
    ],
)
def test_wrong_use(arguments: list[str], problem: str, shell: Shell) -> None:
    status, _, errors = shell.run("archive", *arguments)
    assert status == 2 and problem in errors
