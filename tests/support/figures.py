"""The figures of a process, read as Prometheus reads them, and as docs/metrics.md names them."""

import asyncio
import re
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.process import PATIENCE_S

_DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
_ROW = re.compile(r"^\| `(?P<name>\w+)(\{(?P<label>\w+)\})?` \| (?P<kind>\w+) \| .{10,} \|$", re.MULTILINE)


def read_documented(prefix: str) -> set[tuple[str, str, str]]:
    """Read which metrics with this prefix are documented: names without `_total`, kinds, labels."""
    rows = [row for row in _ROW.finditer(_DOCUMENT.read_text()) if row["name"].startswith(prefix)]
    assert all(row["name"].endswith("_total") == (row["kind"] == "counter") for row in rows)
    return {(row["name"].removesuffix("_total"), row["kind"], row["label"] or "") for row in rows}


def read_families(text: bytes) -> set[tuple[str, str, str]]:
    """Read which metrics a process serves: names without `_total`, kinds, labels; each is a number from 0 on."""
    served = set()
    for family in text_string_to_metric_families(text.decode()):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert len(labels) <= 1
        assert all(sample.value >= 0 for sample in family.samples)
        if not family.name.endswith("_created"):
            served.add((family.name, family.type, "".join(labels)))
    return served


def read_labels(text: bytes) -> set[str]:
    """Read all values of labels, but for the bounds of histograms."""
    return {
        value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        for label, value in sample.labels.items()
        if label != "le"
    }


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
