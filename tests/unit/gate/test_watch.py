"""What the gate makes of an adapter that is missing, and of hosts on which it is not loaded."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.gate.watch import watch as watch_module
from components.gate.watch.metrics import Metrics
from components.gate.watch.watch import Watch
from components.link.codec import Status
from tests.support.process import wait_until
from tests.unit.gate.fakes import KeptRecords, status


def unheld(*hosts: str) -> Status:
    return dataclasses.replace(status(1, 1, 1), unheld=hosts)


@pytest.fixture
def alarms() -> Alarms:
    return Alarms(KeptRecords())


@pytest.fixture
async def watch(alarms: Alarms, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    monkeypatch.setattr(watch_module, "_ADAPTER_MISSING_S", 0.0)
    monkeypatch.setattr(watch_module, "_INTERVAL_S", 0.001)
    watch = Watch(alarms, Metrics())
    task = asyncio.create_task(watch.run())
    yield watch
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def names(alarms: Alarms) -> list[object]:
    return [each["name"] for each in alarms.present()]


def test_hosts_that_are_not_held_are_named_as_they_change(alarms: Alarms) -> None:
    watch = Watch(alarms, Metrics())
    told = []
    for hosts in ((), ("a.example",), ("a.example",), ("a.example", "b.example"), ("b.example",), ()):
        watch.took([unheld(*hosts)])
        told.append([each["details"] for each in alarms.present()])
    assert told == [
        [],
        [{"hosts": "a.example"}],
        [{"hosts": "a.example"}],
        [{"hosts": "a.example b.example"}],
        [{"hosts": "b.example"}],
        [],
    ]
    assert alarms.times() == {AlarmName.HOST_UNHELD: 3}


def test_uploads_of_the_server_are_named_as_they_change(alarms: Alarms) -> None:
    watch = Watch(alarms, Metrics())
    told = []
    for uploads in ((), ("a.example/proxy65",), ("a.example/proxy65",), ("b.example/http_file_share",), ()):
        watch.took([dataclasses.replace(status(1, 1, 1), uploads=uploads)])
        told.append([each["details"] for each in alarms.present()])
    modules = [[{"modules": "a.example/proxy65"}]] * 2 + [[{"modules": "b.example/http_file_share"}]]
    assert told == [[], *modules, []]
    assert alarms.times() == {AlarmName.UPLOAD_UNRECORDED: 2}


async def test_a_server_without_an_adapter_is_an_alarm_until_one_speaks(watch: Watch, alarms: Alarms) -> None:
    watch.connected()
    assert await wait_until(lambda: names(alarms) == [AlarmName.ADAPTER_MISSING])
    watch.disconnected()
    watch.connected()
    assert AlarmName.ADAPTER_MISSING in names(alarms)
    watch.took([unheld()])
    assert names(alarms) == []
    await asyncio.sleep(0.01)
    assert names(alarms) == []
