"""Statements as SQLite has them, for PostgreSQL: the parts of the index write each once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from components.audit.index.database import Value, Values
from components.audit.index.postgres.match import write_match

_IGNORING = "INSERT OR IGNORE INTO"
# What both have, by another name or with other types.
_REWRITES = tuple(
    (re.compile(pattern), other)
    for pattern, other in (
        (r"\bINSERT OR IGNORE INTO\b", "INSERT INTO"),
        (r"\bCROSS JOIN (\w+(?: AS \w+)?) ON\b", r"JOIN \1 ON"),
        (
            r"\bhash IN \(SELECT value FROM json_each\(",
            "hash IN (SELECT value FROM json_array_elements_text(",
        ),
        (r"\bSELECT value FROM json_each\(", "SELECT value::bigint FROM json_array_elements_text("),
        (r"\bgroup_concat\(", "string_agg("),
        (r"\bchar\(", "chr("),
        (r"\binstr\(", "strpos("),
        (r"\bmax\((\w+\.\w+), ", r"greatest(\1, "),
        (r"\bmin\((\w+\.\w+), ", r"least(\1, "),
        (r"%", "%%"),
    )
)
_TEMPORARY = "CREATE TEMP TABLE"
# A text stays as it is; `X MATCH ?` is written anew for each expression; the others are marks of values.
_PARTS = re.compile(r"('(?:[^']|'')*')|(?:\b(\w+) MATCH )?(?:\?(\d*)|(?<!:):([a-z_]+))")


class _Part(NamedTuple):
    """A piece of a statement, and the value behind it: by name, by number, or else the next one, if `is_marked`."""

    sql: str
    is_marked: bool = False
    table: str = ""
    number: int | None = None
    name: str = ""


def translate(sql: str, values: Values) -> tuple[str, list[Any]]:
    """Return a statement as psycopg takes it, and its values in the order of their marks."""
    parts = _split(sql)
    if isinstance(values, Mapping):
        found: Iterable[Value] = (values[part.name] for part in parts if part.is_marked)
    else:
        found = _pick(parts, values)
    written, taken = list[str](), list[Any]()
    taking = iter(found)
    for part in parts:
        written.append(part.sql)
        if not part.is_marked:
            continue
        value = next(taking)
        if part.table:
            condition, inside = write_match(part.table, str(value))
            written.append(condition)
            taken += inside
        else:
            written.append("%s")
            taken.append(_plain(value))
    return "".join(written), taken


def plain_row(row: Sequence[Value]) -> list[Value]:
    """Return values as columns of integers, texts and bytes take them."""
    return [_plain(value) for value in row]


def _pick(parts: Sequence[_Part], values: Sequence[Value]) -> Iterable[Value]:
    in_order = iter(values)
    for part in parts:
        if part.is_marked:
            yield next(in_order) if part.number is None else values[part.number - 1]


def _plain(value: Value) -> Value:
    """Return a value as its plain type: enumerations are numbers or texts, and PostgreSQL's texts have no NUL."""
    if isinstance(value, int):
        return int(value)
    return str(value).replace("\0", "\ufffd") if isinstance(value, str) else value


@lru_cache(maxsize=1024)
def _split(sql: str) -> tuple[_Part, ...]:
    """Part a statement at its marks, rewritten."""
    is_ignoring = _IGNORING in sql
    for pattern, other in _REWRITES:
        sql = pattern.sub(other, sql)
    if sql.lstrip().startswith(_TEMPORARY):
        sql = sql.replace("INTEGER", "bigint").replace("TEXT", 'text COLLATE "C"')
    if is_ignoring:
        sql += " ON CONFLICT DO NOTHING"
    parts, end = list[_Part](), 0
    for found in _PARTS.finditer(sql):
        if found[1]:
            continue
        number = int(found[3]) if found[3] else None
        parts.append(_Part(sql[end : found.start()], True, found[2] or "", number, found[4] or ""))
        end = found.end()
    return (*parts, _Part(sql[end:]))
