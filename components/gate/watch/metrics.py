"""The gate's figures for Prometheus (docs/metrics.md); no address and nothing of a stanza is among them."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from components.gate.watch.alarm import AlarmName, Alarms
from components.gate.watch.numbers import FindingKind
from components.settings.gate import METRICS_ADDRESS

_PREFIX = "steelyard_gate_"
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

Source = tuple[str, str, Callable[[], float]]
"""A figure that is read when somebody asks: its name, what it is, where it comes from."""


class Metrics:
    """What the gate counts and measures since it started, and what it reads elsewhere when asked."""

    def __init__(self, alarms: Alarms) -> None:
        self.registry = CollectorRegistry()
        self.commit_seconds = self._histogram("commit_seconds", "Duration of commits of submissions.")
        self.canary_seconds = self._histogram("canary_seconds", "Round trips of canaries.")
        self.canaries_back = self.canaries_lost = self.canaries_unproved = 0
        self.turned_away = 0
        self.window_stanzas = 0
        self.findings = dict.fromkeys(FindingKind, 0)
        self.numbers_missing = 0
        self._counters: list[Source] = []
        self._gauges: list[Source] = []
        self.registry.register(_Collector(self, alarms))

    def count(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a figure that only rises; its name gets the ending `_total`."""
        self._counters.append((name, text, read))

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a figure that rises and falls."""
        self._gauges.append((name, text, read))

    def render(self) -> bytes:
        """Give all figures in Prometheus's text format."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """Give the figures that are read when asked."""
        for name, text, read in (*self._own_counters(), *self._counters):
            yield CounterMetricFamily(_PREFIX + name, text, value=read())
        for name, text, read in self._gauges:
            yield GaugeMetricFamily(_PREFIX + name, text, value=read())
        findings = CounterMetricFamily(
            f"{_PREFIX}reconcile_findings", "What did not add up in the adapter's numbers.", labels=["kind"]
        )
        for kind, times in self.findings.items():
            findings.add_metric([kind.value], times)
        yield findings

    def _own_counters(self) -> Iterable[Source]:
        return (
            ("canaries_back", "Canaries that came back.", lambda: self.canaries_back),
            ("canaries_lost", "Canaries that did not come back in time.", lambda: self.canaries_lost),
            (
                "canaries_unproved",
                "Canaries whose record was not in the log as it should be.",
                lambda: self.canaries_unproved,
            ),
            ("turned_away", "Stanzas that the server turned away unnumbered.", lambda: self.turned_away),
            (
                "reconcile_numbers_missing",
                "Numbers of the adapter's that never came.",
                lambda: self.numbers_missing,
            ),
        )

    def _histogram(self, name: str, text: str) -> Histogram:
        return Histogram(_PREFIX + name, text, registry=self.registry, buckets=_SECONDS)


class _Collector(Collector):
    def __init__(self, metrics: Metrics, alarms: Alarms) -> None:
        self._metrics = metrics
        self._alarms = alarms

    def collect(self) -> Iterator[Metric]:
        """Give all figures but the histograms (prometheus-client calls this)."""
        yield from self._metrics.collect()
        times = CounterMetricFamily(f"{_PREFIX}alarms", "How often each alarm was raised.", labels=["name"])
        present = GaugeMetricFamily(f"{_PREFIX}alarm", "Whether an alarm is present.", labels=["name"])
        now = {str(each["name"]) for each in self._alarms.present()}
        raised = self._alarms.times()
        for name in AlarmName:
            times.add_metric([name.value], raised.get(name, 0))
            present.add_metric([name.value], name.value in now)
        yield times
        yield present


@asynccontextmanager
async def serve_metrics(metrics: Metrics, port: int) -> AsyncIterator[None]:
    """Serve `/metrics` on the loopback address while in this context; port 0 serves nothing.

    Raises OSError when the port is in use.
    """
    if not port:
        yield
        return
    from aiohttp import web

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, METRICS_ADDRESS, port).start()
        yield
    finally:
        await runner.cleanup()
