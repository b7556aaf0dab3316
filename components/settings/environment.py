"""Settings from the environment, in place of those of site.toml (docs/settings.md): for containers and units."""

import re
from collections.abc import Mapping
from typing import Any

from components.settings.table import SettingsError
from policy.toml_problem import TomlError, read_toml

# With two lines between table and setting, such a name is none of the other variables that begin in this way.
_VARIABLE = re.compile(r"STEELYARD_([A-Z0-9_]*[A-Z0-9]__[A-Z0-9_]*[A-Z0-9])")


def find_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that set something, by the setting's path: `gate.metrics_port` for that of
    `STEELYARD_GATE__METRICS_PORT`.
    """
    matches = (match for name in sorted(environment) if (match := _VARIABLE.fullmatch(name)))
    return {match[1].lower().replace("__", "."): match[0] for match in matches}


def set_from_environment(document: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a document with what the environment sets in it; raises SettingsError if that has no place there."""
    changed = dict(document)
    for path, variable in find_variables(environment).items():
        *tables, setting = path.split(".")
        place = changed
        for name in tables:
            inner = place.get(name, {})
            if not isinstance(inner, dict):
                raise SettingsError([f"{variable}: {name} is no table in site.toml; set it as a whole"])
            place[name] = place = dict(inner)
        place[setting] = parse_value(environment[variable])
    return changed


def parse_value(text: str) -> object:
    """Return the value of a variable: a number, a boolean, an array or a table as TOML has them, else the text."""
    try:
        parsed = read_toml(f"value = {text}\n")
    except TomlError:
        return text
    value = parsed["value"]
    is_one = len(parsed) == 1 and isinstance(value, bool | int | float | str | list | dict)
    return value if is_one else text
