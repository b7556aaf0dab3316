"""The follower's figures for Prometheus (docs/metrics.md)."""

from collections.abc import Callable, Mapping
from typing import Any

from components.process.metrics import Exposition, Figure
from components.process.status import Status

PREFIX = "steelyard_follow_"


def make_figures(describe: Callable[[], Status]) -> Exposition:
    """Return the metrics of the follower, which are what its status says."""

    def details(name: str) -> Mapping[str, float]:
        found: Any = describe().details.get(name, {})
        return {str(key): float(value) for key, value in found.items()}

    def is_state(state: str) -> float:
        return float(describe().state == state)

    return Exposition(
        PREFIX,
        [
            Figure("records", "Records of a log that are here.", lambda: details("logs"), label="log"),
            Figure("files", "Files by whether they are here.", lambda: details("files"), label="state"),
            Figure("behind", "1 while not all that the feed has is here.", lambda: is_state("behind")),
            Figure("forked", "1 while a log was set back or rewritten.", lambda: is_state("forked")),
        ],
    )
