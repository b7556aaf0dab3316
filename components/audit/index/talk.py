"""Conversations in the index: which records each of them has, in the log's order, and how they name each other."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b

from components.archive.record import Event, RecordKind, Submission
from components.audit.index.database import Connection
from components.audit.marks import Mark, Marks, read_marks
from components.audit.query.words import fold_party
from components.audit.stanza import read_event
from policy.facts import Way

# `a` and `b` are bare JIDs as a search folds them, in order; a room has no `b`, what a person does alone has both the
# same. Conversation 0 is none: of reviews. `key` and `session` are hashes, because JIDs and ids are long.
SCHEMA = """
CREATE TABLE talk_with (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT NOT NULL, UNIQUE (a, b));
CREATE INDEX talk_with_b ON talk_with (b);
CREATE TABLE talk (idx INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, turn INTEGER NOT NULL);
CREATE INDEX talk_conversation ON talk (conversation);
CREATE TABLE talk_id (
    key INTEGER NOT NULL, role INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (key, role, idx)
) WITHOUT ROWID;
CREATE TABLE talk_move (
    conversation INTEGER NOT NULL, idx INTEGER NOT NULL, session INTEGER NOT NULL, epoch INTEGER NOT NULL,
    joins INTEGER NOT NULL, PRIMARY KEY (conversation, idx)
) WITHOUT ROWID;
"""
TABLES = ("talk_with", "talk", "talk_id", "talk_move")

REVIEWS = 0
"""The conversation of the records that say what reviewers did."""

SELF = "110"
"""The status code by which a room tells an occupant that it is about them (XEP-0045, 7.2.2)."""
_ARCHIVE_QUERY = b"urn:xmpp:mam:"  # XEP-0313
_NOBODYS = """
DELETE FROM talk_with WHERE NOT EXISTS (SELECT 1 FROM talk WHERE conversation = talk_with.id)
AND NOT EXISTS (SELECT 1 FROM talk_move WHERE conversation = talk_with.id)
"""


class Turn(IntEnum):
    """What a record is in a conversation."""

    SAYS = 1
    CHANGES = 2  # corrects, retracts, reacts
    ACKNOWLEDGES = 3
    MOVES = 4  # joins or leaves a room
    TYPES = 5  # a chat state
    PRESENCE = 6
    SESSION = 7
    ASKS_ARCHIVE = 8
    REVIEWS = 9


class IdRole(IntEnum):
    """How a record has an id: as its own, or as that of another message or record that it is about."""

    OWN = 0
    TARGET = 1
    ABOUT = 2


_TURNS = {
    Mark.MESSAGE: Turn.SAYS,
    Mark.SUBJECT: Turn.SAYS,
    Mark.INVITE: Turn.SAYS,
    Mark.CORRECTION: Turn.CHANGES,
    Mark.RETRACTION: Turn.CHANGES,
    Mark.REACTION: Turn.CHANGES,
    Mark.RECEIPT: Turn.ACKNOWLEDGES,
    Mark.MARKER: Turn.ACKNOWLEDGES,
    Mark.JOIN: Turn.MOVES,
    Mark.LEAVE: Turn.MOVES,
    Mark.CHAT_STATE: Turn.TYPES,
}


@dataclass(frozen=True, slots=True)
class TalkRow:
    """A record's place, turn and conversation, the hashes of its ids by their roles, and of the session that moves.

    `parties` are one bare JID for a room, two for others, none for a record that only is about another one.
    """

    place: int
    turn: Turn
    parties: tuple[str, ...]
    keys: tuple[tuple[int, IdRole], ...] = ()
    session: int = 0
    epoch: int = 0
    joins: bool = False


def key_of(text: str) -> int:
    """Return the hash by which the index has an id, a session or an epoch."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def fold_bare(jid: str) -> str:
    """Return a bare JID as a search folds it."""
    return fold_party(jid.partition("/")[0])


def read_talk(place: int, submission: Submission) -> TalkRow | None:
    """Return what a submission is in a conversation; None for requests that belong to none. Never raises."""
    if submission.kind is RecordKind.SESSION:
        jid = read_event(submission.body).sender
        return TalkRow(place, Turn.SESSION, _pair(jid, jid)) if jid else None
    marks = read_marks(submission.body)
    if marks.kind == "iq":
        return _read_request(place, submission, marks)
    is_move = marks.mark in (Mark.JOIN, Mark.LEAVE)
    if not marks.kind or (marks.kind == "presence" and submission.way == Way.SERVER and not is_move):
        return None  # it cannot be read; or each contact's copy of what a person did
    if is_move:
        return _read_move(place, submission, marks)
    keys = _keys(own_ids(marks), target_ids(marks))
    turn = _TURNS.get(marks.mark, Turn.PRESENCE if marks.kind == "presence" else Turn.SAYS)
    if marks.type == "error":
        # It has the id of the stanza that could not be delivered (RFC 6120, 8.3).
        turn, keys = Turn.ACKNOWLEDGES, _keys((), (marks.id,))
    if marks.type == "groupchat":
        return TalkRow(place, turn, (fold_bare(marks.room),), keys)
    return TalkRow(place, turn, _pair(marks.sender, marks.to or marks.sender), keys)


