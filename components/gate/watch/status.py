"""The content of the gate's status file, which tells a supervisor whether the line records."""

from components.archive.alarm import Alarms
from components.gate.service import Gate
from components.process.status import Status


def describe_gate(gate: Gate, alarms: Alarms) -> Status:
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
    }
    return Status(state, details)
