"""What is wrong with a TOML file, told in one line each: its path in the file, and what to do."""

from collections.abc import Iterable, Mapping
from typing import Any


def locate(steps: Iterable[int | str]) -> str:
    """Write the place of one of pydantic's errors as TOML has it: `enterprise.metals.person[2].jid`."""
    path = ""
    for step in steps:
        if step != "[key]":
            path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def explain(detail: Any, own: Mapping[str, str]) -> str:
    """Say what is wrong, and what to do; `own` has a file's own words for some types of pydantic's errors."""
    match detail["type"]:
        case kind if kind in own:
            return own[kind]
        case "extra_forbidden":
            return "there is no such setting: remove it, or correct its name"
        case "missing":
            return "is missing"
        case "too_short" | "string_too_short":
            return "must not be empty"
        case "value_error":
            return str(detail["ctx"]["error"])
        case _:
            return f"{detail['msg'][0].lower()}{detail['msg'][1:]}"
