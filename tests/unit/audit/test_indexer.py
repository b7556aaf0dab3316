"""The indexer: what is recorded can be found soon, whatever becomes of the index's file meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from components.archive.opener import RecordOpener
from components.audit.checks.index import check_index
from components.audit.index.database import remove_database
from components.audit.index.key import key_file
from components.audit.index.logs import IndexedLog
from components.audit.indexed import catch_up_logs, open_indexed, open_site_index
from components.audit.indexer import service
from components.audit.indexer.figures import PREFIX, make_figures
from components.audit.indexer.progress import IndexerProgress
from components.audit.indexer.service import Indexer
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.search import Page, search
from components.settings.indexer import IndexerSettings
from components.settings.site import SiteFile
from tests.support.audit_site import T0_NS, Site
from tests.support.figures import read_documented, read_families
from tests.support.typed import file_of

pytestmark = pytest.mark.slow

ALICE, BOB = "alice@metals.example/desk", "bob@metals.example"


@asynccontextmanager
async def following(site: Site) -> AsyncIterator[Indexer]:
    status_file = site.path.parent / "indexer.json"
    indexer = Indexer(site.settings, IndexerSettings(status_file=status_file, every_s=0.01))
    task = asyncio.create_task(indexer.run())
    try:
        yield indexer
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(met: Callable[[], Awaitable[bool]]) -> None:
    """Wait, as long as it takes: the tests' own limit ends it."""
    while not await met():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def can_be_found(site: Site, word: str) -> Callable[[], Awaitable[bool]]:
    """Return whether the index has this word, without catching up."""

    async def look() -> bool:
        with open_site_index(site.settings) as index:
            return index.count_all() > 0 and index.count(compile_query(parse_query(word, T0_NS))) > 0

    return look


async def test_what_is_recorded_can_be_found_without_a_search(site: Site) -> None:
    async with following(site) as indexer:
        for word in ("copper", "tin"):
            await site.record(site.say(ALICE, BOB, word))
            await until(can_be_found(site, word))
        assert indexer.describe().state == "following"
    assert (await check_index(site.settings, lambda done, total: None)).differences == ()


async def test_it_outlives_its_file(site: Site) -> None:
    path = site.settings.audit.index
    async with following(site):
        await site.record(site.say(ALICE, BOB, "copper"))
        await until(can_be_found(site, "copper"))
        remove_database(path)
        await until(can_be_found(site, "copper"))
        remove_database(path)
        key_file(path).unlink()
        await site.record(site.say(ALICE, BOB, "tin"))
        await until(can_be_found(site, "tin"))
        path.write_bytes(b"\xff" * path.stat().st_size)
        await site.record(site.say(ALICE, BOB, "zinc"))
        await until(can_be_found(site, "zinc"))
    assert (await check_index(site.settings, lambda done, total: None)).differences == ()


async def test_a_log_that_is_there_at_last_is_no_fault_while_it_is_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a site's first start the logs come late, and one may have much in it from the beginning."""
    monkeypatch.setattr(service, "_BEGUN_WITHIN_S", 0.0)
    await site.record(site.say(ALICE, BOB, "copper"))
    log, elsewhere = site.settings.gate_log.store, site.path.parent / "not yet"
    assert isinstance(log, Path)
    log.rename(elsewhere)
    reads, may_end = asyncio.Event(), asyncio.Event()

    async def read_for_long(*given: object) -> None:
        reads.set()
        await may_end.wait()
        await catch_up_logs(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(service, "catch_up_logs", read_for_long)
    async with following(site) as indexer:

        async def waits() -> bool:
            return "there is no log" in indexer.progress.fault

        await until(waits)
        elsewhere.rename(log)
        await reads.wait()
        assert indexer.progress.fault == ""
        may_end.set()
        await until(can_be_found(site, "copper"))


async def test_a_log_that_nobody_has_begun_yet_is_no_fault(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.record(site.say(ALICE, BOB, "copper"))
    log = site.settings.gate_log.store
    assert isinstance(log, Path)
    remove_database(log)
    tries = 0

    def count_tries(settings: SiteFile) -> AbstractAsyncContextManager[Mapping[IndexedLog, RecordOpener]]:
        nonlocal tries
        tries += 1
        return open_indexed(settings)

    monkeypatch.setattr(service, "open_indexed", count_tries)
    monkeypatch.setattr(service, "_RETRY_S", 0.01)
    async with following(site) as indexer:

        async def has_tried() -> bool:
            return tries > 2

        async def is_stuck() -> bool:
            return indexer.describe().state == "stuck"

        for there in (False, True):  # there is no file, and one in which nothing is yet
            if there:
                log.touch()
            tries = 0
            await until(has_tried)
            assert indexer.describe().state == "following"
        monkeypatch.setattr(service, "_BEGUN_WITHIN_S", 0.0)
        await until(is_stuck)


async def test_a_search_beside_it_finds_the_same(site: Site) -> None:
    async with following(site):
        for number in range(10):
            await site.record(site.say(ALICE, BOB, f"copper n{number}"))
            found = await search(site.settings, "copper", Page(100), lambda done, total: None)
            assert found.matched == number + 1
    assert (await check_index(site.settings, lambda done, total: None)).differences == ()


async def test_without_the_auditors_key_it_waits_and_says_so(site: Site) -> None:
    key = file_of(*site.settings.audit.key_files)
    kept = key.read_bytes()
    key.unlink()
    async with following(site) as indexer:

        async def is_stuck() -> bool:
            return indexer.describe().state == "stuck"

        await until(is_stuck)
        assert "audit.key_files" in str(indexer.describe().details["fault"])
        key.write_bytes(kept)
        key.chmod(0o600)
        await site.record(site.say(ALICE, BOB, "copper"))
        await until(can_be_found(site, "copper"))


def test_how_far_it_is_behind_is_told() -> None:
    now_s = 100.0
    progress = IndexerProgress(lambda: now_s)
    progress.note("gate", 10, 10)
    assert (progress.describe().state, progress.lag_entries, progress.lag_s) == ("following", 0, 0.0)
    progress.note("gate", 10, 30)
    now_s += 6
    assert (progress.describe().state, progress.lag_entries, progress.lag_s) == ("behind", 20, 6.0)
    progress.note("gate", 30, 30)
    assert (progress.describe().state, progress.records, progress.lag_s) == ("following", 20, 0.0)
    progress.fault = "no key"
    assert progress.describe().state == "stuck"


def test_every_figure_is_documented() -> None:
    progress = IndexerProgress(lambda: 1.0)
    progress.note("gate", 1, 2)
    assert read_families(make_figures(progress).render()) == read_documented(PREFIX)
