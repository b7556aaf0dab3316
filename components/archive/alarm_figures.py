"""The metrics of a process's alarms (docs/metrics.md)."""

from collections.abc import Sequence

from components.archive.alarm import Alarms
from components.archive.alarm_name import AlarmName
from components.process.metrics import Figure


def alarm_figures(alarms: Alarms, names: Sequence[AlarmName]) -> tuple[Figure, ...]:
    """Return how often each of these alarms was raised, and which of them are present."""

    def count() -> dict[str, float]:
        raised = alarms.times()
        return {name.value: raised.get(name, 0) for name in names}

    def list_present() -> dict[str, float]:
        now = {str(each["name"]) for each in alarms.present()}
        return {name.value: name.value in now for name in names}

    return (
        Figure("alarms", "How often each alarm was raised.", count, True, "name"),
        Figure("alarm", "Whether an alarm is present.", list_present, label="name"),
    )
