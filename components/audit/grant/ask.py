"""What a person types to ask for a grant, read."""

import re
import time
from collections.abc import Sequence

from components.audit.grant.fold import read_numbers
from components.audit.grant.segments import SegmentChoice
from components.audit.moment import parse_time
from components.process.errors import SiteError

_FROM_NOW = re.compile(r"([1-9][0-9]{0,3})([hd])")
_SECONDS = {"h": 3600, "d": 86_400}


def parse_until(text: str) -> int:
    """Read a time, or hours or days from now (`8h`, `5d`): nanoseconds since 1970; raises SiteError."""
    if found := _FROM_NOW.fullmatch(text):
        return time.time_ns() + int(found[1]) * _SECONDS[found[2]] * 10**9
    return parse_time(text)


def parse_choice(
    segments: str, after: str, before: str, conversations: Sequence[str], holds: Sequence[str]
) -> SegmentChoice:
    """Read what is to be opened; raises SiteError."""
    try:
        numbers = tuple(read_numbers(segments)) if segments else ()
    except ValueError:
        raise SiteError(f"{segments!r} are no segments: write them as in 3-9,12") from None
    talks = tuple(tuple(jid.strip() for jid in each.split(",")) for each in conversations)
    for each in talks:
        if len(each) > 2:
            raise SiteError(
                f"{', '.join(each)}: a conversation is two JIDs with a comma between, or a room's"
            )
    after_ns, before_ns = (parse_time(text) if text else 0 for text in (after, before))
    return SegmentChoice(numbers, after_ns, before_ns, talks, tuple(holds))
