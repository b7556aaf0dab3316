"""What a crowd and a standby that takes over are told by: figures of whole rounds, and limits that are said."""

import resource
from array import array

import pytest

from tests.bench.crowd import _figures, _many_files, _Run, _State
from tests.bench.errors import BenchError
from tests.bench.failover import CRASHED, _Failover
from tests.bench.failover import _figures as failover_figures
from tests.bench.figures import Figure
from tests.bench.offer import Offered, Phase
from tests.bench.set_ups import GATE, PROSODY

MS = 1_000_000
PEOPLE = 1_000


def offered(latency_ms: int) -> Offered:
    """Ten messages of the measured phase, each of which took that long."""
    arrived = array("q", [(200 + number + latency_ms) * MS for number in range(10)])
    phases = (Phase(0, 100 * MS, 0, 0, 0.0), Phase(100 * MS, 300 * MS, 10, 0, 0.0))
    return Offered(phases, 10, 0, 0, 0, 0, arrived, array("q", [latency_ms * MS] * 10), {})


def state(memory_mib: float, cpu_s: float, log_bytes: int, records: int) -> _State:
    """The same of the server and of the gate."""
    return _State({PROSODY: memory_mib, GATE: memory_mib}, {PROSODY: cpu_s, GATE: cpu_s}, log_bytes, records)


def run(came_s: float, grown_mib: float) -> _Run:
    """A round in which the crowd came in so long, and took so much memory."""
    return _Run(
        offered(2),
        offered(4),
        came_s,
        state(50.0, 10.0, 1_000_000, 100),
        state(50.0 + grown_mib, 12.0, 2_000_000, 2_100),
        state(50.0 + grown_mib, 13.0, 2_070_000, 2_200),
        {},
    )


def by_name(figures: list[Figure]) -> dict[str, float]:
    return {figure.what: figure.value for figure in figures}


def test_a_crowd_is_told_by_what_each_of_it_takes() -> None:
    found = by_name(list(_figures(PEOPLE, [run(5.0, 10.0), run(10.0, 20.0), run(20.0, 30.0)])))
    assert found["online at once"] == PEOPLE
    assert found["came online"] == PEOPLE / 10
    for name in (PROSODY, GATE):
        assert found[f"{name}: CPU for each that comes"] == pytest.approx(2.0)
        assert found[f"{name}: memory for each that is online"] == pytest.approx(20 * 1024 / PEOPLE)
        assert found[f"{name}: memory with all online"] == 70
    assert found["p50 at 500 messages/s, with few online"] == 2
    assert found["p99 at 500 messages/s, with all online"] == 4
    assert found["the log's bytes for a record, of short messages"] == 700
    assert found["records for each that comes"] == 2


def test_files_that_a_process_may_not_have_open_are_said_before_it_begins() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(BenchError, match="ulimit -Hn"), _many_files(hard + 1):
        pytest.fail("it began")
    with _many_files(min(soft + 1, hard)):
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(soft + 1, hard)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)


def test_a_take_over_is_told_with_and_without_the_promotion() -> None:
    runs = [_Failover(0.2, 0.3), _Failover(0.4, 0.9), _Failover(0.3, 0.4)]
    found = by_name(list(failover_figures(CRASHED, runs, 5.0)))
    assert found[f"{CRASHED}: the standby is promoted after"] == 0.3
    assert found[f"{CRASHED}: the line stands still for"] == 0.4
    assert found[f"{CRASHED}: of that, once it is promoted"] == pytest.approx(0.1)
    assert not failover_figures(CRASHED, runs, 0.3)[1].is_met
