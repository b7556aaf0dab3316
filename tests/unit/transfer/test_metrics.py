"""The figures of files: each is documented, has only names of ours as labels, and counts what happened."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from components.archive.alarm import Alarms
from components.archive.alarm_name import AT_TRANSFER, AlarmName
from components.process.status import Status
from components.transfer.assemble import _tell_stored
from components.transfer.checks import FileChecks
from components.transfer.figures import describe_transfer, expose
from components.transfer.metrics import PREFIX, FileMetrics, MeasuredInspector, MeasuredScanner
from components.transfer.scan.scanned import NOTHING_FOUND, Scanned, Unscanned
from policy.content.policy import ContentPolicy
from policy.content.rule import ContentAction, Rule, Uploads
from policy.files.facts import ContentFacts, FileMark
from tests.support.blobs import content
from tests.support.figures import read_documented, read_families, read_labels
from tests.support.file_server import FilesUnderTest, serve_files
from tests.support.process import PATIENCE_S
from tests.unit.gate.fakes import KeptRecords

POLICY = ContentPolicy(
    (
        Rule("no-programs", ContentAction.REFUSE, "No programs.", Uploads(marks=(FileMark.EXECUTABLE,))),
        Rule("macros", ContentAction.HOLD, "Macros are looked at.", Uploads(marks=(FileMark.MACROS,))),
    )
)


class Looker:
    """Finds in each file what its name says, as an inspector and as a scanner."""

    def __init__(self) -> None:
        self.scans = [
            NOTHING_FOUND,
            Scanned(FileMark.MALWARE, "Eicar"),
            Scanned(FileMark.UNSCANNED, why=Unscanned.DOWN),
            *[NOTHING_FOUND] * 9,
        ]

    async def look(self, fd: int, name: str, claimed_type: str) -> ContentFacts:
        marks = {mark for mark in FileMark if mark.value in name}
        return ContentFacts(claimed_type, frozenset(marks))

    async def scan(self, fd: int, size_bytes: int) -> Scanned:
        return self.scans.pop(0)


def exposed(metrics: FileMetrics, alarms: Alarms | None = None) -> bytes:
    slots = SimpleNamespace(counters=SimpleNamespace(slots=7, refused_slots=2))
    service: Any = SimpleNamespace(slots=slots, journal=SimpleNamespace(size=11), is_connected=True)
    acts: Any = SimpleNamespace(held=1)
    return expose(metrics, service, acts, alarms or Alarms(KeptRecords())).render()


def samples(text: bytes) -> dict[str, float]:
    """Return all numbers but 0, by name and label, without what all of them begin with."""
    return {
        sample.name.removeprefix(PREFIX)
        + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.value and "le" not in sample.labels and not re.search("_(created|sum)$", sample.name)
    }


def test_each_is_documented_with_its_kind_and_its_label() -> None:
    assert read_families(exposed(FileMetrics())) == read_documented(PREFIX)


def test_each_begins_at_nothing() -> None:
    assert samples(exposed(FileMetrics())) == {
        "slots_total": 7, "refused_slots_total": 2, "held": 1, "records": 11, "connected": 1,
    }  # fmt: skip


def test_the_alarms_of_this_component_alone() -> None:
    alarms = Alarms(KeptRecords())
    alarms.sound(AlarmName.SCANNER_DOWN, reason="no such socket")
    text = exposed(FileMetrics(), alarms)
    assert samples(text)["alarm scanner-down"] == samples(text)["alarms_total scanner-down"] == 1
    assert {name for name in read_labels(text) if name in set(AlarmName)} == set(AT_TRANSFER)
    _tell_stored(alarms, "the disk is full")
    _tell_stored(alarms, "the disk is full")
    both = [(each["name"], each["times"]) for each in alarms.present()]
    assert both == [("scanner-down", 1), ("files-not-stored", 1)]
    assert samples(exposed(FileMetrics(), alarms))["alarm files-not-stored"] == 1
    _tell_stored(alarms, "")
    assert "alarm files-not-stored" not in samples(exposed(FileMetrics(), alarms))
    alarms.end(AlarmName.SCANNER_DOWN)
    assert "alarm scanner-down" not in samples(exposed(FileMetrics(), alarms))


async def test_what_became_of_files(tmp_path: Path) -> None:
    metrics, looker = FileMetrics(), Looker()
    checks = FileChecks(MeasuredInspector(looker, metrics), MeasuredScanner(looker, metrics))
    async with serve_files(tmp_path, checks=checks, policy=POLICY, metrics=metrics) as files:
        url = await files.put(content(1000), name="passes.pdf")
        assert await put(files, 2000, "a-program.pdf") == 403  # the scanner knows it
        assert await put(files, 3000, "letter.pdf") == 403  # it could not be asked
        assert await put(files, 4000, "executable macros.pdf") == 403
        held = await files.put(content(5000), name="macros.pdf")
        assert await files.status_of(url) == 200
        assert await files.status_of(url, headers={"Range": "bytes=0-9"}) == 206
        assert await files.status_of(held) == 503
        assert await files.status_of(files.links.base_url + "nothing/a.pdf") == 404
        async with files.client.head(url) as response:
            assert response.status == 200
    assert samples(exposed(metrics)) == {
        **samples(exposed(FileMetrics())),
        "uploads_total 201": 2, "uploads_total 403": 3, "upload_bytes_total": 15_000,
        "files_total release": 1, "files_total hold": 1, "files_total refuse": 3,
        "marks_total malware": 1, "marks_total unscanned": 1, "marks_total executable": 1, "marks_total macros": 2,
        "scans_total clean": 3, "scans_total malware": 1, "scans_total down": 1,
        "inspect_seconds_count": 5, "store_seconds_count": 5, "scan_seconds_count": 5, "answer_seconds_count": 2,
        "fetches_total 200": 2, "fetches_total 206": 1, "fetches_total 503": 1, "fetches_total 404": 1,
        "fetch_bytes_total": 1010,
    }  # fmt: skip


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.01)


async def put(files: FilesUnderTest, size: int, name: str) -> int:
    url, headers = files.issue(content(size), name=name)
    async with files.client.put(url, data=content(size), headers=headers) as response:
        return response.status


async def test_what_breaks_off_is_counted_once_it_has_ended(tmp_path: Path) -> None:
    async with serve_files(tmp_path) as files:
        url, headers = files.issue(content(100_000))
        parts = urlsplit(url)
        _, writer = await asyncio.open_connection("127.0.0.1", files.port)
        head = f"PUT {parts.path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
        writer.write(f"{head}Authorization: {headers['Authorization']}\r\n\r\n".encode() + b"x" * 1000)
        await until(lambda: files.metrics.uploads.under_way == 1)
        assert samples(exposed(files.metrics))["uploads_under_way"] == 1
        writer.close()
        await until(lambda: files.metrics.uploads.under_way == 0)
        counted = samples(exposed(files.metrics))
        assert counted["upload_bytes_total"] == 1000
        assert counted.get("uploads_total broken", 0) + counted.get("uploads_total 400", 0) == 1
        assert not {"answer_seconds_count", "store_seconds_count"} & counted.keys()


def test_the_status_file_has_the_same_numbers() -> None:
    metrics = FileMetrics()
    metrics.decided["refuse"], metrics.uploads.under_way = 3, 2
    service: Any = SimpleNamespace(describe=lambda: Status("connected", {"records": 11}))
    acts: Any = SimpleNamespace(held=1)
    assert describe_transfer(service, acts, metrics) == Status(
        "connected",
        {
            "records": 11, "files": {"release": 0, "hold": 0, "refuse": 3}, "held": 1,
            "uploads_under_way": 2, "fetches_under_way": 0,
        },
    )  # fmt: skip
