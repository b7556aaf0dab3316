"""What is wrong with a site, decided by facts alone (docs/operations.md, section 2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from components.archive.alarm_name import AT_CONSOLE, AlarmName
from components.site.doctor.facts import (
    CheckFacts,
    DiskFacts,
    ProcessFacts,
    SiteFacts,
)
from components.site.free_space import GIB, MIB, tell_free
from components.site.health import PresentAlarm

FREE_CRITICAL_BYTES, FREE_WARNING_BYTES = 256 * MIB, GIB
FREE_FILES_MIN = 10_000
DAYS_CRITICAL, DAYS_WARNING = 2.0, 14.0
OPEN_FILES_SHARE = 0.8
SETTLED_AFTER_S = 300.0
CLOCK_SLACK_S = 5.0
INDEX_SLACK_S = 5.0
HELD_SHARE = 0.5

_UNITS_READ_ANEW = "`systemd-tmpfiles --create`, and restart the units that show it"
_SET_CLOCK = (
    "timedatectl set-ntp true; if the clock is right now, it was ahead before, and this ends by itself"
)
_NOT_UP = "neither `steelyard up` nor a unit of systemd runs here: nothing is delivered"
# Without these nothing is delivered.
_SERVERS = ("prosody", "ejabberd")
_LINE = (*_SERVERS, "gate")


class Severity(StrEnum):
    """How bad it is: the line or the record is hurt now; something else is, or soon will be; good to know."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTE = "note"


_ORDER = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Ailment:
    """Something wrong: what it is about, how bad, what it is, and the command (or the act) that mends it."""

    about: str
    severity: Severity
    text: str
    remedy: str


def judge_site(facts: SiteFacts) -> list[Ailment]:
    """Return all that is wrong, the worst first."""
    found = [ailment for judge in _JUDGES for ailment in judge(facts)]
    return sorted(found, key=lambda each: _ORDER.index(each.severity))


def _judge_up(facts: SiteFacts) -> Iterator[Ailment]:
    if facts.up_for_s is None:
        for problem in facts.ports:
            yield Ailment("ports", Severity.CRITICAL, problem, "put it right, then `steelyard up`")
        remedy = "steelyard up, or `systemctl start steelyard.target`"
        yield Ailment("site", Severity.CRITICAL, _NOT_UP, remedy)


def _judge_processes(facts: SiteFacts) -> Iterator[Ailment]:
    if facts.up_for_s is None:
        return
    for process in facts.processes:
        if process.fault:
            yield _judge_fault(process, facts.by_units)
        elif process.age_s is not None and process.age_s < SETTLED_AFTER_S < facts.up_for_s:
            text = f"{process.title} started again {process.age_s:,.0f} s ago; the site is up for longer"
            yield Ailment(process.name, Severity.NOTE, text, f"see why: {_log(process, facts.by_units)}")
        elif _is_earlier(process, facts):
            text = (
                f"{process.title} runs since before Steelyard was installed here: it is the earlier version"
            )
            yield Ailment(process.name, Severity.WARNING, text, _start_anew(process, facts))
        if process.open_files_max and process.open_files > OPEN_FILES_SHARE * process.open_files_max:
            text = f"{process.title} has {process.open_files:,} files open, of {process.open_files_max:,} that it may"
            yield Ailment(
                process.name,
                Severity.WARNING,
                text,
                "raise LimitNOFILE of the unit, or `ulimit -n`, and start again",
            )


def _is_earlier(process: ProcessFacts, facts: SiteFacts) -> bool:
    ago_s = facts.installed_ago_s
    return process.age_s is not None and ago_s is not None and process.age_s > ago_s


def _start_anew(process: ProcessFacts, facts: SiteFacts) -> str:
    if facts.by_units:
        return f"systemctl restart steelyard-{process.name}"
    return (
        "stop and start `steelyard up`" if process.name in _SERVERS else f"steelyard restart {process.name}"
    )


def _log(process: ProcessFacts, by_units: bool) -> str:
    return f"`journalctl -u steelyard-{process.name}`" if by_units else f"{process.name}.log"


def _judge_fault(process: ProcessFacts, by_units: bool) -> Ailment:
    severity = Severity.CRITICAL if process.name in _LINE else Severity.WARNING
    remedy = f"see {_log(process, by_units)}"
    if process.name == "gate" or (process.name not in _LINE and "silent" in process.fault):
        restart = "systemctl restart steelyard-" if by_units else "steelyard restart "
        remedy += f", then `{restart}{process.name}`"
    return Ailment(process.name, severity, f"{process.title} {process.fault}", remedy)


def _judge_alarms(facts: SiteFacts) -> Iterator[Ailment]:
    for alarm in facts.alarms if facts.up_for_s is not None else ():
        of_the_line = alarm.name not in {*AT_CONSOLE, AlarmName.SCANNER_DOWN}
        severity = Severity.CRITICAL if of_the_line else Severity.WARNING
        yield Ailment("alarm", severity, _describe_alarm(alarm), f"docs/alarms.md, `{alarm.name}`")


