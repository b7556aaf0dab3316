"""A pause is the longest time between two arrivals of the measured phase."""

from array import array

import pytest

from tests.bench.offer import Offered, Phase
from tests.bench.restart import find_pause_ms

MS = 1_000_000


@pytest.mark.parametrize(
    ("arrived_ms", "pause_ms"),
    [
        ([], 0.0),
        ([100], 0.0),
        ([100, 101, 140, 141], 39.0),
        ([140, 100, 101], 39.0),  # by two connections
        ([1, 100, 103, 250, 900], 3.0),  # what is of another phase does not count
    ],
)
def test_it_is_found(arrived_ms: list[int], pause_ms: float) -> None:
    arrived_ns = array("q", [at * MS for at in arrived_ms])
    phases = (Phase(0, 50 * MS, 0, 0, 0.0), Phase(50 * MS, 200 * MS, 0, 0, 0.0))
    offered = Offered(phases, 0, 0, 0, 0, 0, arrived_ns, array("q", [0] * len(arrived_ns)), {})
    assert find_pause_ms(offered) == pause_ms
