"""The demonstration's made-up talk: in a log of its own, marked as what it is, found and read as all else."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.archive.record import Event, RecordKind, Submission, parse_record
from components.audit.conversation.item import ItemKind
from components.audit.conversation.read import Whole, read_conversation
from components.audit.index.pages import Page
from components.audit.open_log import open_log
from components.audit.search import search
from components.settings.history import HistorySettings
from components.settings.site import SiteFile
from components.site.demo_history import MADE_UP, make_history, make_up
from components.site.history.words import SCENES
from components.site.init import init_site
from policy.directory.directory import parse_directory

pytestmark = pytest.mark.slow

DAY_NS = 86_400 * 10**9


@dataclass(frozen=True)
class Made:
    settings: SiteFile
    count: int
    at_ns: int


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    import asyncio

    settings = init_site(tmp_path_factory.mktemp("site") / "site.toml", demo=True).settings
    now_ns = time.time_ns()
    return Made(settings, asyncio.run(make_history(settings)), now_ns)


async def read_log(settings: SiteFile) -> list[tuple[int, Submission | Event | object]]:
    history = settings.require(HistorySettings)
    async with open_log(settings, history.log_settings(settings.folder)) as log:
        opened = await log.fetch(0, await log.reader.size())
    return [
        (each.leaf.time_ns, parse_record(RecordKind(each.leaf.kind), each.payload or b""))
        for each in opened
        if RecordKind(each.leaf.kind).is_sealed
    ]


async def test_every_record_says_that_it_was_made_up_and_when_it_was_recorded(made: Made) -> None:
    records = await read_log(made.settings)
    (_, first), *others = records
    assert isinstance(first, Event)
    assert (first.kind, first.name) == (RecordKind.RULES, MADE_UP)
    assert len(others) == made.count > 3_000
    for leaf_ns, record in records:
        assert leaf_ns >= made.at_ns
        if isinstance(record, Submission):
            assert record.epoch.startswith(MADE_UP)
            assert record.session.startswith(MADE_UP)


async def test_the_gates_log_has_none_of_it(made: Made) -> None:
    assert not made.settings.gate_log.is_begun


def test_it_is_weeks_long_and_has_what_there_is_to_find(made: Made) -> None:
    directory = parse_directory(made.settings.gate.directory_file.read_text())
    told = list(make_up(directory, made.at_ns))
    times = [each.at_ns for each in told]
    assert times == sorted(times)
    assert times[0] < made.at_ns - 30 * DAY_NS
    assert made.at_ns - 5 * DAY_NS < times[-1] < made.at_ns
    assert {each.planted for each in told} >= {scene.name for scene in SCENES}
    assert {each.language for each in told} >= {"en", "de", "zh", "ko", "ar", "ru"}
    assert {each.sender.partition("@")[2] for each in told if each.sender} == {
        "metals.example",
        "grain.example",
    }
    assert all(each.to.partition("@")[2].endswith(each.sender.partition("@")[2]) for each in told if each.to)


async def test_it_is_found_and_read_as_everything_else(made: Made, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    shutil.copytree(made.settings.folder, folder)
    settings = SiteFile(folder / "site.toml")
    await _begin_gate(settings)
    found = await search(settings, '"before it goes in"', Page(10), lambda done, total: None)
    assert {view.id.partition("/")[0] for view in found.records} == {"history"}
    view = await read_conversation(
        settings, Whole(("alice@metals.example", "bob@metals.example")), lambda done, total: None
    )
    assert len(view.items) == 50
    assert {item.record.partition("/")[0] for item in view.items} == {"history"}
    assert any(item.kind is ItemKind.MESSAGE for item in view.items)


async def test_a_second_start_makes_up_nothing_and_so_does_a_site_without_the_table(made: Made) -> None:
    before = len(await read_log(made.settings))
    assert await make_history(made.settings) == 0
    assert len(await read_log(made.settings)) == before


async def test_a_site_that_is_no_demonstration_has_no_such_log(tmp_path: Path) -> None:
    settings = init_site(tmp_path / "site.toml").settings
    assert settings.find(HistorySettings) is None
    assert await make_history(settings) == 0
    assert {log.name for log in settings.logs} == {"gate", "audit", "roster"}


async def _begin_gate(settings: SiteFile) -> None:
    from tests.support.audit_site import open_writer

    await (await open_writer(settings, settings.gate_log)).close()
