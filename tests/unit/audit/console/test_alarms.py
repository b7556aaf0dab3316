"""What can go wrong with the console is an alarm: told while it lasts, recorded, counted, and over when it is over."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from components.archive.alarm_name import AT_CONSOLE, STATES, AlarmName
from components.archive.record import Alarm, RecordKind, parse_record
from components.audit.console import alarms as console_alarms
from components.audit.console.alarms import look_after, patrol
from components.audit.console.app import ROUTES, Route
from components.audit.console.console import Console
from components.audit.console.limit import MOST_FAILURES
from components.audit.console.metrics import PREFIX
from components.audit.console.state import ConsoleState, Passkey
from components.audit.console.visit import Visit
from components.audit.open_log import open_log
from components.process.status import Status, StatusFile
from components.site.health import alarm_files, find_alarms
from tests.support.audit_site import Site
from tests.support.console_site import make_console_site, open_console
from tests.support.figures import read_documented, read_families, read_labels
from tests.support.process import wait_until
from tests.support.typed import file_of

INDEXER = {"status_file": "run/indexer.status.json"}
FOLLOW = {
    "url": "https://feed.metals.example:8444",
    "certificate": "certs/follow.crt",
    "authority": "certs/ca.crt",
    "status_file": "run/follow.status.json",
}


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_console_site(tmp_path)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two tries."""
    monkeypatch.setattr(console_alarms, "_RETRY_S", 0.0)
    monkeypatch.setattr(console_alarms, "_PATROL_EVERY_S", 0.0)


@asynccontextmanager
async def recording(console: Console) -> AsyncIterator[None]:
    task = asyncio.create_task(console.alarm_records.run(console.alarms))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def present(console: Console) -> list[str]:
    return [str(each["name"]) for each in console.alarms.present()]


async def recorded(site: Site) -> list[Alarm]:
    async with open_log(site.settings, site.settings.audit_log) as log:
        opened = await log.fetch(0, await log.reader.size())
    raised = [each.payload or b"" for each in opened if each.leaf.kind == RecordKind.ALARM]
    records = [parse_record(RecordKind.ALARM, payload) for payload in raised]
    return [each for each in records if isinstance(each, Alarm)]


@pytest.mark.slow
async def test_a_look_that_cannot_be_recorded_is_an_alarm_until_one_can(site: Site, at_once: None) -> None:
    key = file_of(site.settings.audit_log.key_file)
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        async with recording(visitor.console):
            key.rename(key.with_suffix(".away"))
            for path in ("/search?q=copper", "/record/gate/1", "/overview"):
                status, text = await visitor.get(path)
                assert status == 503, text
            assert present(visitor.console) == ["looks-not-recorded"]
            key.with_suffix(".away").rename(key)
            assert await wait_until(lambda: present(visitor.console) == [])
        assert (await visitor.get("/search?q=copper"))[0] == 200
    first, *more = await recorded(site)
    assert first.name == "looks-not-recorded"
    assert dict(first.details)["reason"]
    assert [dict(each.details).keys() for each in more] in ([], [{"over_after_s"}])


async def test_what_an_export_cannot_record_is_the_same_alarm(site: Site) -> None:
    key = file_of(site.settings.audit_log.key_file)
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        key.rename(key.with_suffix(".away"))
        await visitor.post("/exports", {"query": "copper", "format": "jsonl"})
        assert await wait_until(lambda: present(visitor.console) == ["looks-not-recorded"])


@pytest.mark.slow
async def test_too_many_refused_logins_are_one_alarm_of_numbers(site: Site, at_once: None) -> None:
    async with open_console(site) as visitor:
        async with recording(visitor.console):
            for number in range(1, MOST_FAILURES + 3):
                await visitor.post("/login/link", {"token": "made-up-token"})
                assert present(visitor.console) == (["logins-refused"] if number >= MOST_FAILURES else [])
            assert await wait_until(lambda: visitor.console.alarm_records.unwritten == 0)
        assert visitor.console.alarms.times() == {AlarmName.LOGINS_REFUSED: 1}
    (alarm,) = await recorded(site)
    assert (alarm.name, dict(alarm.details)) == ("logins-refused", {"within_s": 60})


async def test_a_mistake_of_ours_is_an_alarm_without_what_it_quotes(site: Site) -> None:
    async def fail(visit: Visit) -> None:
        raise KeyError("what alice said")

    routes = (*ROUTES, Route("GET", "/broken", fail))  # type: ignore[arg-type]
    async with open_console(site, routes=routes) as visitor:
        await visitor.log_in("anna")
        status, text = await visitor.get("/broken")
        assert (status, "alice" in text) == (500, False)
        (alarm,) = visitor.console.alarms.present()
        assert (alarm["name"], alarm["details"]) == ("page-failed", {"reason": "KeyError"})


