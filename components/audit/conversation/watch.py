"""Fetches what a person did that says what had reached them: sessions, questions to archives, joins."""

from collections.abc import Iterable, Sequence

from components.audit.conversation.gather import Talk, places_of
from components.audit.conversation.said import Said
from components.audit.conversation.seen import Session, Watched, read_session
from components.audit.index.logs import find_record
from components.audit.index.talk import Turn, fold_bare, session_of
from components.audit.index.talk_find import find_last_turns, find_own, find_turns
from components.audit.stanza import read_event

_MOST = 2_000
_BEFORE = 64  # events of sessions before the first message: who has more devices at once has too many


async def watch(talk: Talk, person: str, shown: Sequence[Said], until_ns: int, end_place: int) -> Watched:
    """Return what a person did from the first of some records on, as far as it says what had reached them."""
    folded = fold_bare(person)
    if not shown:
        return Watched(folded, until_ns)
    first = shown[0].place
    with talk.index.look() as db:
        number = find_own(db, folded)
        own = () if number is None else (number,)
        turns = [
            *find_last_turns(
                db, own, (Turn.SESSION,), range(places_of(find_record(first)[0]).start, first), _BEFORE
            ),
            *find_turns(db, own, (Turn.SESSION,), range(first, end_place), _MOST),
        ]
        asked = (*own, *talk.conversations)
        queries = find_turns(db, asked, (Turn.ASKS_ARCHIVE,), range(first, end_place), _MOST)
        moves = find_turns(db, talk.conversations, (Turn.MOVES,), range(first, end_place), _MOST)
    return Watched(
        folded,
        until_ns,
        _read_sessions(await talk.fetch(turns)),
        [each for each in await talk.fetch(queries) if each.author == folded],
        [each for each in await talk.fetch(moves) if fold_bare(session_of(each.marks)) == folded],
    )


def _read_sessions(said: Iterable[Said]) -> list[Session]:
    sessions = []
    for each in said:
        if each.submission is None:
            continue
        read = read_event(each.submission.body)
        session = read_session(each, read.text.partition("\n")[0], read.sender)
        if session is not None:
            sessions.append(session)
    return sessions
