"""What was said in a conversation before and after a record: hits in context."""

from collections.abc import Iterable

from components.audit.index.database import Connection
from components.audit.index.logs import EVERY_PLACE
from components.audit.index.pages import name_place
from components.audit.index.talk import Turn
from components.audit.index.talk_find import find_last_turns, find_turn, find_turns
from components.audit.lookup import Lookup
from components.audit.query.compile import Where
from components.audit.view import Around

_TURNS = (Turn.SAYS, Turn.CHANGES)
# One asked for as many as this is enough to fill a screen.
MAX_CONTEXT = 100


async def view_around(lookup: Lookup, places: Iterable[int], count: int) -> dict[str, Around]:
    """Return, by the id of each record at these places, what was said around it: at most `count` on either side."""
    found = {}
    for place in places:
        with lookup.index.look() as db:
            before, after = _find_around(db, place, min(count, MAX_CONTEXT), lookup.asked.scope)
        views = [tuple(await lookup.view(some)) for some in (before, after)]
        shown = [tuple(view for view in some if not view.destroyed) for some in views]
        found[name_place(place, lookup.names)] = Around(shown[0], shown[1])
    return found


def _find_around(db: Connection, place: int, count: int, scope: Where) -> tuple[list[int], list[int]]:
    turn = find_turn(db, place)
    if turn is None:
        return [], []
    earlier = find_last_turns(db, [turn[2]], _TURNS, range(EVERY_PLACE.start, place), count)
    later = find_turns(db, [turn[2]], _TURNS, range(place + 1, EVERY_PLACE.stop), count)
    sides = ([number for number, _, _ in some] for some in (earlier, later))
    before, after = ([number for number in some if _is_within(db, number, scope)] for some in sides)
    return before, after


def _is_within(db: Connection, place: int, scope: Where) -> bool:
    sql = f"SELECT 1 FROM entry WHERE idx = ? AND {scope.sql}"  # noqa: S608 - constant: see compile_query
    return db.execute(sql, (place, *scope.parameters)).fetchone() is not None
