"""What the doctor knows of a site: plain values, taken in one look."""

from dataclasses import dataclass

from components.site.certificate_check import CertificateFault
from components.site.health import PresentAlarm


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """A process of the site. `fault` is what is wrong, in words that follow its title; `age_s` is None if unknown."""

    name: str
    title: str
    fault: str = ""
    age_s: float | None = None
    open_files: int = 0
    open_files_max: int = 0


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """A file system, by what lies on it; `grown_bytes` is what was written there in the last day."""

    holds: str
    free_bytes: int
    free_files: int
    grown_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """The clock: whether the system says that it is synchronised (None: it does not say), and how far it is behind.

    `behind_s` is how much later the newest record is than now.
    """

    synchronised: bool | None = None
    behind_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HeldFacts:
    """Messages that wait for a reviewer, for how long the oldest has, and until when one may; and uncertain ones."""

    waiting: int = 0
    oldest_s: float = 0.0
    deadline_s: float = 0.0
    uncertain: int = 0


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What is wrong with the certificates that the site shows, and days until the first expires (None: unknown)."""

    faults: tuple[CertificateFault, ...] = ()
    days: float | None = None


@dataclass(frozen=True, slots=True)
class LagFacts:
    """How far the indexer is behind the logs; and what the follower and the witness name, a line for each."""

    index_entries: int = 0
    index_s: float = 0.0
    follow: tuple[str, ...] = ()
    witness: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """A finding of `steelyard check` that says what is wrong."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """All of it. `up_for_s` is None if the site is not up; then nothing is known of its processes.

    `by_units` says that no `steelyard up` runs them, but systemd, each by a unit of its own. `ports` says of each port
    of a site that is not up why it cannot have it. `installed_ago_s` is since when Steelyard's program is as it is.
    """

    up_for_s: float | None
    by_units: bool = False
    processes: tuple[ProcessFacts, ...] = ()
    alarms: tuple[PresentAlarm, ...] = ()
    disks: tuple[DiskFacts, ...] = ()
    clock: ClockFacts = ClockFacts()
    held: HeldFacts = HeldFacts()
    certificates: CertificateFacts = CertificateFacts()
    lag: LagFacts = LagFacts()
    checks: tuple[CheckFacts, ...] = ()
    ports: tuple[str, ...] = ()
    installed_ago_s: float | None = None
