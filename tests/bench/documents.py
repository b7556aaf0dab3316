"""What docs/ has of what was measured: all of it is written anew, so that no figure of before is left."""

from pathlib import Path

from tests.bench.report import render_markdown
from tests.bench.results import Results, store_results
from tests.bench.scaling import replace_table


def write_docs(docs: Path, kept: Results) -> None:
    """Write docs/benchmarks.md and .json, and the table of docs/scaling.md, which follows from them."""
    store_results(docs / "benchmarks.json", kept)
    (docs / "benchmarks.md").write_text(render_markdown(kept.values()), encoding="utf-8")
    scaling = docs / "scaling.md"
    scaling.write_text(replace_table(scaling.read_text("utf-8"), kept), encoding="utf-8")
