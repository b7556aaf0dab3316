"""What is wrong with a TOML file, told in one line each: its path in the file, and what to do."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

_Shape = TypeVar("_Shape", bound=BaseModel)

_MAX_DEPTH = 32
_INTEGERS = range(-(2**63), 2**63)  # TOML 1.0, Integer: whoever has no more must say so


class TomlError(ValueError):
    """A text is no TOML, or has what no file of ours can mean; the message is one line."""


def read_toml(text: str) -> dict[str, Any]:
    """Parse TOML of which every value can be shown to people; raises TomlError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlError(str(error)) from None
    except RecursionError:
        raise TomlError("has tables or arrays too deep inside one another") from None
    except ValueError:  # Python reads no number of so many digits
        raise TomlError("has a number that is too large") from None
    _require_plain(raw)
    return raw


def _require_plain(raw: dict[str, Any]) -> None:
    level: list[Any] = [raw]
    for _ in range(_MAX_DEPTH):
        inside = [each for value in level for each in (value.values() if isinstance(value, dict) else value)]
        if any(isinstance(each, int) and each not in _INTEGERS for each in inside):
            raise TomlError("has a number that is too large")
        level = [each for each in inside if isinstance(each, dict | list)]
        if not level:
            return
    raise TomlError("has tables or arrays too deep inside one another")


def read_shape(
    shape: type[_Shape], raw: Mapping[str, Any], describe: Callable[[Any], str]
) -> tuple[_Shape | None, list[str]]:
    """Validate a document; returns it as its shape, or None and a line for each fault, as `describe` tells it."""
    try:
        return shape.model_validate(raw), []
    except ValidationError as error:
        return None, [describe(detail) for detail in error.errors(include_url=False)]


def locate(steps: Iterable[int | str]) -> str:
    """Write the place of one of pydantic's errors as TOML has it: `enterprise.metals.person[2].jid`."""
    path = ""
    for step in steps:
        if step != "[key]":
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def explain(detail: Any, own: Mapping[str, str]) -> str:
    """Return what is wrong, and what to do; `own` has a file's own words for some types of pydantic's errors."""
    match detail["type"]:
        case kind if kind in own:
            return own[kind]
        case "extra_forbidden":
            return "there is no such setting: remove it, or correct its name"
        case "missing":
            return "is missing"
        case "too_short" | "string_too_short":
            return "must not be empty"
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be a table, such as { name = value }"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            return f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
