"""The report: what was verified, and everything that is wrong."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MAX_PROBLEMS = 1000
MAX_SHOWN_RANGES = 10


@dataclass(frozen=True, slots=True)
class Range:
    """Records that are not simply VALID: the `count` records of this retention class from first to last.

    `retention_class` is 0 for the log's own records, None if the leaf is unreadable; `order` is the id of the order by
    which they are HELD or SHREDDED.
    """

    state: str
    retention_class: int | None
    first: int
    last: int
    count: int
    order: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem; `index` is its record, or its first record."""

    kind: str
    index: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What a witness cosigned: `count` checkpoints, the last one with `size` records at `time_s` (Unix time)."""

    name: str
    count: int
    size: int
    time_s: int


@dataclass(frozen=True, slots=True)
class SealedTo:
    """A key that opens so many `segments` that are still there, from the `first` to the `last`."""

    name: str
    key_id: str
    segments: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was verified: `size` records under `checkpoint` (the signed text), and everything that is wrong.

    `pending` further records have no checkpoint yet. `states` counts the records under the checkpoint, and is empty if
    there were no payloads to check; `ranges` names those that are not VALID, except `ranges_left_out`. `checkpoints`
    is how many the log agrees with; `unchecked` says what could not be checked. `blobs` are the files that a record
    names and that are stored as they were put, if they were looked at. `recipients` are all who can open a record.
    """

    size: int
    checkpoint: str
    problems: tuple[Problem, ...]
    pending: int = 0
    checkpoints: int = 0
    states: Mapping[str, int] = field(default_factory=dict)
    ranges: tuple[Range, ...] = ()
    ranges_left_out: int = 0
    witnesses: tuple[Witnessed, ...] = ()
    unchecked: tuple[str, ...] = ()
    blobs: int = 0
    recipients: tuple[SealedTo, ...] = ()

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong."""
        return not self.problems


class UsageError(Exception):
    """There is no log to verify, it cannot be fetched, or there is no key to verify it with."""


class Findings:
    """The problems found so far; those beyond a thousand are only counted."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._uncounted = 0

    def add(self, kind: str, index: int | None, detail: str) -> None:
        """Note a problem."""
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(kind, index, detail))
        else:
            self._uncounted += 1

    def problems(self) -> tuple[Problem, ...]:
        """Return the problems in the order in which they were found."""
        if not self._uncounted:
            return tuple(self._problems)
        return (*self._problems, Problem("more", None, f"and {self._uncounted} more problems"))


def render_report(report: Report) -> str:
    """Return a report as text for people."""
    lines = [f"{report.size:,} records under this checkpoint:"]
    lines += [f"  {line}" for line in report.checkpoint.splitlines()] or ["  none"]
    lines += describe_report(report)
    for problem in report.problems:
        about = "" if problem.index is None else f"record {problem.index}: "
        lines.append(f"{problem.kind}: {about}{problem.detail}")
    lines.append(conclude(report.problems))
    return "\n".join(lines)


def conclude(problems: Sequence[Problem]) -> str:
    """Return the last line of a report: whether all is as it should be."""
    if not problems:
        return "All of it verified."
    return f"NOT verified: {len(problems)} problem{'s' if len(problems) > 1 else ''}, named above."


def explain_fault(error: Exception) -> str:
    """Return why something cannot be read, without how Python says it."""
    match error:
        case OSError():
            return f"{Path(error.filename or 'a file').name} cannot be read ({(error.strerror or 'fault').lower()})"
        case KeyError():
            return f"it lacks {error.args[0]}"
        case json.JSONDecodeError():
            return f"it is no JSON ({error})"
    return str(error)


def describe_report(report: Report) -> list[str]:
    """Return lines with the other results: states, checkpoints, witnesses, what was left unchecked."""
    lines = []
    if report.states:
        counted = ", ".join(f"{count:,} {state}" for state, count in report.states.items() if count)
        lines.append(counted or "no records")
    lines += [_describe_range(each) for each in report.ranges[:MAX_SHOWN_RANGES]]
    left_out = len(report.ranges) - MAX_SHOWN_RANGES + report.ranges_left_out
    if left_out > 0:
        lines.append(f"and {left_out:,} ranges more (--json names {len(report.ranges):,})")
    lines.append(f"It agrees with {report.checkpoints:,} checkpoints.")
    if report.pending:
        lines.append(f"{report.pending:,} records follow that no checkpoint covers yet.")
    lines += [_describe_witness(each) for each in report.witnesses]
    lines += [_describe_recipient(each) for each in report.recipients]
    if report.blobs:
        lines.append(f"{report.blobs:,} files are stored as they were put, and named by a record.")
    lines += [f"Not checked: {each}." for each in report.unchecked]
    return lines


def _describe_range(range_: Range) -> str:
    span = f"{range_.count:,} records from {range_.first} to {range_.last}"
    if range_.count == 1:
        span = f"record {range_.first}"
    return f"{range_.state}: {span}" + (f", by order {range_.order}" if range_.order else "")


def _describe_recipient(recipient: SealedTo) -> str:
    span = f"{recipient.segments:,} segments from {recipient.first} to {recipient.last}"
    if recipient.segments == 1:
        span = f"segment {recipient.first}"
    return f"{recipient.name} (key {recipient.key_id}) can open {span}."


def _describe_witness(witness: Witnessed) -> str:
    if not witness.count:
        return f"{witness.name} cosigned nothing"
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(witness.time_s))
    newest = f"the last of {witness.size:,} records"
    return f"{witness.name} cosigned {witness.count:,} checkpoints, {newest} ({when})"
