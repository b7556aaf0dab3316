"""Serves the metrics of a process to Prometheus."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client.exposition import CONTENT_TYPE_LATEST

METRICS_ADDRESS = "127.0.0.1"
"""The address for metrics. To read them from another machine, put a proxy with a login in front."""


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
