"""Values as Lua writes them, for a server's configuration. Pure."""

from collections.abc import Iterable


def lua_text(value: object) -> str:
    """Return a truth, or the text of anything else, in Lua."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{text}'"


def lua_list(values: Iterable[object]) -> str:
    """Return a list of texts in Lua."""
    return "{ " + ", ".join(lua_text(value) for value in values) + " }"
