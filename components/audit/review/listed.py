"""Reads lists of records that other commands have written, such as `steelyard audit sample --json-lines`."""

from components.process.errors import SiteError
from components.process.json_text import read_json


def read_id(line: str) -> str:
    """Return the id that a line has: it is the line itself, or `id` of a JSON object; raises SiteError."""
    text = line.strip()
    if not text.startswith("{"):
        return text
    try:
        value = read_json(text)["id"]
    except (ValueError, KeyError):
        value = None
    if not isinstance(value, str):
        raise SiteError(f"this line of the list has no id of a record: {text[:60]}")
    return value
