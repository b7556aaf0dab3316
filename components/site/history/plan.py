"""What to make up: among whom, how much, from when until when."""

from collections.abc import Sequence
from dataclasses import dataclass

from components.site.history.told import Speaker
from components.site.history.words import SCENES, Scene

NS_PER_S = 1_000_000_000
_DAY_S, _OPENS_S, _CLOSES_S = 86_400, 7 * 3600, 19 * 3600


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make up: so many turns, from `begin_ns` (Unix time) in steps of about `step_s`; `scenes` are planted.

    After every `restart_after` turns the server starts anew, and all sessions and rooms are empty. `session` is what
    the names of sessions begin with. Nothing is said from `until_ns` on; if `is_office`, little
    at night and on weekends. With `has_files`, some messages have a small file inside.
    """

    seed: int
    people: Sequence[Speaker]
    rooms: Sequence[str]
    turns: int
    begin_ns: int
    step_s: float = 30.0
    scenes: Sequence[Scene] = SCENES
    restart_after: int = 20_000
    epoch: str = "history"
    session: str = ""
    until_ns: int = 2**63 - 1
    is_office: bool = False
    has_files: bool = False


def next_in_office(at_ns: int) -> int:
    """Return a time, or the next opening of an office (UTC) if it lies outside of its hours."""
    at_s, rest_ns = divmod(at_ns, NS_PER_S)
    day, second = divmod(at_s, _DAY_S)
    if second >= _CLOSES_S:
        day, second = day + 1, _OPENS_S
    second = max(second, _OPENS_S)
    # 1 January 1970 was a Thursday.
    while (day + 3) % 7 >= 5:
        day, second = day + 1, _OPENS_S
    return (day * _DAY_S + second) * NS_PER_S + rest_ns
