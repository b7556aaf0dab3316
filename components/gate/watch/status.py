"""The content of the gate's status file, which tells a supervisor whether the line records."""

from components.archive.alarm import Alarms
from components.gate.review.queue import ReviewQueue
from components.gate.service import Gate
from components.process.status import Status
from policy.review import Item, ItemKind, Stage


def describe_gate(gate: Gate, alarms: Alarms, queue: ReviewQueue) -> Status:
    """Return what the status file says."""
    state = "disconnected" if not gate.line.is_connected else "connected" if gate.commits else "not recording"
    counters = gate.counters
    details = {
        "rules": gate.decider.rules.digest,
        "mode": "observe" if gate.decider.observes else "enforce",
        "records": gate.journal.size,
        "recorded": counters.recorded,
        "refused": counters.refused,
        "repeated": counters.repeated,
        "batches": counters.batches,
        "failed_commits": counters.failed_commits,
        "alarms": alarms.present(),
        "held": describe_queue(queue),
    }
    return Status(state, details)


def describe_queue(queue: ReviewQueue) -> dict[str, int]:
    """Return how many held messages wait for a reviewer, since when the oldest does, and how many are uncertain.

    The time is Unix time in nanoseconds, and 0 where none waits.
    """
    waiting = [item.held_at_ns for item in queue.items if _waits(item)]
    return {
        "waiting": len(waiting),
        "oldest_at_ns": min(waiting, default=0),
        "uncertain": queue.count(Stage.UNCERTAIN),
    }


def _waits(item: Item) -> bool:
    return item.stage is Stage.WAITING and item.kind is ItemKind.MESSAGE
