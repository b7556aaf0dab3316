"""Values as Lua has them, for the server's configuration."""

from collections.abc import Iterable


def lua(value: object) -> str:
    """Return true, false, or a text in quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{text}'"


def lua_list(values: Iterable[str]) -> str:
    """Return a list of texts."""
    return "{ " + ", ".join(lua(value) for value in values) + " }"