def _read_move(place: int, submission: Submission, marks: Marks) -> TalkRow:
    room = fold_bare(marks.room)
    session = session_of(marks)
    joins = marks.mark is Mark.JOIN and submission.action in ("release", "amend")
    return TalkRow(
        place,
        Turn.MOVES,
        (room,),
        _keys(own_ids(marks), ()),
        key_of(session),
        key_of(submission.epoch),
        joins,
    )


def session_of(marks: Marks) -> str:
    """Return the full JID of who joins or leaves a room: a room tells each session of itself (status 110), and others.

    Of others it tells their address in the room.
    """
    is_told = fold_bare(marks.sender) == fold_bare(marks.room)
    return marks.to if is_told and SELF in marks.detail.split() else marks.sender


def _read_request(place: int, submission: Submission, marks: Marks) -> TalkRow | None:
    """Read a request that concerns what was said: to the archive, of a moderator, and what one has read."""
    sender, target = marks.sender, _keys((), (marks.target,))
    if marks.mark is Mark.MARKER:
        return TalkRow(place, Turn.ACKNOWLEDGES, _pair(sender, marks.person), target)
    if marks.mark in (Mark.RETRACTION, Mark.LEAVE):
        return TalkRow(place, Turn.CHANGES, (fold_bare(marks.to),), target)
    if marks.type == "set" and _ARCHIVE_QUERY in submission.body:
        return TalkRow(place, Turn.ASKS_ARCHIVE, _pair(sender, marks.to or sender))
    return None


def read_act(place: int, event: Event) -> TalkRow | None:
    """Return which record an act is about, if it is a reviewer's."""
    record = dict(event.details).get("record") if event.kind is RecordKind.REVIEW else None
    return TalkRow(place, Turn.REVIEWS, (), ((key_of(str(record)), IdRole.ABOUT),)) if record else None


def own_ids(marks: Marks) -> tuple[str, ...]:
    """Return the ids by which others may name a message (XEP-0308, 3; XEP-0359)."""
    return tuple(
        dict.fromkeys(filter(None, (marks.id, marks.origin_id, *(id_ for _, id_ in marks.stanza_ids))))
    )


def target_ids(marks: Marks) -> tuple[str, ...]:
    """Return the ids of the messages that one is about: what it changes, acknowledges or answers."""
    named = (marks.target, marks.reply_to, *(id_ for _, id_ in marks.also))
    return tuple(dict.fromkeys(filter(None, named)))


def _keys(own: Iterable[str], targets: Iterable[str]) -> tuple[tuple[int, IdRole], ...]:
    return (
        *((key_of(id_), IdRole.OWN) for id_ in own),
        *((key_of(id_), IdRole.TARGET) for id_ in targets if id_),
    )


def _pair(sender: str, to: str) -> tuple[str, str]:
    first, second = sorted((fold_bare(sender), fold_bare(to)))
    return first, second


def insert_talk(db: Connection, rows: Iterable[TalkRow]) -> None:
    """Insert rows, within the caller's transaction."""
    known: dict[tuple[str, ...], int] = {(): REVIEWS}
    for row in rows:
        if (conversation := known.get(row.parties)) is None:
            conversation = known[row.parties] = _number_conversation(db, row.parties)
        db.execute("INSERT OR REPLACE INTO talk VALUES (?, ?, ?)", (row.place, conversation, row.turn))
        if row.keys:
            keys = ((key, role, row.place) for key, role in row.keys)
            db.executemany("INSERT OR IGNORE INTO talk_id VALUES (?, ?, ?)", keys)
        if row.session:
            move = (conversation, row.place, row.session, row.epoch, row.joins)
            db.execute("INSERT OR REPLACE INTO talk_move VALUES (?, ?, ?, ?, ?)", move)


def _number_conversation(db: Connection, parties: tuple[str, ...]) -> int:
    a, b = (*parties, "")[:2]
    db.execute("INSERT OR IGNORE INTO talk_with (a, b) VALUES (?, ?)", (a, b))
    (number,) = db.execute("SELECT id FROM talk_with WHERE a = ? AND b = ?", (a, b)).fetchone()
    return int(number)


def forget_talk(db: Connection, places: Iterable[int]) -> None:
    """Remove records, and conversations of which nothing is left, within the caller's transaction."""
    keys = [(place,) for place in places]
    for table in ("talk", "talk_id", "talk_move"):
        db.executemany(f"DELETE FROM {table} WHERE idx = ?", keys)  # noqa: S608 - constant names
    db.execute(_NOBODYS)
