"""The indexer's figures for Prometheus (docs/metrics.md)."""

from components.audit.indexer.progress import IndexerProgress
from components.process.metrics import Exposition, Figure

PREFIX = "steelyard_indexer_"


def make_figures(progress: IndexerProgress) -> Exposition:
    """Return the metrics of the indexer."""
    return Exposition(
        PREFIX,
        [
            Figure(
                "lag_entries", "Entries of the logs that are not indexed yet.", lambda: progress.lag_entries
            ),
            Figure("lag_seconds", "For how long something has not been indexed yet.", lambda: progress.lag_s),
            Figure("records_total", "Entries indexed since the start.", lambda: progress.records, rises=True),
            Figure("entries", "Entries of a log that are indexed.", lambda: progress.indexed, label="log"),
            Figure(
                "stuck", "1 while it cannot go on, as its status file says.", lambda: bool(progress.fault)
            ),
        ],
    )
