"""Where much waits to be indexed, other processes parse it: the index is the same, whatever becomes of them."""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from components.archive.record import Delivery, Event, RecordKind
from components.audit.index import catch_up, row_readers
from components.audit.index.compare import find_differences
from components.audit.index.index import Index
from components.audit.index.logs import IndexedLog
from components.audit.index.row_readers import RowReaders
from components.audit.index.rows import Clear, Rows
from components.audit.open_log import open_log
from components.rules.file_links import FileLink, FileLinks
from policy.address import BareJid
from tests.support.audit_site import T0_NS, Site

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"
LINKS = FileLinks("https://files.metals.example/", b"a key of links to files, long enough")


async def fill(site: Site) -> None:
    """Record talk of which each part needs what another one has: corrections, ids, deliveries, rules."""
    said = []
    for number in range(60):
        about = f"<replace xmlns='urn:xmpp:message-correct:0' id='m{number - 7}'/>" if number % 9 == 8 else ""
        link = (
            LINKS.make(FileLink(bytes([number] * 16), BareJid(BOB), 1), "report") if number % 20 == 5 else ""
        )
        body = (
            f"<message xmlns='jabber:client' from='{ALICE}' to='{BOB}' id='m{number}' type='chat'>"
            f"<body>copper n{number} {link}</body>{about}</message>"
        )
        said.append(site.submit(body.encode(), at_s=number, rules=("other",) * (number % 3 == 0)))
    await site.record(*said[:30], Delivery("e1", 20, (3,)), *said[30:])
    review = (("by", "anna@metals.example"), ("record", site.id_of(2)))
    await site.record(site.submit(b"<message"), Event(RecordKind.REVIEW, "release", review, T0_NS))


async def index(site: Site, name: str) -> Index:
    made = Index(site.path.with_name(name), LINKS)
    async with open_log(site.settings, site.settings.gate_log) as log:
        await made.catch_up(log, name="gate")
    return made


def kill_some(readers: RowReaders) -> None:
    readers._workers[0].kill()


def stop_them(readers: RowReaders) -> None:
    for worker in readers._workers:
        os.kill(worker.pid, signal.SIGTERM)
        worker.wait()


@pytest.mark.slow
@pytest.mark.parametrize(
    "disturb", [lambda readers: None, kill_some, stop_them], ids=["as it is", "one", "all"]
)
async def test_the_index_is_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch, disturb: Callable[[RowReaders], None]
) -> None:
    await fill(site)
    alone = await index(site, "alone.db")
    started = []

    class Watched(RowReaders):
        def __init__(self, *given: object) -> None:
            super().__init__(*given)  # type: ignore[arg-type]
            started.append(self)
            disturb(self)

    monkeypatch.setattr(row_readers, "RowReaders", Watched)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    for name, value in (("MANY_RECORDS", 30), ("RECORDS_PER_TRANSACTION", 16), ("RECORDS_PER_FETCH", 5)):
        monkeypatch.setattr(catch_up, name, value)
    together = await index(site, "together.db")
    assert len(started) == 1
    assert all(worker.returncode is not None for worker in started[0]._workers)
    with alone, together, alone.look() as one, together.look() as other:
        assert list(find_differences(one, other)) == []
        assert one.execute("SELECT count(*) FROM link").fetchone() == (3,)
        assert one.execute("SELECT count(*) FROM altered").fetchone() == (6,)


async def test_one_core_reads_by_itself(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(site)
    monkeypatch.setattr(catch_up, "MANY_RECORDS", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    monkeypatch.setattr(subprocess, "Popen", None)
    with await index(site, "alone.db") as made:
        assert made.count_all() == 62


async def test_what_would_take_too_much_memory_is_read_here(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(site)
    for name, value in (("MANY_RECORDS", 1), ("_MOST_BYTES", 0)):
        monkeypatch.setattr(catch_up, name, value)
    monkeypatch.setattr(RowReaders, "read", None)
    with await index(site, "here.db") as made:
        assert made.count_all() == 62


@pytest.mark.slow
def test_a_reader_stands_back_behind_the_line() -> None:
    with RowReaders(IndexedLog.GATE, None, 1) as readers:
        readers.read([]).result()
        assert os.getpriority(os.PRIO_PROCESS, readers._workers[0].pid) >= 10


@pytest.mark.slow
def test_a_reader_ends_with_its_input() -> None:
    told = pickle.dumps((IndexedLog.GATE, LINKS)) + pickle.dumps([Clear(7, 1, 1, T0_NS, b"no record", False)])
    done = subprocess.run(
        (sys.executable, "-P", "-m", "components.audit.index.row_worker"),
        input=told,
        capture_output=True,
        check=True,
    )
    rows = pickle.loads(done.stdout)
    assert isinstance(rows, Rows)
    assert (rows.unread, [entry.idx for entry in rows.entries]) == ([(7,)], [7])


def test_links_go_to_another_process_with_their_key() -> None:
    again = pickle.loads(pickle.dumps(LINKS))
    link = FileLink(bytes(range(16)), BareJid(BOB), 1_800_000_000)
    assert again.find_links([LINKS.make(link, "report.pdf")]) == {link}
    assert again.key_id == LINKS.key_id
