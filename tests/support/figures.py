"""The gate's figures, read as Prometheus reads them."""

import asyncio
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from tests.support.process import PATIENCE_S


async def fetch_figures(port: int) -> dict[str, float]:
    """Fetch all samples, by name and labels as in `steelyard_gate_alarm{name="link-down"}`."""

    def fetch() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
            return str(answer.read(), "utf-8")

    samples: dict[str, float] = {}
    for family in text_string_to_metric_families(await asyncio.to_thread(fetch)):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            samples[sample.name + (f"{{{labels}}}" if labels else "")] = sample.value
    return samples
