import hmac

import pytest

from components.archive.conversation import ConversationHash
from components.archive.log.leaf import NO_CONVERSATION
from policy.facts import StanzaFacts, Way

KEY = bytes(range(32))
ALICE, BOB, ROOM = "alice@metals.example", "bob@metals.example", "desk@rooms.metals.example"


def message(sender: str, to: str, type_: str = "chat", way: Way = Way.C2S) -> StanzaFacts:
    return StanzaFacts(way, "message", type_, sender, to)


@pytest.fixture
def conversations() -> ConversationHash:
    return ConversationHash(KEY)


def expected(*lines: str) -> bytes:
    return hmac.new(KEY, "".join(f"{line}\n" for line in lines).encode(), "sha256").digest()[:16]


def test_two_people_whoever_speaks_and_wherever(conversations: ConversationHash) -> None:
    for sender, to in ((ALICE, BOB), (BOB, ALICE)):
        for sender_resource in ("", "/desk", "/phone"):
            for to_resource in ("", "/desk", "/a/b"):
                facts = message(sender + sender_resource, to + to_resource)
                assert conversations.hash(facts) == expected(ALICE, BOB)


@pytest.mark.parametrize("type_", ["chat", "normal", "error", "headline", "get", "subscribe", ""])
def test_all_but_a_rooms_talk_is_between_two(type_: str, conversations: ConversationHash) -> None:
    assert conversations.hash(message(f"{ALICE}/desk", BOB, type_)) == expected(ALICE, BOB)


def test_oneself(conversations: ConversationHash) -> None:
    assert conversations.hash(message(f"{ALICE}/desk", f"{ALICE}/phone")) == expected(ALICE, ALICE)


def test_a_room_whoever_speaks(conversations: ConversationHash) -> None:
    for sender in (ALICE, BOB):
        assert conversations.hash(message(f"{sender}/desk", ROOM, "groupchat")) == expected(ROOM)
    assert conversations.of_room(f"{ROOM}/alice") == expected(ROOM)


@pytest.mark.parametrize("way", [Way.S2S, Way.COMPONENT, Way.SERVER])
def test_a_room_that_tells_it_to_its_occupants(way: Way, conversations: ConversationHash) -> None:
    told = message(f"{ROOM}/alice", f"{BOB}/desk", "groupchat", way)
    assert conversations.hash(told) == expected(ROOM)


def test_a_client_that_calls_a_message_to_another_a_rooms(conversations: ConversationHash) -> None:
    facts = message(f"{ALICE}/desk", f"{BOB}/desk", "groupchat")
    assert conversations.hash(facts) == expected(ALICE, BOB)


@pytest.mark.parametrize("first", ["get", "groupchat"])
def test_what_else_goes_between_a_room_and_somebody(first: str, conversations: ConversationHash) -> None:
    """The same two addresses, whichever came first."""
    second = {"get": "groupchat", "groupchat": "get"}[first]
    for type_ in (first, second, first):
        expects = expected(ROOM) if type_ == "groupchat" else expected(ALICE, ROOM)
        assert conversations.hash(message(f"{ALICE}/desk", ROOM, type_)) == expects


def test_nobody(conversations: ConversationHash) -> None:
    assert conversations.hash(message(f"{ALICE}/desk", "")) == NO_CONVERSATION
    event = StanzaFacts(Way.SESSION, "bind", "", f"{ALICE}/desk", BOB)
    assert conversations.hash(event) == NO_CONVERSATION


def test_without_the_key_nobody_can_guess_it() -> None:
    facts = message(ALICE, BOB)
    assert ConversationHash(KEY).hash(facts) != ConversationHash(bytes(32)).hash(facts)


def test_names_do_not_run_into_one_another(conversations: ConversationHash) -> None:
    names = [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc")]
    assert len({conversations.of_people(*pair) for pair in names}) == 3  # the last two are one pair
    assert conversations.of_room("a\nb") == conversations.of_people("a", "b")  # no JID has a newline


def test_text_without_utf8_has_a_hash(conversations: ConversationHash) -> None:
    assert len(conversations.hash(message("\ud800@metals.example", BOB))) == 16


def test_it_does_not_remember_without_end(
    conversations: ConversationHash, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.archive.conversation._KEPT", 10)
    for number in range(35):
        peer = f"{number}@metals.example"
        assert conversations.hash(message(ALICE, peer)) == expected(*sorted((ALICE, peer)))
        assert len(conversations._known) <= 10
