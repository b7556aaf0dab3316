"""An auditor on a machine of their own: records and requests through PostgreSQL, their key and their log there."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.archive.keys import create_log_key, create_recipient_key
from components.archive.reader import LogReader
from components.archive.record import RecordKind, Submission, encode_submission
from components.archive.writer import Entry, LogWriter
from components.audit.auditor import find_auditor
from components.audit.author import Author, open_author
from components.audit.checks.evidence import load_evidence
from components.audit.checks.verify_site import LogChoice, verify_site
from components.audit.review.desk import Desk, open_desk
from components.audit.review.held import decide_held
from components.cli.output.console import progress_bar
from components.link.review_request import (
    HeldMessage,
    ReviewAnswer,
    encode_review_answer,
    parse_review_request,
    prove_reading,
    take_review_request,
)
from components.process.errors import SiteError
from components.rules.decisions import Decisions
from components.rules.reviewers import load_reviewers
from components.settings.site import SiteFile
from components.site.check import check_site
from policy.directory.directory import parse_directory
from policy.review import ReviewAct
from policy.rules import Rules
from policy.supervision.act import ActKind
from policy.supervision.item import ItemState
from tests.support.audit_site import T0_NS, open_writer
from tests.support.postgres import PostgresServer
from tests.support.process import PATIENCE_S
from tests.support.site_toml import write_site_toml
from tests.unit.cli.test_review_queues import DIRECTORY, POLICY

ROOT = Path(__file__).resolve().parents[2]
# What docs/auditor.md has an operator, and then the auditor, tell the database.
FOR_ERIN, FOR_SERVER = re.findall(r"```sql\n(.*?)```", (ROOT / "docs/auditor.md").read_text(), re.DOTALL)
ALICE, BOB = "alice@metals.example/d", "bob@metals.example"
BODY = f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}'><body>a tip</body></message>".encode()
HELD = Submission(RecordKind.STANZA, "e1", 1, "c2s", "s", T0_NS, "hold", ("tips",), None, BODY)


@dataclass
class TwoMachines:
    """The server's site, and that of Erin's own machine; only hers has the key that opens records."""

    server: SiteFile
    erins: SiteFile
    key: Path
    item: str
    database: PostgresServer
    name: str


def make_site(folder: Path, database: str, user: str, log: str) -> SiteFile:
    """Write a site whose gate's log is in the database, and whose audit log is `log` there, both as this user."""
    url = database.replace("steelyard@", f"{user}@")
    folder.mkdir()
    for name in ("keys", "archive"):
        (folder / name).mkdir()
    (folder / "directory.toml").write_text(DIRECTORY)
    (folder / "policy.toml").write_text(POLICY)
    tables: dict[str, Any] = {
        "gate": {"log": f"{url}#gate", "policy": "policy.toml"},
        "audit": {
            "log": f"{url}#{log}",
            "log_origin": f"metals.example/{log}",
            "own_machine": user == "erin",
        },
        "archive": {"recipients": ["keys/auditor.pub"]},
    }
    return SiteFile(write_site_toml(folder / "site.toml", **tables))


def finish_site(site: SiteFile, others: str, others_log: str, database: str, user: str) -> SiteFile:
    """Name the auditor, and the log of the other machine."""
    url = database.replace("steelyard@", f"{user}@")
    site.path.write_text(
        site.path.read_text()
        + f"""
[[audit.auditors]]
id = "erin"
name = "Erin"
user = "erin"
roles = ["lead"]
key = "keys/auditor-erin.pub"
[[audit.others]]
log = "{url}#{others_log}"
log_origin = "metals.example/{others_log}"
verifier_key = "{others}/keys/log-audit.pub"
"""
    )
    return SiteFile(site.path)


@pytest.fixture
async def machines(tmp_path: Path, postgres_server: PostgresServer) -> AsyncIterator[TwoMachines]:
    database = postgres_server.make_database()
    name = database.rpartition("/")[2]
    # As docs/settings.md says: the server's user owns the database, and is no superuser.
    keeper = f"keeper_{name}"
    postgres_server.execute(f"CREATE ROLE {keeper} LOGIN")
    postgres_server.execute(f"ALTER DATABASE {name} OWNER TO {keeper}")
    server = make_site(tmp_path / "server", database, keeper, "audit")
    erins = make_site(tmp_path / "erin", database, "erin", "audit-erin")
    create_recipient_key(tmp_path / "erin/keys/auditor.key", "auditor")
    public = (tmp_path / "erin/keys/auditor.pub").read_bytes()
    (tmp_path / "server/keys/auditor.pub").write_bytes(public)
    create_log_key(server.gate_log.key_file, "metals.example/gate")
    for site in (server, erins):
        create_log_key(site.audit_log.key_file, site.audit_log.origin)
    key = tmp_path / "erin/keys/auditor-erin.key"
    create_log_key(key, "auditor/erin")
    (tmp_path / "server/keys/auditor-erin.pub").write_bytes(key.with_suffix(".pub").read_bytes())
    (erins.folder / "keys/log-gate.pub").write_bytes((server.folder / "keys/log-gate.pub").read_bytes())
    writer = await open_writer(server, server.gate_log)
    index = await writer.append([Entry(RecordKind.STANZA, encode_submission(HELD))])
    await writer.close()
    await (await open_writer(server, server.audit_log)).close()
    postgres_server.execute(FOR_ERIN.replace("DATABASE archive", f"DATABASE {name}"), name)
    server = finish_site(server, "../erin", "audit-erin", database, keeper)
    erins = finish_site(erins, "../server", "audit", database, "erin")
    await (await open_writer(erins, erins.audit_log)).close()
    postgres_server.execute(FOR_SERVER.replace("TO steelyard", f"TO {keeper}"), name)
    yield TwoMachines(server, erins, key, f"gate/{index}", postgres_server, name)
    postgres_server.execute("DROP OWNED BY erin CASCADE; DROP ROLE erin", name)