async def test_state_that_cannot_be_kept_is_an_alarm_until_it_is(site: Site) -> None:
    async with open_console(site) as visitor:
        file = visitor.console.settings.state_file
        folder = file.parent
        folder.rename(folder.with_name("away"))
        assert (await visitor.post("/login/link", {"token": visitor.token("anna")})).status == 500
        assert "console-state-not-kept" in present(visitor.console)
        folder.with_name("away").rename(folder)
        await visitor.log_in("anna")
        assert "console-state-not-kept" not in present(visitor.console)


def test_a_passkey_that_cannot_be_kept_does_not_count(tmp_path: Path) -> None:
    folder, told = tmp_path / "run", list[str]()
    state = ConsoleState.open(folder / "console.json")
    kept, more = (Passkey(id_, "anna", "00", 0, "phone", 1) for id_ in ("aa", "bb"))
    assert state.add_passkey(kept)
    state.tell = told.append
    folder.rename(tmp_path / "away")
    changes = (
        lambda: state.add_passkey(more),
        lambda: state.remove_passkey("anna", "aa"),
        lambda: state.count_use("aa", 7),
    )
    for change in changes:
        with pytest.raises(OSError, match="No such file"):
            change()
        assert state.passkeys_of("anna") == (kept,)
    (tmp_path / "away").rename(folder)
    assert state.add_passkey(more)
    assert told == ["No such file or directory"] * 3 + [""]
    assert ConsoleState.open(folder / "console.json").passkeys_of("anna") == (kept, more)


def tell(site: Site, name: str, state: str, **details: object) -> None:
    file = site.path.parent / "run" / f"{name}.status.json"
    StatusFile(file, lambda: Status(state, details), asyncio.Event()).write()


@pytest.mark.parametrize(
    ("told", "alarm", "table", "said", "good"),
    [
        ("indexer", "index-behind", INDEXER, {"behind": "7 entries", "stuck": "cannot index"}, "following"),
        ("follow", "copy-behind", FOLLOW, {"behind": "is behind", "forked": "is forked"}, "following"),
    ],
)
async def test_what_is_behind_or_silent_is_an_alarm_until_it_is_not(
    tmp_path: Path, told: str, alarm: str, table: Mapping[str, object], said: Mapping[str, str], good: str
) -> None:
    site = await make_console_site(tmp_path, **{told: table})
    async with open_console(site) as visitor:
        alarms = visitor.console.alarms
        look_after(site.settings, alarms)
        (silent,) = alarms.present()
        assert (silent["name"], "has not told its status yet" in str(silent["details"])) == (alarm, True)
        for state, words in said.items():
            tell(site, told, good)
            look_after(site.settings, alarms)
            assert alarms.present() == []
            tell(site, told, state, lag_entries=7)
            look_after(site.settings, alarms)
            (found,) = alarms.present()
            assert (found["name"], words in str(found["details"])) == (alarm, True)


async def test_without_an_indexer_and_a_feed_nothing_is_behind(site: Site, at_once: None) -> None:
    async with open_console(site) as visitor:
        task = asyncio.create_task(patrol(site.settings, visitor.console.alarms))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        assert visitor.console.alarms.times() == {}


async def test_check_up_and_the_overview_read_them_from_the_status_file(site: Site) -> None:
    async with open_console(site) as visitor:
        await visitor.log_in("anna")
        visitor.console.alarms.sound(AlarmName.INDEX_BEHIND, reason="the indexer is silent")
        file = visitor.console.settings.status_file
        StatusFile(file, visitor.console.describe, asyncio.Event()).write()
        assert file in alarm_files(site.settings)
        (found,) = find_alarms(*alarm_files(site.settings))
        assert str(found).startswith("ALARM index-behind (reason: the indexer is silent) at ")
        assert json.loads(file.read_text())["sessions"] == 1
        _, text = await visitor.get("/overview")
        assert "<strong>index-behind</strong>" in text
        await visitor.log_in("greta")
        assert "index-behind" not in (await visitor.get("/overview"))[1]


async def test_each_figure_is_documented_and_has_all_names_from_the_beginning(site: Site) -> None:
    async with open_console(site) as visitor:
        console = visitor.console
        text = console.metrics.expose(lambda: len(console.sessions), console.alarms).render()
        assert read_families(text) == read_documented(PREFIX)
        assert {name.value for name in AT_CONSOLE} <= read_labels(text)
        console.alarms.sound(AlarmName.PAGE_FAILED)
        text = console.metrics.expose(lambda: len(console.sessions), console.alarms).render()
        assert b'steelyard_console_alarm{name="page-failed"} 1.0' in text


def test_events_of_the_console_are_shown_for_a_day_and_states_until_they_end() -> None:
    assert set(AT_CONSOLE) - STATES == {AlarmName.LOGINS_REFUSED, AlarmName.PAGE_FAILED}
