"""Reads JSON that others wrote: what cannot be read is one kind of error."""

import json
from typing import Any


def read_json(text: str | bytes) -> Any:
    """Return what a text of JSON says; raises ValueError, also if it is too deep inside itself to be read.

    Python's own reader tells that by a RecursionError, which nobody expects of a text.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists or objects are too deep inside one another") from None
