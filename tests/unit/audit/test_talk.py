"""Which records a conversation has, as the index knows it."""

import re
from collections.abc import Iterator

import pytest

from components.archive.record import Event, RecordKind, Submission
from components.audit.index.database import Database
from components.audit.index.forget import forget
from components.audit.index.logs import IndexedLog
from components.audit.index.routes import NO_CONVERSATION
from components.audit.index.rows import Rows
from components.audit.index.talk import TalkRow, Turn, read_act, read_talk
from components.audit.index.talk_find import (
    find_by_ids,
    find_conversations,
    find_last_turns,
    find_own,
    find_present,
    find_turn,
    find_turns,
)
from components.audit.query.compile import compile_query
from components.audit.query.ids import OWN_WORDS, IdRole, hash_id, id_word
from components.audit.query.parser import parse_query
from components.audit.query.words import index_words
from tests.support.made_index import empty_index
from tests.support.query_corpus import open_made

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
def db() -> Iterator[Database]:
    with empty_index() as database:
        database.execute("INSERT INTO made VALUES (0, '', '')")
        yield database


def insert(db: Database, *said: Submission | Event) -> None:
    rows = Rows(IndexedLog.GATE, None)
    for place, each in enumerate(said):
        rows.add(open_made(place, each))
    rows.insert(db)


def places(db: Database, *parties: str) -> list[int]:
    return [place for place, _, _ in find_turns(db, find_conversations(db, parties), Turn, ALL, 100)]


def test_a_pair_is_one_conversation_whoever_writes_from_wherever(db: Database) -> None:
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


def test_pages_in_both_directions(db: Database) -> None:
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


def test_messages_are_found_by_their_ids_and_by_those_that_they_are_about(db: Database) -> None:
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


def test_who_is_in_a_room(db: Database) -> None:
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
    nothing = TalkRow(Turn.NONE, ())
    assert read_talk(submission("<iq xmlns='jabber:client' type='get' from='a@b' to='c@d'/>")) == nothing
    assert read_talk(submission("<presence")) == nothing
    copy = submission(f"<presence xmlns='jabber:client' from='{ALICE}/a' to='{BOB}'/>", "server")
    assert read_talk(copy) == nothing
    assert read_act(Event(RecordKind.FILE, "received", (), 0)) == nothing


def test_what_is_destroyed_is_forgotten_with_its_conversation(db: Database) -> None:
    review = Event(RecordKind.REVIEW, "release", (("record", "gate/0"),), 0)
    join = stanza("presence", f"{BOB}/b", f"{ROOM}/Bo", MUC)
    insert(db, stanza("message", ALICE, BOB, more="id='m1'"), join, review)
    pair = find_conversations(db, [ALICE, BOB])
    assert len(pair) == 1
    forget(db, [0, 1])
    rows = {
        table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("talk_with", "talk_move")
    }
    assert rows == {"talk_with": 0, "talk_move": 0}
    assert find_by_ids(db, ["m1"], IdRole.OWN, pair, 9) == []
    assert find_by_ids(db, ["gate/0"], IdRole.ABOUT, [NO_CONVERSATION], 9) == [2]


def test_an_error_and_a_request_are_no_message_of_the_conversation(db: Database) -> None:
    marker = "<displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/>"
    insert(
        db,
        stanza("message", ALICE, BOB, more="id='m1'"),
        stanza("message", BOB, ALICE, "<error type='cancel'/>", more="type='error' id='m1'"),
        stanza("message", BOB, ALICE, marker, more="id='m2'"),
        stanza("iq", ALICE, BOB, "<ping xmlns='urn:xmpp:ping'/>", more="type='get' id='m1'"),
    )
    pair = find_conversations(db, [ALICE, BOB])
    assert find_by_ids(db, ["m1"], IdRole.OWN, pair, 9) == [0]
    assert find_by_ids(db, ["m1"], IdRole.TARGET, pair, 9) == [1, 2]
    named = compile_query(parse_query("id:m1", 0))
    found = db.execute(f"SELECT idx FROM entry WHERE {named.sql} ORDER BY idx", named.parameters).fetchall()
    assert found == [(0,), (1,), (3,)]


def test_a_room_with_more_routes_than_one_look_takes(db: Database) -> None:
    people = [f"p{number}@metals.example/x" for number in range(600)]
    insert(db, *(stanza("message", person, ROOM, more="type='groupchat'") for person in people))
    room = find_conversations(db, [ROOM])
    assert [place for place, _, _ in find_turns(db, room, [Turn.SAYS], range(100, 500), 7)] == [
        *range(100, 107)
    ]
    assert [place for place, _, _ in find_last_turns(db, room, Turn, ALL, 300)] == [*range(300, 600)]


def test_no_text_has_a_word_of_the_index_and_no_id_finds_a_text(db: Database) -> None:
    word = id_word(IdRole.OWN, hash_id("m1"))
    assert re.fullmatch(":i[a-z0-9]{11}", word)
    assert not any(OWN_WORDS[0] in form for form in index_words(f"{word} :r1 ：i {word.upper()}"))
    insert(
        db,
        stanza("message", ALICE, BOB, f"<body>{word} :r1</body>"),
        stanza("message", ALICE, BOB, more="id='m1'"),
    )
    assert [idx for (idx,) in db.execute("SELECT rowid FROM word WHERE word MATCH ?", (f'"{word}"',))] == [1]
    vocabulary = "CREATE VIRTUAL TABLE temp.all_words USING fts5vocab(main, word, row)"
    db.execute(vocabulary)
    own = db.execute("SELECT term FROM temp.all_words WHERE term > ? AND term < ?", OWN_WORDS).fetchall()
    assert (word,) in own
    assert all(term.startswith((":i", ":r")) for (term,) in own)


def test_hashes_of_ids_are_as_many_as_the_ids() -> None:
    assert len({hash_id(f"m{number}") for number in range(100_000)}) == 100_000
    assert hash_id("\ud800") != hash_id("\ud801")
