"""Prints JSON for all commands."""

from typing import Any

from components.cli.output.terminal import show_json


def print_json(document: dict[str, Any]) -> None:
    """Print an object as JSON that is safe for a terminal."""
    import orjson

    print(show_json(orjson.dumps(document, option=orjson.OPT_INDENT_2)))
