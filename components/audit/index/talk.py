"""Conversations in the index: which records each of them has, in the log's order, and how they name each other."""

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from components.archive.record import Event, RecordKind, Submission
from components.audit.index.database import Connection
from components.audit.index.routes import keep_conversation
from components.audit.marks import Mark, Marks, read_marks
from components.audit.query.ids import IdRole, hash_id, id_word
from components.audit.query.words import fold_party
from components.audit.stanza import has_words, read_event
from policy.facts import Way

# An entry has its turn, and its conversation by its route (index/routes.py). Of who moves, `session` and `epoch` are
# hashes, because JIDs are long.
SCHEMA = """
CREATE TABLE talk_move (
    conversation INTEGER NOT NULL, idx INTEGER NOT NULL, session TEXT NOT NULL, epoch TEXT NOT NULL,
    joins INTEGER NOT NULL, PRIMARY KEY (conversation, idx)
) WITHOUT ROWID;
CREATE INDEX talk_move_idx ON talk_move (idx);
"""
TABLES = ("talk_move",)

_MOVE = """
INSERT INTO talk_move VALUES (?, ?, ?, ?, ?) ON CONFLICT (conversation, idx) DO UPDATE SET
    session = excluded.session, epoch = excluded.epoch, joins = excluded.joins
"""

SELF = "110"
"""The status code by which a room tells an occupant that it is about them (XEP-0045, 7.2.2)."""
_ARCHIVE_QUERY = b"urn:xmpp:mam:"  # XEP-0313


class Turn(IntEnum):
    """What a record is in a conversation, if it is in one."""

    NONE = 0
    SAYS = 1
    CHANGES = 2  # corrects, retracts, reacts
    ACKNOWLEDGES = 3
    MOVES = 4  # joins or leaves a room
    TYPES = 5  # a chat state
    PRESENCE = 6
    SESSION = 7
    ASKS_ARCHIVE = 8
    REVIEWS = 9


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


# What has no words of its own, as clients send it. Where somebody puts words there, others may read them.
_WORDLESS = (Turn.ACKNOWLEDGES, Turn.TYPES)
_BY_PEOPLE = frozenset({Way.C2S, Way.S2S})


class TalkRow(NamedTuple):
    """A record's turn and conversation, the index's words of its ids by their roles, and who moves, by hashes.

    `parties` are one bare JID for a room, two for others, none for a record that only is about another one.
    """

    turn: Turn
    parties: tuple[str, ...]
    ids: tuple[str, ...] = ()
    session: str = ""
    epoch: str = ""
    joins: bool = False


def _alone(marks: Marks) -> TalkRow:
    """Return that a record belongs to no conversation, but is found by its ids."""
    return TalkRow(Turn.NONE, (), _words(IdRole.ALONE, own_ids(marks)))


def fold_bare(jid: str) -> str:
    """Return a bare JID as a search folds it."""
    return fold_party(jid.partition("/")[0])


def read_talk(submission: Submission) -> TalkRow:
    """Return what a submission is in a conversation, if it is in one. Never raises."""
    if submission.kind is RecordKind.SESSION:
        jid = read_event(submission.body).sender
        return TalkRow(Turn.SESSION, _pair(jid, jid)) if jid else TalkRow(Turn.NONE, ())
    marks = read_marks(submission.body)
    if marks.kind == "iq":
        return _read_request(submission, marks)
    is_move = marks.mark in (Mark.JOIN, Mark.LEAVE)
    if not marks.kind or (marks.kind == "presence" and submission.way == Way.SERVER and not is_move):
        return _alone(marks)  # it cannot be read; or each contact's copy of what a person did
    if is_move:
        return _read_move(submission, marks)
    turn = _TURNS.get(marks.mark, Turn.PRESENCE if marks.kind == "presence" else Turn.SAYS)
    role = IdRole.OWN
    if marks.type == "error":
        turn, role = Turn.ACKNOWLEDGES, IdRole.ALONE
    ids = _words(role, own_ids(marks)) + _words(IdRole.TARGET, target_ids(marks))
    if turn in _WORDLESS and submission.way in _BY_PEOPLE and has_words(submission.body):
        turn = Turn.SAYS
    parties = (
        (fold_bare(marks.room),)
        if marks.type == "groupchat"
        else _pair(marks.sender, marks.to or marks.sender)
    )
    return TalkRow(turn, parties, ids)


