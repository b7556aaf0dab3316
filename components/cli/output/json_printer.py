"""Prints JSON for all commands."""

from collections.abc import Iterable
from typing import Any

from components.cli.output.terminal import show_json


def print_json(document: dict[str, Any]) -> None:
    """Print an object as JSON that is safe for a terminal."""
    import orjson

    print(show_json(orjson.dumps(document, option=orjson.OPT_INDENT_2)))


def print_lines(documents: Iterable[dict[str, Any]]) -> None:
    """Print JSON Lines that are safe for a terminal: an object on each line."""
    import orjson

    for document in documents:
        print(show_json(orjson.dumps(document)))
