"""The gate's metrics for Prometheus (docs/metrics.md); they hold no address and no part of a stanza."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from components.archive.alarm import Alarms
from components.archive.alarm_name import AT_GATE, AlarmName
from components.gate.watch.numbers import FINDINGS

_OPEN_AT_END = "open-at-end"
_PREFIX = "steelyard_gate_"
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def _histogram(name: str, text: str) -> Histogram:
    return Histogram(_PREFIX + name, text, registry=None, buckets=_SECONDS)


@dataclass(slots=True)
class Metrics:
    """What the watching parts count and measure; a crash loses it, as Prometheus expects."""

    commit_seconds: Histogram = field(
        default_factory=lambda: _histogram("commit_seconds", "Duration of commits of submissions.")
    )
    canary_seconds: Histogram = field(
        default_factory=lambda: _histogram("canary_seconds", "Round trips of canaries.")
    )
    canaries_back: int = 0
    canaries_lost: int = 0
    canaries_unproved: int = 0
    turned_away: int = 0
    window_stanzas: int = 0
    numbers_missing: int = 0
    # By the alarm of each; None for what was lost with a server that ended.
    findings: dict[AlarmName | None, int] = field(default_factory=lambda: dict.fromkeys(FINDINGS, 0))


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric that is read when somebody asks. One that only rises is a counter, and its name ends in `_total`."""

    name: str
    text: str
    read: Callable[[], float]
    rises: bool = False


class Exposition(Collector):
    """All metrics of a gate, in Prometheus's text format: the measured ones, the alarms, and `figures`."""

    def __init__(self, metrics: Metrics, alarms: Alarms, figures: Sequence[Figure]) -> None:
        self._metrics = metrics
        self._alarms = alarms
        self._figures = (*figures, *_own_figures(metrics))
        self._registry = CollectorRegistry()
        for each in (metrics.commit_seconds, metrics.canary_seconds, self):
            self._registry.register(each)

    def render(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Return all metrics except the histograms (prometheus-client calls this)."""
        for figure in self._figures:
            family = CounterMetricFamily if figure.rises else GaugeMetricFamily
            yield family(_PREFIX + figure.name, figure.text, value=figure.read())
        yield from self._collect_findings()
        yield from self._collect_alarms()

    def _collect_findings(self) -> Iterator[Metric]:
        findings = CounterMetricFamily(
            f"{_PREFIX}reconcile_findings", "Problems found in the adapter's numbers.", labels=["kind"]
        )
        for alarm, times in self._metrics.findings.items():
            findings.add_metric([alarm.value if alarm else _OPEN_AT_END], times)
        yield findings

    def _collect_alarms(self) -> Iterator[Metric]:
        times = CounterMetricFamily(f"{_PREFIX}alarms", "How often each alarm was raised.", labels=["name"])
        present = GaugeMetricFamily(f"{_PREFIX}alarm", "Whether an alarm is present.", labels=["name"])
        now = {str(each["name"]) for each in self._alarms.present()}
        raised = self._alarms.times()
        for name in AT_GATE:
            times.add_metric([name.value], raised.get(name, 0))
            present.add_metric([name.value], name.value in now)
        yield times
        yield present


def _own_figures(metrics: Metrics) -> tuple[Figure, ...]:
    return (
        Figure("canaries_back", "Canaries that came back.", lambda: metrics.canaries_back, True),
        Figure(
            "canaries_lost", "Canaries that did not come back in time.", lambda: metrics.canaries_lost, True
        ),
        Figure(
            "canaries_unproved",
            "Canaries whose record was not in the log as it should be.",
            lambda: metrics.canaries_unproved,
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
        Figure("window_stanzas", "Numbers in the adapter's window.", lambda: metrics.window_stanzas),
    )
