"""People in a CSV file (RFC 4180), with a header; docs/directory.md has the columns."""

import csv
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from components.directory.people import NO_ROLE, ListedPerson, Listing, SourceError, make_person
from components.settings.directory import CSV_COLUMNS, REQUIRED_COLUMNS, CsvSource
from policy.directory.enterprise import Person, Role

_SEPARATORS = re.compile(r"[\s,;|]+")


def list_csv(source: CsvSource) -> Listing:
    """Read a source's file; raises SourceError with the problems of all lines at once."""
    return parse_csv(source, _read(source.file))


def parse_csv(source: CsvSource, text: str) -> Listing:
    """Parse the text of a file (UTF-8, with or without a byte order mark); raises SourceError with all problems."""
    name = source.file.name
    problems: list[str] = []
    people: list[ListedPerson] = []
    rows = _rows(source, text, problems)
    _, header = next(rows, (1, []))
    places = _find_columns(source, header, problems)
    if problems:
        raise SourceError([f"{name} line 1: {problem}" for problem in problems])
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        origin = f"{name} line {line}"
        if len(row) != len(header):
            problems.append(f"{origin}: has {len(row)} columns, the header has {len(header)}")
            continue
        try:
            people.append(
                ListedPerson(_make(source, {key: row[place] for key, place in places.items()}), origin)
            )
        except SourceError as error:
            problems += [f"{origin}: {problem}" for problem in error.problems]
    if problems:
        raise SourceError(problems)
    return Listing(tuple(people))


def _read(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SourceError([f"{file}: {(error.strerror or str(error)).lower()}"]) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SourceError([f"{file.name} line {line}: is no UTF-8; save the file as CSV UTF-8"]) from None


def _rows(source: CsvSource, text: str, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line that it starts at."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=source.delimiter, strict=True)
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # what follows a quotation mark without an end cannot be told apart
            problems.append(f"{source.file.name} line {line}: {error}")
            return
        yield line, row
        line = reader.line_num + 1


def _find_columns(source: CsvSource, header: Sequence[str], problems: list[str]) -> dict[str, int]:
    """Find the place of each column by its name in the header."""
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
    return {key: names.index(name) for key, name in wanted.items() if name in names}


def _make(source: CsvSource, cells: Mapping[str, str]) -> Person:
    desk = cells.get("desk", "").strip()
    roles, unknown = set(), []
    for value in filter(None, _SEPARATORS.split(cells.get("roles", ""))):
        try:
            roles.add(source.roles.get(value) or Role(value.lower()))
        except ValueError:
            unknown.append(f"{value!r} is no role: choose of {', '.join(Role)}")
    try:
        person = make_person(
            source,
            account=cells["jid"],
            name=cells["name"],
            id_=cells.get("id"),
            desks=[source.desks.get(desk, desk)] if desk else [],
            roles=roles,
        )
    except SourceError as error:
        own = [problem for problem in error.problems if not (unknown and problem == NO_ROLE)]
        raise SourceError([*own, *unknown]) from None
    if unknown:
        raise SourceError(unknown)
    return person
