"""Sets of characters for regular expressions."""

import re
from collections.abc import Callable
from functools import cache, partial

_RANGE = re.compile(r".(?:-.)?", re.DOTALL)


def read_ranges(ranges: str) -> str:
    """Return ranges of code points in hexadecimal as the inside of a regular expression's set."""
    return "".join("-".join(chr(int(code, 16)) for code in each.split("-")) for each in ranges.split())


def late(pattern: str, flags: int = 0) -> Callable[[], re.Pattern[str]]:
    """Return what gives an expression, which is made when it is first asked for.

    To make one with many ranges takes a millisecond or more, and most commands never meet a text that needs it.
    """
    return cache(partial(re.compile, pattern, flags))


def screen(characters: str, beyond: str = "\U00010000-\U0001efff") -> re.Pattern[str]:
    """Return an expression that says quickly of most texts that they have none of some characters.

    `re` is slow at sets with much beyond Unicode's first plane, so that `beyond` has to be few and large ranges.
    """
    first_plane = (found[0] for found in _RANGE.finditer(characters) if found[0] < "\U00010000")
    return re.compile(f"[{''.join(first_plane)}{beyond}]")
