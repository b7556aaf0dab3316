"""What acts make of matters: a pure fold, and the one place that says which act fits (docs/matters.md)."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from components.audit.matter.values import (
    Custodian,
    Deed,
    DeedAct,
    Exhibit,
    LinkedHold,
    Matter,
    MatterAct,
    MatterError,
    Note,
    SavedResult,
)

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
ALL_ENTERPRISES = "*"
AS_LEAD = "lead"
"""Who is not among the people of a matter may add somebody in this capacity: nobody else could, if all have gone."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A recorded act that counts for nothing, and why."""

    deed: Deed
    why: str


@dataclass(frozen=True, slots=True)
class Folded:
    """All matters by id, and the acts that count for nothing, by their records."""

    matters: Mapping[str, Matter]
    refused: Mapping[str, Refused] = field(default_factory=dict)

    def refused_of(self, matter: str) -> tuple[Refused, ...]:
        """Return the acts in a matter that count for nothing, in the order of the log."""
        return tuple(each for each in self.refused.values() if each.deed.matter == matter)


def fold_deeds(deeds: Iterable[Deed]) -> Folded:
    """Return the matters that acts make, in the order of the log; one that does not fit changes nothing."""
    matters: dict[str, Matter] = {}
    refused: dict[str, Refused] = {}
    for deed in deeds:
        if not isinstance(deed.act, MatterAct):
            continue
        try:
            matters[deed.matter] = apply_deed(matters.get(deed.matter), deed)
        except MatterError as error:
            refused[deed.record] = Refused(deed, str(error))
    return Folded(matters, refused)


def apply_deed(matter: Matter | None, deed: Deed) -> Matter:
    """Return what an act makes of its matter, None before it is opened; raises MatterError if it does not fit."""
    if deed.problem:
        raise MatterError(deed.problem)
    after = _open(matter, deed) if deed.act is MatterAct.OPEN else _change(matter, deed)
    unsigned = (*after.unsigned, deed.record) if deed.is_unsigned else after.unsigned
    return replace(after, changed_at_ns=deed.recorded_at_ns or deed.at_ns, unsigned=unsigned)


def _change(matter: Matter | None, deed: Deed) -> Matter:
    if matter is None:
        raise MatterError(f"there is no matter {deed.matter}")
    by_lead = deed.act is MatterAct.ADD_PERSON and deed.text("as") == AS_LEAD
    if deed.by not in matter.people and not by_lead:
        # The same words as for a matter that is not there: who is not among its people must not learn of it.
        raise MatterError(f"there is no matter {deed.matter}")
    if not matter.is_open and deed.act not in _WHEN_CLOSED:
        raise MatterError(f"the matter {deed.matter} is closed; re-open it first")
    return _CHANGES[deed.act](matter, deed)


def _open(matter: Matter | None, deed: Deed) -> Matter:
    if matter is not None:
        raise MatterError(f"the id {deed.matter} is taken; choose another")
    if not _ID.fullmatch(deed.matter):
        raise MatterError(f"{deed.matter!r} is no id of a matter: write letters, digits, '.', '_' and '-'")
    named = deed.text("enterprises")
    enterprises = None if named == ALL_ENTERPRISES else frozenset(named.split())
    if enterprises is not None and not enterprises:
        raise MatterError("a matter concerns at least one enterprise")
    return Matter(
        deed.matter,
        _require(deed, "title"),
        deed.by,
        deed.at_ns,
        enterprises,
        (deed.by,),
    )


def _close(matter: Matter, _deed: Deed) -> Matter:
    return replace(matter, is_open=False)


def _reopen(matter: Matter, _deed: Deed) -> Matter:
    if matter.is_open:
        raise MatterError(f"the matter {matter.id} is open")
    return replace(matter, is_open=True)


def _add_person(matter: Matter, deed: Deed) -> Matter:
    who = _require(deed, "who")
    if who in matter.people:
        raise MatterError(f"{who} works on {matter.id} already")
    return replace(matter, people=(*matter.people, who))


def _remove_person(matter: Matter, deed: Deed) -> Matter:
    who = _require(deed, "who")
    if who not in matter.people:
        raise MatterError(f"{who} does not work on {matter.id}")
    if len(matter.people) == 1:
        raise MatterError(f"{who} is the last who works on {matter.id}: add somebody first")
    return replace(matter, people=tuple(each for each in matter.people if each != who))


