"""The metrics that the gate and its parts report when Prometheus asks (docs/metrics.md)."""

from components.gate.review.queue import ReviewQueue
from components.gate.service import Gate
from components.gate.watch.patrol import Patrol
from components.process.metrics import Figure
from policy.review import Stage


def figures_of(gate: Gate, queue: ReviewQueue, patrol: Patrol) -> tuple[Figure, ...]:
    """Return the metrics of a gate that are read when Prometheus asks."""
    counters = gate.counters
    return (
        Figure("recorded", "Submissions recorded.", lambda: counters.recorded, True),
        Figure("refused", "Submissions refused.", lambda: counters.refused, True),
        Figure("repeated", "Submissions answered from the log.", lambda: counters.repeated, True),
        Figure("batches", "Batches answered.", lambda: counters.batches, True),
        Figure("failed_commits", "Commits that failed.", lambda: counters.failed_commits, True),
        Figure("records", "Records in the log.", lambda: gate.journal.size),
        Figure("pending", "Submissions that wait for a commit.", lambda: gate.pending),
        Figure("checkpoint_age_seconds", "Age of the newest checkpoint.", lambda: patrol.checkpoint_age_s),
        Figure("connected", "1 while the server has accepted the gate.", lambda: gate.line.is_connected),
        Figure("recording", "1 if the last commit succeeded.", lambda: gate.commits),
        Figure("held", "Messages that wait for a reviewer.", lambda: queue.count(Stage.WAITING)),
        Figure("uncertain", "Held messages that may have arrived.", lambda: queue.count(Stage.UNCERTAIN)),
    )
