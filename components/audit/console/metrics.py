"""What the console counts and measures, for Prometheus (docs/metrics.md)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from prometheus_client import Histogram

from components.archive.alarm import Alarms
from components.archive.alarm_figures import alarm_figures
from components.archive.alarm_name import AT_CONSOLE
from components.process.metrics import Exposition, Figure, seconds_histogram

PREFIX = "steelyard_console_"
WAYS = ("link", "passkey", "oidc")


@dataclass(slots=True)
class ConsoleMetrics:
    """Counts since the start, which a restart loses, as Prometheus expects."""

    logins: dict[str, float] = field(default_factory=lambda: dict.fromkeys(WAYS, 0))
    refused: dict[str, float] = field(default_factory=lambda: dict.fromkeys(WAYS, 0))
    failed: int = 0
    page_seconds: Histogram = field(
        default_factory=lambda: seconds_histogram(
            PREFIX + "page_seconds", "From a request to its answer, without static files."
        )
    )

    def expose(self, count_sessions: Callable[[], int], alarms: Alarms) -> Exposition:
        """Return all metrics."""
        figures = (
            Figure("logins_total", "Logins, by way.", lambda: self.logins, rises=True, label="way"),
            Figure("logins_refused_total", "Refused logins, by way.", lambda: self.refused, True, "way"),
            Figure(
                "failed_total",
                "Requests answered with a fault of the console or a log.",
                lambda: self.failed,
                True,
            ),
            Figure("sessions", "Sessions that go on.", count_sessions),
            *alarm_figures(alarms, AT_CONSOLE),
        )
        return Exposition(PREFIX, figures, (self.page_seconds,))
