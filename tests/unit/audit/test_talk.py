"""Which records a conversation has, as the index knows it."""

import sqlite3
from collections.abc import Iterator

import pytest

from components.archive.record import Event, RecordKind, Submission
from components.audit.index import talk
from components.audit.index.talk import IdRole, Turn, insert_talk, read_act, read_talk
from components.audit.index.talk_find import (
    find_by_ids,
    find_conversations,
    find_last_turns,
    find_own,
    find_present,
    find_turn,
    find_turns,
)

ALICE, BOB, CAROL, ROOM = (
    "alice@metals.example",
    "Bob@metals.example",
    "carol@metals.example",
    "deals@r.example",
)
ALL = range(1 << 40)
MUC = "<x xmlns='http://jabber.org/protocol/muc'/>"
TOLD = "<x xmlns='http://jabber.org/protocol/muc#user'><item/><status code='110'/></x>"


def stanza(name: str, sender: str, to: str, content: str = "<body>x</body>", more: str = "") -> Submission:
    body = f"<{name} xmlns='jabber:client' from='{sender}' to='{to}' {more}>{content}</{name}>"
    return submission(body)


def submission(
    body: str, way: str = "c2s", kind: RecordKind = RecordKind.STANZA, epoch: str = "e"
) -> Submission:
    return Submission(kind, epoch, 1, way, "s", 0, "release", (), None, body.encode())


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(":memory:")
    database.executescript(talk.SCHEMA)
    yield database
    database.close()


def insert(db: sqlite3.Connection, *said: Submission) -> None:
    insert_talk(db, filter(None, (read_talk(place, each) for place, each in enumerate(said))))


def places(db: sqlite3.Connection, *parties: str) -> list[int]:
    return [place for place, _, _ in find_turns(db, find_conversations(db, parties), Turn, ALL, 100)]


def test_a_pair_is_one_conversation_whoever_writes_from_wherever(db: sqlite3.Connection) -> None:
    insert(
        db,
        stanza("message", f"{ALICE}/desk", f"{BOB}/phone"),
        stanza("message", f"{BOB}/x", ALICE),
        stanza("message", f"{ALICE}/desk", CAROL),
        stanza("message", f"{ALICE}/desk", ALICE),
        stanza("message", f"{ALICE}/desk", ROOM, more="type='groupchat'"),
        stanza("message", f"{ALICE}/desk", BOB.lower(), more="type='groupchat'"),
    )
    assert places(db, ALICE, BOB.upper()) == [0, 1, 5]
    assert places(db, ALICE, BOB, CAROL) == [0, 1, 2, 5]
    assert places(db, ROOM) == [4]
    assert places(db, ALICE) == [0, 1, 2]
    assert find_own(db, ALICE) is not None
    assert find_own(db, CAROL) is None


def test_pages_in_both_directions(db: sqlite3.Connection) -> None:
    insert(db, *(stanza("message", ALICE, (BOB, CAROL)[number % 2]) for number in range(20)))
    pair = find_conversations(db, [ALICE, BOB])
    both = find_conversations(db, [ALICE, BOB, CAROL])
    first = find_turns(db, both, [Turn.SAYS], range(3, 9), 4)
    assert [place for place, _, _ in first] == [3, 4, 5, 6]
    last = find_last_turns(db, both, [Turn.SAYS], range(3, 9), 4)
    assert [place for place, _, _ in last] == [5, 6, 7, 8]
    assert [place for place, _, _ in find_last_turns(db, pair, [Turn.SAYS], range(0, 9), 2)] == [6, 8]
    assert find_turns(db, pair, [Turn.MOVES], ALL, 9) == []
    assert find_turn(db, 3) == (3, Turn.SAYS, *find_conversations(db, [ALICE, CAROL]))


def test_messages_are_found_by_their_ids_and_by_those_that_they_are_about(db: sqlite3.Connection) -> None:
    correct = "<replace id='m1' xmlns='urn:xmpp:message-correct:0'/><body>y</body>"
    insert(
        db,
        stanza("message", ALICE, BOB, more="id='m1'"),
        stanza("message", ALICE, CAROL, more="id='m1'"),
        stanza("message", ALICE, BOB, correct, more="id='m2'"),
    )
    pair = find_conversations(db, [ALICE, BOB])
    assert find_by_ids(db, ["m1"], IdRole.OWN, pair, 9) == [0]
    assert find_by_ids(db, ["m1", "m2"], IdRole.TARGET, pair, 9) == [2]


def test_who_is_in_a_room(db: sqlite3.Connection) -> None:
    insert(
        db,
        stanza("presence", f"{ALICE}/a", f"{ROOM}/Al", MUC),
        stanza("presence", f"{BOB}/b", f"{ROOM}/Bo", MUC),
        submission(
            f"<presence xmlns='jabber:client' from='{ROOM}/Al' to='{ALICE}/a'>{TOLD}</presence>", "server"
        ),
        stanza("presence", f"{BOB}/b", f"{ROOM}/Bo", "", "type='unavailable'"),
        submission(
            f"<presence xmlns='jabber:client' from='{ROOM}/Ca' to='{CAROL}/c'>{TOLD}</presence>",
            "server",
            epoch="f",
        ),
    )
    (room,) = find_conversations(db, [ROOM])
    assert find_present(db, room, "e", range(2)) == [0, 1]
    assert find_present(db, room, "e", range(5)) == [2]
    assert find_present(db, room, "f", range(5)) == [4]


def test_what_belongs_to_no_conversation_is_left_out() -> None:
    assert read_talk(0, submission("<iq xmlns='jabber:client' type='get' from='a@b' to='c@d'/>")) is None
    assert read_talk(0, submission("<presence")) is None
    copy = submission(f"<presence xmlns='jabber:client' from='{ALICE}/a' to='{BOB}'/>", "server")
    assert read_talk(0, copy) is None
    assert read_act(0, Event(RecordKind.FILE, "received", (), 0)) is None


def test_what_is_destroyed_is_forgotten_with_its_conversation(db: sqlite3.Connection) -> None:
    insert(
        db, stanza("message", ALICE, BOB, more="id='m1'"), stanza("presence", f"{BOB}/b", f"{ROOM}/Bo", MUC)
    )
    event = Event(RecordKind.REVIEW, "release", (("record", "gate/0"),), 0)
    insert_talk(db, filter(None, [read_act(2, event)]))
    talk.forget_talk(db, [0, 1])
    rows = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in talk.TABLES}
    assert rows == {"talk_with": 0, "talk": 1, "talk_id": 1, "talk_move": 0}