def _read_move(submission: Submission, marks: Marks) -> TalkRow:
    joins = marks.mark is Mark.JOIN and submission.action in ("release", "amend")
    return TalkRow(
        Turn.MOVES,
        (fold_bare(marks.room),),
        _words(IdRole.OWN, own_ids(marks)),
        hash_id(session_of(marks)),
        hash_id(submission.epoch),
        joins,
    )


def session_of(marks: Marks) -> str:
    """Return the full JID of who joins or leaves a room: a room tells each session of itself (status 110), and others.

    Of others it tells their address in the room.
    """
    is_told = fold_bare(marks.sender) == fold_bare(marks.room)
    return marks.to if is_told and SELF in marks.detail.split() else marks.sender


def _read_request(submission: Submission, marks: Marks) -> TalkRow:
    """Read a request that concerns what was said: to the archive, of a moderator, and what one has read."""
    alone, sender = _alone(marks), marks.sender
    ids = alone.ids + _words(IdRole.TARGET, (marks.target,))
    if marks.mark is Mark.MARKER:
        return TalkRow(Turn.ACKNOWLEDGES, _pair(sender, marks.person), ids)
    if marks.mark in (Mark.RETRACTION, Mark.LEAVE):
        return TalkRow(Turn.CHANGES, (fold_bare(marks.to),), ids)
    if marks.type == "set" and _ARCHIVE_QUERY in submission.body:
        return TalkRow(Turn.ASKS_ARCHIVE, _pair(sender, marks.to or sender), alone.ids)
    return alone


def read_act(event: Event) -> TalkRow:
    """Return which record an act is about, if it is a reviewer's."""
    record = dict(event.details).get("record") if event.kind is RecordKind.REVIEW else None
    return (
        TalkRow(Turn.REVIEWS, (), _words(IdRole.ABOUT, (str(record),))) if record else TalkRow(Turn.NONE, ())
    )


def own_ids(marks: Marks) -> tuple[str, ...]:
    """Return the ids by which others may name a message (XEP-0308, 3; XEP-0359)."""
    return tuple(
        dict.fromkeys(filter(None, (marks.id, marks.origin_id, *(id_ for _, id_ in marks.stanza_ids))))
    )


def target_ids(marks: Marks) -> tuple[str, ...]:
    """Return the ids of the messages that one is about: what it changes, acknowledges, answers or gives back.

    An error has the id of the stanza that could not be delivered (RFC 6120, 8.3).
    """
    if marks.type == "error":
        return (marks.id,) if marks.id else ()
    named = (marks.target, marks.reply_to, *(id_ for _, id_ in marks.also))
    return tuple(dict.fromkeys(filter(None, named)))


def _words(role: IdRole, ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(id_word(role, hash_id(id_)) for id_ in ids if id_)


def _pair(sender: str, to: str) -> tuple[str, str]:
    first, second = sorted((fold_bare(sender), fold_bare(to)))
    return first, second


def insert_moves(db: Connection, moves: Iterable[tuple[int, TalkRow]]) -> None:
    """Insert who comes and goes, each with the record's place, within the caller's transaction."""
    for place, row in moves:
        if row.session:
            move = (keep_conversation(db, row.parties), place, row.session, row.epoch, row.joins)
            db.execute(_MOVE, move)


def forget_moves(db: Connection, places: Iterable[int]) -> None:
    """Remove who came and went by these records, within the caller's transaction."""
    db.executemany("DELETE FROM talk_move WHERE idx = ?", [(place,) for place in places])
