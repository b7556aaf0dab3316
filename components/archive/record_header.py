"""The JSON header of a record: one line, read strictly (docs/archive-format.md, 1)."""

from typing import Any

import orjson


class RecordError(ValueError):
    """The value has no encoding, or the bytes are not exactly what the encoder writes."""


def encode_header(header: dict[str, object]) -> bytes:
    """Encode a header, with its newline; raises RecordError for text that has no UTF-8."""
    try:
        return orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise RecordError(f"the record has no encoding: {error}") from None


def parse_header(line: bytes) -> dict[str, Any]:
    """Parse a header's line without its newline; raises RecordError."""
    try:
        header = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise RecordError("the header is not JSON") from None
    if not isinstance(header, dict):
        raise RecordError("the header is not a JSON object on a line of its own")
    return header


def take_text(header: dict[str, Any], key: str) -> str:
    """Return a text of a header; raises RecordError, and KeyError when it is not there."""
    value = header[key]
    if not isinstance(value, str):
        raise RecordError(f"{key} is not a text")
    return value


def take_number(header: dict[str, Any], key: str) -> int:
    """Return a number of 0 or more; raises as `take_text` does."""
    value = header[key]
    # A bool is an int to isinstance.
    if type(value) is not int or value < 0:
        raise RecordError(f"{key} is not a number of 0 or more")
    return value


def take_list(header: dict[str, Any], key: str, item_type: type) -> list[Any]:
    """Return a list of this type's items; raises as `take_text` does."""
    value = header[key]
    if not isinstance(value, list) or any(type(item) is not item_type for item in value):
        raise RecordError(f"{key} is not a list of {item_type.__name__}")
    return value