async def desk_of(site: SiteFile, author: Author | None = None) -> Desk:
    author = author or Author(find_auditor(site, "erin"))
    return await open_desk(site, author, lambda _done, _total: None)


@asynccontextmanager
async def gate_answers(site: SiteFile, item: str) -> AsyncIterator[list[ReviewAnswer]]:
    """Be a gate that holds the message: it verifies who decides, and answers."""
    record = int(item.rpartition("/")[2])
    rules = Rules(parse_directory(DIRECTORY))
    decisions = Decisions(load_reviewers(site), "gate", site.gate_log.origin, lambda: rules, ReviewAct.REFUSE)
    held = HeldMessage(record, "waiting", ALICE, BOB, ("tips",), T0_NS, T0_NS)
    writer, reader = await open_writer(site, site.gate_log), await LogReader.open(site.gate_log.store)
    answers: list[ReviewAnswer] = []

    async def serve(writer: LogWriter) -> None:
        while True:
            for row in await reader.source.fetch_requests():
                if row.body is None:
                    continue
                asked = take_review_request(row.body, lambda: (held,))
                if not isinstance(asked, ReviewAnswer):
                    request = parse_review_request(row.body)
                    assert request.evidence == prove_reading(HELD.epoch, HELD.seq, HELD.body)
                    jids = (held.sender, held.to)
                    cast = decisions.cast(request, (), ("tips",), jids, int(time.time()))
                    asked = ReviewAnswer(cast.problem)
                    answers.append(asked)
                await writer.answer(row.id, encode_review_answer(asked))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(serve(writer))
    try:
        yield answers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await writer.close()
        await reader.close()


async def test_erin_reviews_on_her_own_machine_and_the_server_sees_it(machines: TwoMachines) -> None:
    erin = open_author(machines.erins, find_auditor(machines.erins, "erin"), str(machines.key))
    desk = await desk_of(machines.erins, erin)
    assert list(desk.items) == [machines.item]
    (act,) = await desk.act(ActKind.CLAIM, [machines.item])
    assert act.startswith("audit-erin/")
    # The server has no key that opens what she did; it verifies her log all the same.
    evidence = load_evidence(machines.server, (), (), (), ())
    choice = LogChoice("audit-erin")
    report = (await asyncio.to_thread(verify_site, machines.server, choice, evidence, progress_bar))[
        "audit-erin"
    ]
    assert report is not None
    assert report.ok
    # A second machine of auditors, with their key, folds both logs.
    second = machines.server.folder / "keys/auditor.key"
    second.write_bytes((machines.erins.folder / "keys/auditor.key").read_bytes())
    second.chmod(0o600)
    assert (await desk_of(machines.server)).items[machines.item].status.holder == "erin"


async def test_erin_releases_from_her_own_machine_without_a_key_on_the_server(machines: TwoMachines) -> None:
    erin = open_author(machines.erins, find_auditor(machines.erins, "erin"), str(machines.key))
    async with gate_answers(machines.server, machines.item) as answers:
        decided = await decide_held(
            machines.erins, machines.item, "release", "it is public", PATIENCE_S, erin
        )
        assert answers == [ReviewAnswer()]
        assert decided.act_id.startswith("audit-erin/")
        unsigned = Author(find_auditor(machines.erins, "erin"))
        with pytest.raises(SiteError, match="not signed"):
            await decide_held(machines.erins, machines.item, "release", "again", PATIENCE_S, unsigned)
    desk = await desk_of(machines.erins)
    assert desk.items[machines.item].status.state is ItemState.CLOSED
    with pytest.raises(SiteError):
        await decide_held(machines.server, machines.item, "release", "x", PATIENCE_S, erin)


async def check(site: SiteFile) -> tuple[set[str], list[str]]:
    """Check a site, and return what was looked at and what was found wrong."""
    found = await asyncio.to_thread(check_site, site.path)
    return {each.name for each in found}, [f"{each.name}: {each.text}" for each in found if not each.ok]


async def test_her_machine_is_checked_as_what_it_is(machines: TwoMachines) -> None:
    names, wrong = await check(machines.erins)
    assert (wrong, "logs" in names) == ([], True)
    assert not names & {"prosody", "adapter", "certificates", "web", "review", "feed"}
    # Without the server's log of looks there is no queue, so it is looked at, too.
    text = machines.erins.path.read_text()
    machines.erins.path.write_text(text.replace('#audit"', '#nowhere"'))
    names, wrong = await check(machines.erins)
    assert [each.partition(":")[0] for each in wrong] == []
    machines.erins.path.write_text(text)
    (machines.erins.folder / "keys/log-gate.pub").unlink()
    _, wrong = await check(machines.erins)
    assert len(wrong) == 1
    assert wrong[0].startswith("settings: gate.log_key_file")


async def test_her_user_of_the_database_changes_no_record(machines: TwoMachines) -> None:
    for sql in ("DELETE FROM gate.record", "UPDATE gate.record SET leaf = leaf", "DELETE FROM audit.record"):
        with pytest.raises(Exception, match="non-zero exit status"):
            machines.database.execute(f"SET ROLE erin; {sql}", machines.name)