def _describe_alarm(alarm: PresentAlarm) -> str:
    return str(alarm).removeprefix("ALARM ").partition("; docs/alarms.md")[0]


def _judge_disks(facts: SiteFacts) -> Iterator[Ailment]:
    for disk in facts.disks:
        if severity := _disk_severity(disk):
            yield Ailment(
                "disk", severity, _describe_disk(disk), "free space there, or move it to a larger disk"
            )
        if disk.free_files < FREE_FILES_MIN:
            text = f"{disk.holds}: room for {disk.free_files:,} more files only"
            yield Ailment("disk", Severity.WARNING, text, "remove small files there (`df -i`)")


def _disk_severity(disk: DiskFacts) -> Severity | None:
    days = days_left(disk)
    if disk.free_bytes < FREE_CRITICAL_BYTES or (days is not None and days < DAYS_CRITICAL):
        return Severity.CRITICAL
    if disk.free_bytes < FREE_WARNING_BYTES or (days is not None and days < DAYS_WARNING):
        return Severity.WARNING
    return None


def days_left(disk: DiskFacts) -> float | None:
    """Return how many days the space lasts at the last day's rate; None if nothing was written."""
    return disk.free_bytes / disk.grown_bytes if disk.grown_bytes > 0 else None


def _describe_disk(disk: DiskFacts) -> str:
    text = f"{disk.holds}: {tell_free(disk.free_bytes)}"
    days = days_left(disk)
    return text if days is None else f"{text}, which lasts {days:,.1f} days at the last day's rate"


def _judge_clock(facts: SiteFacts) -> Iterator[Ailment]:
    if facts.clock.behind_s > CLOCK_SLACK_S:
        text = f"the clock is {facts.clock.behind_s:,.0f} s behind the newest record"
        yield Ailment("clock", Severity.CRITICAL, text, _SET_CLOCK)
    if facts.clock.synchronised is False:
        text = "the system says that its clock is not synchronised; records bear its time"
        yield Ailment("clock", Severity.NOTE, text, "timedatectl set-ntp true")


def _judge_held(facts: SiteFacts) -> Iterator[Ailment]:
    held = facts.held
    if held.uncertain:
        text = f"{held.uncertain:,} held messages of which nobody knows whether they arrived"
        yield Ailment("review", Severity.WARNING, text, "steelyard review list")
    if not held.waiting:
        return
    text = f"{held.waiting:,} held messages wait, the oldest for {held.oldest_s / 60:,.0f} minutes"
    late = held.deadline_s > 0 and held.oldest_s > HELD_SHARE * held.deadline_s
    if late:
        text += f"; after {held.deadline_s / 60:,.0f} review.default decides"
    yield Ailment("review", Severity.WARNING if late else Severity.NOTE, text, "steelyard review list")


def _judge_certificates(facts: SiteFacts) -> Iterator[Ailment]:
    for fault in facts.certificates.faults:
        text = f"{fault.text}; no client connects with it" if fault.is_refused else fault.text
        severity = Severity.CRITICAL if fault.is_refused else Severity.WARNING
        anew = _UNITS_READ_ANEW if facts.by_units else "SIGHUP to `steelyard up`"
        yield Ailment("certificates", severity, text, f"{fault.remedy}; then {anew}")


def _judge_lag(facts: SiteFacts) -> Iterator[Ailment]:
    if facts.lag.index_s > INDEX_SLACK_S:
        text = f"the index is {facts.lag.index_entries:,} entries behind, for {facts.lag.index_s:,.0f} s"
        yield Ailment("index", Severity.WARNING, text, "steelyard audit index status")
    for fault in facts.lag.follow:
        yield Ailment("follow", Severity.WARNING, fault, "docs/feed.md, and follow.log")
    for fault in facts.lag.witness:
        yield Ailment("witness", Severity.WARNING, fault, "docs/witness.md, and witness.log")


def _judge_checks(facts: SiteFacts) -> Iterator[Ailment]:
    for check in facts.checks:
        yield _judge_check(check)


def _judge_check(check: CheckFacts) -> Ailment:
    severity = (
        Severity.CRITICAL if check.name in ("settings", "logs", *_SERVERS, "adapter") else Severity.WARNING
    )
    return Ailment(check.name, severity, check.text, "put it right, then `steelyard check`")


_JUDGES: tuple[Callable[[SiteFacts], Iterator[Ailment]], ...] = (
    _judge_up,
    _judge_processes,
    _judge_alarms,
    _judge_disks,
    _judge_clock,
    _judge_held,
    _judge_certificates,
    _judge_lag,
    _judge_checks,
)
