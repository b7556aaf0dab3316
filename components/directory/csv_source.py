"""People in a CSV file (RFC 4180), with a header; docs/directory.md has the columns."""

import csv
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.directory.people import (
    NO_ROLE,
    ListedPerson,
    Listing,
    SourceError,
    make_person,
    parse_account,
)
from components.settings.directory import CSV_COLUMNS, REQUIRED_COLUMNS, CsvSource
from policy.address import AddressError
from policy.directory.enterprise import DeskId, Person, Role

_SEPARATORS = re.compile(r"[\s,;|]+")
_UNDECODED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read so far, and everything that is wrong."""

    people: list[ListedPerson]
    problems: list[str]
    half_read: list[ListedPerson]


def list_csv(source: CsvSource) -> Listing:
    """Read a source's file; raises SourceError with the problems of all lines at once."""
    content = _read(source.file)
    problems = _find_undecodable(source, content)
    # Surrogates mark bytes that are not UTF-8. The content of their line is not checked; all other lines are.
    return parse_csv(source, content.decode("utf-8-sig", "surrogateescape"), problems)


def parse_csv(source: CsvSource, text: str, known: Sequence[str] = ()) -> Listing:
    """Parse the text of a file; raises SourceError with all problems, those that are `known` first."""
    problems = list(known)
    found = _Found([], problems, [])
    rows = _rows(source, text, problems)
    _, header = next(rows, (1, []))
    places = _find_columns(source, header, problems)
    if all(key in places for key in REQUIRED_COLUMNS):
        for line, row in rows:
            _take_row(source, found, f"{source.file.name} line {line}", row, places, len(header))
    if problems:
        raise SourceError(problems, (*found.people, *found.half_read))
    return Listing(tuple(found.people))


def _take_row(
    source: CsvSource, found: _Found, origin: str, row: list[str], places: Mapping[str, int], columns: int
) -> None:
    if not any(cell.strip() for cell in row) or any(_UNDECODED.search(cell) for cell in row):
        return
    if len(row) != columns:
        found.problems.append(f"{origin}: has {len(row)} columns, the header has {columns}")
        return
    try:
        person = _make(source, {key: row[place] for key, place in places.items()})
    except SourceError as error:
        found.problems.extend(f"{origin}: {problem}" for problem in error.problems)
        found.half_read.extend(ListedPerson(half.person, origin) for half in error.readable)
    else:
        found.people.append(ListedPerson(person, origin))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SourceError([f"{file}: {(error.strerror or str(error)).lower()}"]) from None


def _find_undecodable(source: CsvSource, content: bytes) -> list[str]:
    problems = []
    for number, line in enumerate(content.split(b"\n"), 1):
        try:
            line.decode()
        except UnicodeDecodeError:
            problems.append(f"{source.file.name} line {number}: is no UTF-8; save the file as CSV UTF-8")
    return problems


def _rows(source: CsvSource, text: str, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line that it starts at."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter, strict=True)
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # after a quotation mark without an end, nothing can be parsed
            problems.append(f"{source.file.name} line {line}: {error}")
            return
        yield line, row
        line = reader.line_num + 1


def _find_columns(source: CsvSource, header: Sequence[str], problems: list[str]) -> dict[str, int]:
    """Find the place of each column by its name in the header."""
    before = len(problems)
    names = [name.strip() for name in header]
    wanted = {key: source.columns.get(key, key) for key in CSV_COLUMNS}
    problems += [
        f"the column {name!r} is there twice" for name in sorted(set(names)) if names.count(name) > 1
    ]
    for key in REQUIRED_COLUMNS:
        if wanted[key] not in names:
            problems.append(f"there is no column {wanted[key]!r}")
    for name in names:
        if name not in wanted.values() and name not in source.ignored_columns:
            near = difflib.get_close_matches(name, wanted.values(), n=1)
            advice = (
                f"did you mean {near[0]!r}?" if near else "add it to ignored_columns if it means nothing here"
            )
            problems.append(f"the column {name!r} is not known; {advice}")
    problems[before:] = [f"{source.file.name} line 1: {problem}" for problem in problems[before:]]
    return {key: names.index(name) for key, name in wanted.items() if name in names}


def _make(source: CsvSource, cells: Mapping[str, str]) -> Person:
    desk = cells.get("desk", "").strip()
    desks = [source.desks.get(desk, desk)] if desk else []
    roles, unknown = _read_roles(source, cells.get("roles", ""))
    try:
        person = make_person(
            source, account=cells["jid"], name=cells["name"], id_=cells.get("id"), desks=desks, roles=roles
        )
    except SourceError as error:
        own = [problem for problem in error.problems if not (unknown and problem == NO_ROLE)]
        raise SourceError([*own, *unknown], _half_read(source, cells, desks)) from None
    if unknown:
        raise SourceError(unknown, [ListedPerson(person, "")])
    return person


def _read_roles(source: CsvSource, cell: str) -> tuple[set[Role], list[str]]:
    """Return the roles that a cell names, and what is wrong with the others."""
    roles, unknown = set(), []
    for value in filter(None, _SEPARATORS.split(cell)):
        try:
            roles.add(source.roles.get(value) or Role(value.lower()))
        except ValueError:
            unknown.append(f"{value!r} is no role: choose of {', '.join(Role)}")
    return roles, unknown


def _half_read(source: CsvSource, cells: Mapping[str, str], desks: Sequence[str]) -> list[ListedPerson]:
    """Return a person with a valid account and desk and placeholders for the rest, so that more can be checked."""
    try:
        jid = parse_account(source, cells["jid"])
    except AddressError:
        return []
    return [ListedPerson(Person(jid, jid, DeskId(desks[0]) if desks else None, frozenset({Role.TRADER})), "")]
