"""The figures: each is documented, none has a label that could hold an address, and all of them are served."""

import asyncio
import socket
from typing import Any

import pytest

from components.archive.alarm import Alarms
from components.archive.alarm_name import AT_GATE, AlarmName
from components.gate.watch.figures import figures_of
from components.gate.watch.metrics import Metrics, expose
from components.process.metrics import Exposition, serve_metrics
from policy.review import Stage
from tests.support.figures import fetch_figures, read_documented, read_families, read_labels
from tests.support.ports import free_port
from tests.unit.gate.fakes import KeptRecords


class Anything:
    """A gate, queue and patrol at once, of which every figure is 3."""

    counters = journal = line = property(lambda self: self)

    def __getattr__(self, name: str) -> int:
        return 3

    def count(self, stage: Stage) -> int:
        return 3


@pytest.fixture
def exposition() -> Exposition:
    """All figures of a gate."""
    anything: Any = Anything()
    return expose(Metrics(), Alarms(KeptRecords()), figures_of(anything, anything, anything))


def test_each_is_documented_with_its_kind_and_its_label(exposition: Exposition) -> None:
    served = read_families(exposition.render())
    assert served == read_documented("steelyard_gate_")


def test_labels_are_names_of_ours(exposition: Exposition) -> None:
    values = read_labels(exposition.render())
    assert values == {*AT_GATE, "open-at-end"}


async def test_they_are_served_on_the_loopback_address_only() -> None:
    alarms = Alarms(KeptRecords())
    exposition = expose(Metrics(), alarms, ())
    alarms.sound(AlarmName.LINK_DOWN)
    port = free_port()
    async with serve_metrics(exposition.render, port):
        figures = await fetch_figures(port)
        assert figures['steelyard_gate_alarm{name="link-down"}'] == 1
        assert figures['steelyard_gate_alarm{name="not-recording"}'] == 0
        assert figures['steelyard_gate_alarms_total{name="link-down"}'] == 1
        alarms.end(AlarmName.LINK_DOWN)
        assert (await fetch_figures(port))['steelyard_gate_alarm{name="link-down"}'] == 0
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()
        with socket.socket() as probe:
            probe.bind(("127.0.0.2", port))  # nobody listens there
            probe.listen()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


async def test_port_0_serves_nothing() -> None:
    async with serve_metrics(bytes, 0):
        pass
