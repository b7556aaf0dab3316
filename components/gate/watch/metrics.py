"""What the gate's watching parts count and measure, for Prometheus (docs/metrics.md)."""

from dataclasses import dataclass, field

from prometheus_client import Histogram

from components.archive.alarm import Alarms
from components.archive.alarm_figures import alarm_figures
from components.archive.alarm_name import AT_GATE, AlarmName
from components.gate.watch.numbers import FINDINGS
from components.process.metrics import Exposition, Figure, seconds_histogram

_OPEN_AT_END = "open-at-end"
_PREFIX = "steelyard_gate_"


def _histogram(name: str, text: str) -> Histogram:
    return seconds_histogram(_PREFIX + name, text)


@dataclass(slots=True)
class CanaryCounts:
    """How canaries ended: they came back, did not in time, or their record was not as it should be."""

    back: int = 0
    lost: int = 0
    unproved: int = 0


@dataclass(slots=True)
class Metrics:
    """What the watching parts count and measure; a crash loses it, as Prometheus expects."""

    commit_seconds: Histogram = field(
        default_factory=lambda: _histogram("commit_seconds", "Duration of commits of submissions.")
    )
    canary_seconds: Histogram = field(
        default_factory=lambda: _histogram("canary_seconds", "Round trips of canaries.")
    )
    canaries: CanaryCounts = field(default_factory=CanaryCounts)
    turned_away: int = 0
    window_stanzas: int = 0
    numbers_missing: int = 0
    # By the alarm of each; None for what was lost with a server that ended.
    findings: dict[AlarmName | None, int] = field(default_factory=lambda: dict.fromkeys(FINDINGS, 0))


def expose(metrics: Metrics, alarms: Alarms, figures: tuple[Figure, ...]) -> Exposition:
    """Return all metrics of a gate: the measured ones, the alarms, and `figures`."""
    all_figures = (*figures, *_own_figures(metrics), *alarm_figures(alarms, AT_GATE))
    return Exposition(_PREFIX, all_figures, (metrics.commit_seconds, metrics.canary_seconds))


def _own_figures(metrics: Metrics) -> tuple[Figure, ...]:
    def count_findings() -> dict[str, float]:
        return {alarm.value if alarm else _OPEN_AT_END: times for alarm, times in metrics.findings.items()}

    return (
        Figure("canaries_back", "Canaries that came back.", lambda: metrics.canaries.back, True),
        Figure(
            "canaries_lost", "Canaries that did not come back in time.", lambda: metrics.canaries.lost, True
        ),
        Figure(
            "canaries_unproved",
            "Canaries whose record was not in the log as it should be.",
            lambda: metrics.canaries.unproved,
            True,
        ),
        Figure(
            "turned_away",
            "Stanzas that the server refused before it numbered them.",
            lambda: metrics.turned_away,
            True,
        ),
        Figure(
            "reconcile_numbers_missing",
            "Numbers of the adapter that never arrived.",
            lambda: metrics.numbers_missing,
            True,
        ),
        Figure(
            "reconcile_findings", "Problems found in the adapter's numbers.", count_findings, True, "kind"
        ),
        Figure("window_stanzas", "Numbers in the adapter's window.", lambda: metrics.window_stanzas),
    )
