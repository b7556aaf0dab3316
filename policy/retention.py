"""How long records are kept: the classes of `retention.toml` (docs/retention.md)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from policy.problems import ProblemsError
from policy.toml_problem import TomlError, explain, locate, read_shape, read_toml

NS_PER_DAY = 86_400 * 1_000_000_000
PERMANENT_CLASS = 255
"""The class of records that are never destroyed: the details of orders."""


class RecordedKind(StrEnum):
    """The kinds of records for retention; a stanza's kind is its element's name."""

    MESSAGE = "message"
    PRESENCE = "presence"
    IQ = "iq"
    SESSION = "session"
    DELIVERY = "delivery"
    ACCESS = "access"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """Records with the same retention: indestructible for `minimum_days`, and due to expire after `keep_days`.

    `number` (1 to 254) stands in the leaf of each record. Both times count from a record's own.
    """

    name: str
    number: int
    minimum_days: int
    keep_days: int
    applies_to: tuple[RecordedKind, ...]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """All classes of a site, by number; `numbers` gives each kind its class. Both mappings are derived."""

    classes: tuple[RetentionClass, ...]
    by_number: Mapping[int, RetentionClass] = field(init=False, repr=False, compare=False)
    numbers: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_number", {each.number: each for each in self.classes})
        numbers = {str(kind): each.number for each in self.classes for kind in each.applies_to}
        object.__setattr__(self, "numbers", numbers)


# Years with as many leap days as they can have. 5 years: SEC 17a-4(b)(4) has 3, MiFID II 2014/65 Art. 16(7) 5, and 7
# where the authority asks for it.
DEFAULT_POLICY = RetentionPolicy(
    (
        RetentionClass(
            "communication",
            1,
            1827,
            2557,
            (RecordedKind.MESSAGE, RecordedKind.ACCESS, RecordedKind.ALARM),
        ),
        RetentionClass(
            "signalling",
            2,
            366,
            731,
            (RecordedKind.PRESENCE, RecordedKind.IQ, RecordedKind.SESSION, RecordedKind.DELIVERY),
        ),
    )
)


class RetentionError(ProblemsError):
    """A retention policy is wrong; `problems` has all its mistakes, each as `path: what to do`."""


def parse_retention(text: str) -> RetentionPolicy:
    """Parse the text of a `retention.toml`; raises RetentionError with all problems at once."""
    try:
        raw = read_toml(text)
    except TomlError as error:
        raise RetentionError((f"retention.toml: {error}",)) from None
    shape, problems = read_shape(_RetentionTable, raw, _describe)
    if shape is None:
        raise RetentionError(problems)
    classes = tuple(table.build(name) for name, table in shape.classes.items())
    if problems := list(_class_problems(classes)):
        raise RetentionError(problems)
    return RetentionPolicy(tuple(sorted(classes, key=lambda each: each.number)))


def assign_class(policy: RetentionPolicy, kind: str) -> int:
    """Return the class of a record of this kind; a record without a kind of its own is kept as a message is."""
    return policy.numbers.get(kind) or policy.numbers[RecordedKind.MESSAGE]


def is_due(policy: RetentionPolicy, now_ns: int, retention_class: int, newest_ns: int) -> bool:
    """Return whether a segment's retention time is over; never for an unknown class."""
    found = policy.by_number.get(retention_class)
    return found is not None and now_ns >= newest_ns + found.keep_days * NS_PER_DAY


# --- the shape of retention.toml ---

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)]
_Days = Annotated[int, Field(ge=0, le=36_525, strict=True)]


class _ClassTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    number: Annotated[int, Field(ge=1, le=254, strict=True)]
    minimum_days: _Days
    keep_days: _Days
    applies_to: list[RecordedKind] = []

    def build(self, name: str) -> RetentionClass:
        return RetentionClass(name, self.number, self.minimum_days, self.keep_days, tuple(self.applies_to))


class _RetentionTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    classes: Annotated[dict[_Name, _ClassTable], Field(alias="class", min_length=1)]


def _describe(detail: Any) -> str:
    """Return one of pydantic's errors as `path: what to do`."""
    own = {
        "string_pattern_mismatch": f"{detail['input']!r} is no name: use small letters, digits and -",
        "enum": f"{detail['input']!r} is no kind of record: choose of {detail.get('ctx', {}).get('expected')}",
    }
    return f"{locate(detail['loc']) or 'retention.toml'}: {explain(detail, own)}"


def _class_problems(classes: Sequence[RetentionClass]) -> Iterator[str]:
    numbers: dict[int, str] = {}
    kinds: dict[RecordedKind, str] = {}
    for each in classes:
        path = f"class.{each.name}"
        if each.keep_days < each.minimum_days:
            yield f"{path}.keep_days: {each.keep_days} is less than minimum_days, {each.minimum_days}"
        if each.number in numbers:
            yield f"{path}.number: {each.number} is already that of class {numbers[each.number]}"
        numbers.setdefault(each.number, each.name)
        for place, kind in enumerate(each.applies_to):
            if kind in kinds:
                yield f"{path}.applies_to[{place}]: {kind} is already of class {kinds[kind]}"
            kinds.setdefault(kind, each.name)
    if missing := ", ".join(kind for kind in RecordedKind if kind not in kinds):
        yield f"class: no class applies to {missing}"
