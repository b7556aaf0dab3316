"""Metrics of a process, and how Prometheus reads them (docs/metrics.md); none holds an address or what was said."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

METRICS_ADDRESS = "127.0.0.1"
"""The address for metrics. To read them from another machine, put a proxy with a login in front."""

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric that is read when somebody asks. One that only rises is a counter, and its name ends in `_total`.

    With a `label` it is one value for each of the label's, which are names of ours.
    """

    name: str
    text: str
    read: Callable[[], float | Mapping[str, float]]
    rises: bool = False
    label: str = ""


def seconds_histogram(name: str, text: str) -> Histogram:
    """Return a histogram of durations, with the whole of its name."""
    return Histogram(name, text, registry=None, buckets=_SECONDS)


class Exposition(Collector):
    """All metrics of a process, in Prometheus's text format: `figures`, whose names get a prefix, and histograms."""

    def __init__(self, prefix: str, figures: Sequence[Figure], histograms: Sequence[Histogram] = ()) -> None:
        self._prefix = prefix
        self._figures = tuple(figures)
        self._registry = CollectorRegistry()
        for each in (*histograms, self):
            self._registry.register(each)

    def render(self) -> bytes:
        """Return all metrics as text."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Return all metrics except the histograms (prometheus-client calls this)."""
        for figure in self._figures:
            family = CounterMetricFamily if figure.rises else GaugeMetricFamily
            labels = [figure.label] if figure.label else []
            metric = family(self._prefix + figure.name, figure.text, labels=labels)
            read = figure.read()
            for value, number in (read if isinstance(read, Mapping) else {"": read}).items():
                metric.add_metric([value] if figure.label else [], number)
            yield metric


@asynccontextmanager
async def serve_metrics(render: Callable[[], bytes], port: int) -> AsyncIterator[None]:
    """Serve what `render` returns, in Prometheus's text format, as `/metrics` while in this context.

    Port 0 serves nothing. Raises OSError when the port is in use.
    """
    if not port:
        yield
        return
    from aiohttp import web

    from components.process.http import serve_http

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=render(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.router.add_get("/metrics", answer)
    async with serve_http(application, METRICS_ADDRESS, port):
        yield