def _add_custodian(matter: Matter, deed: Deed) -> Matter:
    who = _require(deed, "who")
    if any(each.jid == who for each in matter.custodians):
        raise MatterError(f"{who} is a custodian of {matter.id} already")
    return replace(matter, custodians=(*matter.custodians, Custodian(who, deed.by, deed.at_ns, deed.record)))


def _remove_custodian(matter: Matter, deed: Deed) -> Matter:
    who = _require(deed, "who")
    left = tuple(each for each in matter.custodians if each.jid != who)
    if len(left) == len(matter.custodians):
        raise MatterError(f"{who} is no custodian of {matter.id}")
    return replace(matter, custodians=left)


def _add_exhibit(matter: Matter, deed: Deed) -> Matter:
    record_id = _require(deed, "exhibit")
    for each in matter.exhibits:
        if each.record_id == record_id and not each.withdrawn:
            raise MatterError(f"{record_id} is exhibit {each.number} of {matter.id} already")
    made = Exhibit(
        len(matter.exhibits) + 1,
        record_id,
        deed.text("title"),
        deed.text("note"),
        deed.number("said_at_ns"),
        deed.text("payload_sha256"),
        deed.by,
        deed.at_ns,
        deed.record,
    )
    return replace(matter, exhibits=(*matter.exhibits, made))


def _withdraw_exhibit(matter: Matter, deed: Deed) -> Matter:
    found = find_exhibit(matter, deed.number("number"))
    if found.withdrawn:
        raise MatterError(f"exhibit {found.number} of {matter.id} is withdrawn already")
    withdrawn = replace(found, withdrawn=_require(deed, "reason"))
    exhibits = tuple(withdrawn if each is found else each for each in matter.exhibits)
    return replace(matter, exhibits=exhibits)


def find_exhibit(matter: Matter, number: int) -> Exhibit:
    """Return an exhibit by its number; raises MatterError."""
    if not 1 <= number <= len(matter.exhibits):
        raise MatterError(f"the matter {matter.id} has no exhibit {number}")
    return matter.exhibits[number - 1]


def _note(matter: Matter, deed: Deed) -> Matter:
    number, about_ns = deed.number("number"), deed.number("about_ns")
    if number and not about_ns:
        about_ns = find_exhibit(matter, number).said_at_ns
    made = Note(_require(deed, "text"), number, about_ns or deed.at_ns, deed.by, deed.at_ns, deed.record)
    return replace(matter, notes=(*matter.notes, made))


def _save(matter: Matter, deed: Deed) -> Matter:
    made = SavedResult(
        deed.text("title"),
        deed.text("query"),
        deed.number("log_size"),
        deed.text("log_sizes"),
        deed.number("result_count"),
        _require(deed, "result_digest"),
        deed.number("searched_at_ns"),
        deed.text("search"),
        deed.by,
        deed.at_ns,
        deed.record,
        deed.text("sites"),
        deed.text("not_searched"),
    )
    return replace(matter, saved=(*matter.saved, made))


def _link_hold(matter: Matter, deed: Deed) -> Matter:
    hold = LinkedHold(_require(deed, "hold"), _require(deed, "log"))
    if hold in matter.holds:
        raise MatterError(f"the hold {hold.order} belongs to {matter.id} already")
    return replace(matter, holds=(*matter.holds, hold))


def _require(deed: Deed, name: str) -> str:
    value = deed.text(name).strip()
    if not value:
        raise MatterError(f"{name} is empty")
    return value


_WHEN_CLOSED = (MatterAct.REOPEN, MatterAct.ADD_PERSON, MatterAct.REMOVE_PERSON)
_CHANGES: Mapping[DeedAct, Callable[[Matter, Deed], Matter]] = {
    MatterAct.CLOSE: _close,
    MatterAct.REOPEN: _reopen,
    MatterAct.ADD_PERSON: _add_person,
    MatterAct.REMOVE_PERSON: _remove_person,
    MatterAct.ADD_CUSTODIAN: _add_custodian,
    MatterAct.REMOVE_CUSTODIAN: _remove_custodian,
    MatterAct.ADD_EXHIBIT: _add_exhibit,
    MatterAct.WITHDRAW_EXHIBIT: _withdraw_exhibit,
    MatterAct.NOTE: _note,
    MatterAct.SAVE: _save,
    MatterAct.LINK_HOLD: _link_hold,
}
