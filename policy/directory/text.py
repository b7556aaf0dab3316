"""Writes a directory as text, always the same text, which `parse_directory` reads back as the same directory."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from policy.directory.directory import Directory
from policy.directory.enterprise import Enterprise

# Fields that are arrays of tables, each row below a heading of its own, by the name that the file has for them;
# of those that are not here, the rows are inline tables under the field's own name.
_TABLES = {
    "desks": "desk",
    "people": "person",
    "rooms": "room",
    "barriers": "barrier",
    "allow_lists": "allow",
}
# What else decides who is on the line stands in files of its own.
_ELSEWHERE = ("exceptions", "uninformed")
# Fields whose own fields the file has in their place.
_SPREAD = frozenset({"entry"})


def encode_directory(directory: Directory) -> str:
    """Write a directory as the TOML text of a `directory.toml` (docs/policy.md, section 2).

    Fields that have their default are left out. Equal directories have the same text.
    """
    blocks = ["\n".join(_lines(directory, leave_out=("enterprises", *_ELSEWHERE)))]
    for firm in directory.enterprises:
        blocks += _enterprise_blocks(firm)
    return "\n\n".join(blocks) + "\n"


def _enterprise_blocks(firm: Enterprise) -> Iterator[str]:
    path = f"enterprise.{firm.id}"
    yield "\n".join([f"[{path}]", *_lines(firm, leave_out=("id", *_TABLES))])
    for name, table in _TABLES.items():
        for row in getattr(firm, name, ()):
            yield "\n".join([f"[[{path}.{table}]]", *_lines(row)])


def _lines(value: Any, leave_out: tuple[str, ...] = ()) -> Iterator[str]:
    for name, content in _settings(value):
        if name not in leave_out:
            yield f"{name} = {_encode(content)}"


def _settings(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a dataclass that differ from their defaults."""
    for field in fields(value):
        content = getattr(value, field.name)
        if field.init and content is not None and content != field.default:
            if field.name in _SPREAD:
                yield from _settings(content)
            else:
                yield field.name, content


def _encode(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, date):  # and times, which are dates to Python
        return value.isoformat()
    if isinstance(value, StrEnum):
        return _encode(value.value)
    if isinstance(value, str):
        # A basic string of TOML is one of JSON, but for DEL, which it has no place for.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (set, frozenset)):
        return _encode(tuple(sorted(value)))
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_encode(item) for item in value)}]"
    if is_dataclass(value):
        return f"{{ {', '.join(f'{name} = {_encode(content)}' for name, content in _settings(value))} }}"
    raise TypeError(f"{type(value).__name__} has no place in directory.toml")
