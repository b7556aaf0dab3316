"""Exceptions from barriers: named people who may talk across them for a time (docs/borders.md, section 4)."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from policy.address import AddressError, BareJid, parse_bare_jid
from policy.directory.enterprise import EnterpriseId, Person, Role
from policy.one_encoding import REASON_RULE, is_reason, parse_only, require_all
from policy.utc import format_utc, parse_utc

HEADER = "steelyard-exception/1"
APPROVERS_NEEDED = 2
MAX_DAYS = 366

_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_ENTERPRISE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_DAY_S = 86_400


class ExceptionError(ValueError):
    """The text is not an exception in its only encoding, or it may not be made; the message says why."""


@dataclass(frozen=True, slots=True)
class BarrierException:
    """Lets `people` (sorted, at least two) reach one another across barriers, from `begins_s` until before `ends_s`.

    Both times are whole seconds of Unix time. Allow lists, chaperoned rooms and the borders of enterprises stay.
    """

    id: str
    enterprise: EnterpriseId
    people: tuple[BareJid, ...]
    begins_s: int
    ends_s: int
    reason: str

    def is_active(self, now_s: float) -> bool:
        """Return whether it is in force at this time."""
        return self.begins_s <= now_s < self.ends_s


@dataclass(frozen=True, slots=True)
class Approval:
    """A good signature on an exception: the owner in the key's name, and the key's fingerprint."""

    approver: BareJid
    key: bytes


def find_next_change(exceptions: Iterable[BarrierException], now_s: float) -> int | None:
    """Return the next time (Unix, seconds) after `now_s` at which one of these begins or ends, or None."""
    times = (time for each in exceptions for time in (each.begins_s, each.ends_s) if time > now_s)
    return min(times, default=None)


def require_approved(
    exception: BarrierException,
    approvals: Iterable[Approval],
    people: Mapping[BareJid, Person],
    enterprises: Mapping[BareJid, EnterpriseId],
) -> None:
    """Check that two approvers of its enterprise, who are not of its people, approved it: two people, and two keys.

    `people` and `enterprises` are those of the directory. Raises ExceptionError, also where somebody is not listed.
    """
    for jid in exception.people:
        if jid not in people or enterprises[jid] != exception.enterprise:
            raise ExceptionError(f"{jid} is not in the enterprise {exception.enterprise}")
    counted = [
        each
        for each in approvals
        if each.approver in people
        and Role.APPROVER in people[each.approver].roles
        and enterprises[each.approver] == exception.enterprise
        and each.approver not in exception.people
    ]
    count = min(len({each.approver for each in counted}), len({each.key for each in counted}))
    if count < APPROVERS_NEEDED:
        names = ", ".join(sorted({each.approver for each in counted})) or "nobody"
        raise ExceptionError(f"approved by {names} of those who may; it needs {APPROVERS_NEEDED} approvers")


def encode_exception(exception: BarrierException) -> str:
    """Encode the text that is signed; raises ExceptionError for what no exception can say."""
    _require_valid(exception)
    lines = (
        HEADER,
        f"id {exception.id}",
        f"enterprise {exception.enterprise}",
        f"people {' '.join(exception.people)}",
        f"begins {format_utc(exception.begins_s)}",
        f"ends {format_utc(exception.ends_s)}",
        f"reason {exception.reason}",
    )
    return "".join(f"{line}\n" for line in lines)


def parse_exception(text: str) -> BarrierException:
    """Parse the text of an exception; raises ExceptionError unless it is in its one encoding."""
    words = dict(line.partition(" ")[::2] for line in text.split("\n"))
    return parse_only(text, lambda: _build(words), encode_exception, _no_exception)


def _build(words: Mapping[str, str]) -> BarrierException:
    return BarrierException(
        words["id"],
        EnterpriseId(words["enterprise"]),
        tuple(parse_bare_jid(jid) for jid in words["people"].split(" ")),
        parse_utc(words["begins"]),
        parse_utc(words["ends"]),
        words["reason"],
    )


def _require_valid(exception: BarrierException) -> None:
    """Refuse values without a meaning, or with a misleading one, so that nobody signs them."""
    checks = (
        (_ID.fullmatch(exception.id), "an id has letters, digits, dots, - and _, at most 64"),
        (_ENTERPRISE.fullmatch(exception.enterprise), "an enterprise is named by its id in the directory"),
        (_are_jids(exception.people), "people are named by their JIDs"),
        (
            list(exception.people) == sorted(set(exception.people)) and len(exception.people) > 1,
            "people ascend, each of them once, at least two",
        ),
        (0 <= exception.begins_s < exception.ends_s < 2**36, "it begins before it ends"),
        (
            exception.ends_s - exception.begins_s <= MAX_DAYS * _DAY_S,
            f"an exception ends within {MAX_DAYS} days; make a new one then",
        ),
        (exception.reason and is_reason(exception.reason), REASON_RULE),
    )
    require_all(checks, _no_exception)


def _no_exception(problem: str) -> ExceptionError:
    return ExceptionError(f"not an exception: {problem}")


def _are_jids(people: Collection[str]) -> bool:
    try:
        return all(parse_bare_jid(jid) == jid for jid in people)
    except AddressError:
        return False
