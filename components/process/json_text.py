"""Reads JSON that others wrote: what cannot be read is one kind of error."""

import json
import math
from typing import Any, NoReturn


def read_json(text: str | bytes) -> Any:
    """Return what a text of JSON says; raises ValueError, also for what is too deep inside itself to be read.

    Python's own reader tells depth by a RecursionError, and takes numbers that are none (NaN) or beyond any (1e999),
    of which no whole number can be made: nobody expects these of a text.
    """
    try:
        return json.loads(text, parse_float=_read_float, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("lists or objects are too deep inside one another") from None


def _read_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is beyond all numbers")
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")
