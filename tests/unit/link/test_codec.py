"""The gate protocol's codec: what the adapter writes comes out as values, its bytes unchanged, however it is cut."""

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.link.codec import XMLNS, CanaryBack, Held, ProtocolError, Status, SubmissionParser
from components.link.encode import Answering, encode_inject, encode_noted, encode_verdicts
from components.link.limits import PART_MAX_BYTES
from policy.content.descendants import Descendants
from policy.decision import Action, Decision, refuse, release
from policy.facts import NamedJid, Way
from tests.support.rounds import mostly_slow

STANZAS = [
    b"<message xmlns='jabber:client' from='a@x/1' to='b@x' type='chat'><body>3 &lt; 4 &amp; \xe9\x93\x9c</body>"
    b"<x xmlns='urn:y' jid='c@x'/></message>",
    b"<presence xmlns='jabber:client' from='a@x/1'/>",
    b"<iq xmlns='jabber:client' from='a@x/1' to='x' id='1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
    b"<message xmlns='jabber:client' from='a@x/1' to='b@x'><held xmlns='urn:steelyard:gate:0'>"
    b"<forwarded xmlns='urn:xmpp:forward:0'><message/></forwarded></held></message>",
]


def held(seq: int, stanza: bytes, way: str = "c2s", host: str = "x") -> bytes:
    return (
        f"<message from='{host}' to='gate.x' xml:lang='en'><held xmlns='{XMLNS}' epoch='e1' way='{way}' session='c7' "
        f"seq='{seq}'><forwarded xmlns='urn:xmpp:forward:0'>"
    ).encode() + stanza + b"</forwarded></held></message>"  # fmt: skip


EVENT = (
    f"<message from='x' to='gate.x'><held xmlns='{XMLNS}' epoch='e1' way='session' session='c7' seq='9'>"
    "<bind jid='a@x/1' address='::1'></bind></held></message>"
).encode()
STATUS = (
    f"<message from='x' to='gate.x'><status xmlns='{XMLNS}' epoch='e1' n='3' first='8' next='9' "
    "done='7' turned-away='2'>"
    "<bounced seq='5'/><bounced seq='6'/></status></message>"
).encode()
STREAM = b" ".join([*(held(i, s) for i, s in enumerate(STANZAS, 1)), EVENT, STATUS])


def test_submission_has_facts_and_exact_bytes() -> None:
    [got] = SubmissionParser().feed(held(42, STANZAS[0]))
    assert isinstance(got, Held)
    assert (got.host, got.epoch, got.seq, got.session) == ("x", "e1", 42, "c7")
    assert got.body == STANZAS[0]
    assert got.facts.way is Way.C2S
    assert (got.facts.kind, got.facts.type, got.facts.sender, got.facts.to) == (
        "message",
        "chat",
        "a@x/1",
        "b@x",
    )
    assert got.facts.elements == ("{jabber:client}body", "{urn:y}x")
    assert got.facts.text == "3 < 4 & 铜"
    assert got.facts.attributes == ("c@x",)
    assert got.facts.jids == (NamedJid("{urn:y}x", "c@x"),)


def test_a_namespace_may_have_any_character_in_it() -> None:
    """Expat takes no namespace with its own separator in it, and a client chooses its namespaces."""
    stanza = b"<message from='a@x/1'><x xmlns='a}b'><y xmlns='}' to='c@x'/></x></message>"
    [got] = SubmissionParser().feed(held(1, stanza))
    assert isinstance(got, Held)
    assert got.facts.elements == ("{a}b}x", "{}}y")
    assert got.facts.jids == (NamedJid("{}}y", "c@x"),)


def test_a_status_names_what_is_wrong_with_the_servers_modules() -> None:
    more = "<unheld host='a'/><upload host='a' module='proxy65'/><upload host='b' module='http_upload'/></status>"
    (status,) = SubmissionParser().feed(STATUS.replace(b"</status>", more.encode()))
    assert isinstance(status, Status)
    assert (status.unheld, status.uploads) == (("a",), ("a/proxy65", "b/http_upload"))
    (later,) = SubmissionParser().feed(STATUS)
    assert isinstance(later, Status) and later.uploads == ()


def test_a_status_names_what_rooms_keep_and_the_ids_that_they_gave() -> None:
    more = "<archived record='gate/7' id='a&apos;b'/><archived record='gate/9' id='c'/></status>"
    (status,) = SubmissionParser().feed(STATUS.replace(b"</status>", more.encode()))
    assert isinstance(status, Status)
    assert status.archived == (("gate/7", "a'b"), ("gate/9", "c"))
    (later,) = SubmissionParser().feed(STATUS)
    assert isinstance(later, Status) and later.archived == ()


def test_event_and_status() -> None:
    event, status = SubmissionParser().feed(EVENT + STATUS)
    assert isinstance(event, Held)
    assert event.facts.way is Way.SESSION
    assert event.facts.kind == "bind"
    assert event.body == b"<bind jid='a@x/1' address='::1'></bind>"
    assert status == Status("x", "e1", 3, 8, 9, 7, 2, (5, 6))


def test_what_the_gate_asked_for_is_named_and_so_is_what_the_server_refused() -> None:
    asked = held(1, STANZAS[0], way="gate").replace(b" seq='1'", b" inject='h7' seq='1'")
    refused = STATUS.replace(b"<bounced seq='6'/>", b"<bounced seq='6' refused='true'/>")
    submission, status = SubmissionParser().feed(asked + refused)
    assert isinstance(submission, Held) and isinstance(status, Status)
    assert (submission.facts.way, submission.inject) == (Way.GATE, "h7")
    assert (status.bounced, status.refused) == ((5, 6), (6,))
    [plain] = SubmissionParser().feed(held(1, STANZAS[0]))
    assert isinstance(plain, Held) and plain.inject == ""


def test_an_injection_holds_the_stanza_as_it_is() -> None:
    request = encode_inject("gate.x", "x", "h7 & 'n'", STANZAS[0])
    assert STANZAS[0] in request
    inject = ET.fromstring(request)[0]
    assert (inject.tag, inject.get("id")) == (f"{{{XMLNS}}}inject", "h7 & 'n'")


@given(st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_the_cut_of_the_stream_does_not_matter(cuts: list[int]) -> None:
    parser = SubmissionParser()
    got: list[Held | Status] = []
    for begin, end in zip([0, *cuts], [*cuts, len(STREAM)], strict=True):
        got += parser.feed(STREAM[begin:end])
    assert [item.body for item in got if isinstance(item, Held)] == [
        *STANZAS,
        b"<bind jid='a@x/1' address='::1'></bind>",
    ]
    assert got == SubmissionParser().feed(STREAM)


@pytest.mark.parametrize("chunk_bytes", mostly_slow([1000, 1, 8192, 65536]))
def test_a_long_tag_waits_for_nothing_that_comes_after_it(chunk_bytes: int) -> None:
    """An expat from 2.6 on would have it wait for as many bytes again, and the server sends none before a verdict."""
    data = held(1, b"<message id='m' to='b@x'><x xmlns='urn:x' long='%s'/></message>" % (b"x" * 20_000))
    parser, got = SubmissionParser(), 0
    for begin in range(0, len(data), chunk_bytes):
        got += len(parser.feed(data[begin : begin + chunk_bytes]))
    assert got == 1


def test_memory_holds_only_the_message_that_is_incomplete() -> None:
    parser = SubmissionParser()
    one = held(1, STANZAS[0])
    parser.feed(one[:50])
    for _ in range(200):
        assert len(parser.feed(one[50:] + one[:50])) == 1  # never at a boundary
    assert len(parser._buffer) == 50


@pytest.mark.parametrize("sender", ["mallory@x", "mallory@x/r", "x/r", ""])
def test_only_a_bare_domain_submits(sender: str) -> None:
    parser = SubmissionParser()
    assert parser.feed(held(1, STANZAS[0], host=sender)) == []
    assert parser.take_stray() == ["jabber:component:accept}message"]


@pytest.mark.parametrize(
    "broken",
    [
        b"<message from='x'><held",
        held(1, STANZAS[0]).replace(b" seq='1'", b""),
        held(1, STANZAS[0]).replace(b"seq='1'", b"seq='one'"),
        held(1, STANZAS[0], way="pigeon"),
        held(1, b""),
        b"</message>",
        STATUS.replace(b"done='7'", b""),
        b"<message from='x' to='y'>\xff</message>",
    ],
)
def test_what_is_not_the_protocol_is_an_error(broken: bytes) -> None:
    parser = SubmissionParser()
    with pytest.raises(ProtocolError):
        parser.feed(broken + b"<<")


def test_protocol_errors_do_not_quote_what_was_said() -> None:
    with pytest.raises(ProtocolError) as caught:
        SubmissionParser().feed(held(1, b"<message><body>secret price</body></mess>"))
    assert "secret" not in str(caught.value)


def test_a_protocol_error_names_the_submission_in_which_it_is() -> None:
    for broken, number in ((held(7, b"<message><body>&</body></message>"), 7), (b"<<", 0)):
        parser = SubmissionParser()
        parser.feed(held(6, STANZAS[0]))
        with pytest.raises(ProtocolError) as caught:
            parser.feed(broken)
        assert caught.value.unread == number


@pytest.mark.sources
@pytest.mark.parametrize("name", ["start", "text", "end", "facts"])
def test_a_stanza_that_cannot_be_taken_apart_ends_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = SubmissionParser()

    def fail(*_: object) -> None:
        raise KeyError("secret")

    with monkeypatch.context() as patched:
        patched.setattr(Descendants, name, fail)
        (item,) = parser.feed(held(7, STANZAS[0]))
    assert isinstance(item, Held)
    assert (item.problem, item.body) == ("KeyError", STANZAS[0])
    assert (item.facts.kind, item.facts.sender, item.facts.to) == ("message", "a@x/1", "b@x")
    (item,) = parser.feed(held(8, STANZAS[0]))
    assert isinstance(item, Held)
    assert not item.problem


def test_what_is_quarantined_is_taken_as_it_is() -> None:
    body = b"<quarantined kind='message' from='a@x/1' to='b@x'>PG1lc3NhZ2U+</quarantined>"
    whole = held(7, STANZAS[0])
    begin, end = whole.index(b"<forwarded"), whole.index(b"</held>")
    (item,) = SubmissionParser().feed(whole[:begin] + body + whole[end:])
    assert isinstance(item, Held)
    assert (item.seq, item.problem, item.body) == (7, "quarantined", body)
    assert (item.facts.kind, item.facts.sender, item.facts.to) == ("message", "a@x/1", "b@x")
    assert not item.facts.elements


def test_verdict_names_only_exceptions() -> None:
    no = refuse("payload.omemo", "modify", "policy-violation", "Turn <it> off & send again.")
    amended = Decision(Action.AMEND, amended=STANZAS[1])
    decisions = [
        release(),
        no,
        Decision(Action.HOLD, error=no.error),
        amended,
        Decision(Action.HOLD),
        release(),
    ]
    [encoded] = encode_verdicts(Answering("gate.x", "x", "e'1", "gate"), 42, 100, decisions)
    message = ET.fromstring(encoded)
    [verdict] = message
    assert message.attrib == {"from": "gate.x", "to": "x"}
    assert verdict.attrib == {"epoch": "e'1", "seq": "42", "through": "47", "log": "gate", "first": "100"}
    assert [(child.tag, child.get("seq")) for child in verdict] == [
        (f"{{{XMLNS}}}refuse", "43"),
        (f"{{{XMLNS}}}keep", "44"),
        (f"{{{XMLNS}}}amend", "45"),
        (f"{{{XMLNS}}}keep", "46"),
    ]
    assert ET.tostring(verdict[1][0]) == ET.tostring(verdict[0][0])
    assert len(verdict[3]) == 0
    error = verdict[0][0]
    assert error.get("type") == "modify"
    assert error[0].tag == "{urn:ietf:params:xml:ns:xmpp-stanzas}policy-violation"
    assert error[1].text == "Turn <it> off & send again."
    assert verdict[2][0][0].tag == "{jabber:client}presence"


def test_noted() -> None:
    assert ET.fromstring(encode_noted("gate.x", "x", 7))[0].attrib == {"n": "7"}


def canary_back(host: str, after: str = "", id_: str = "life-7") -> bytes:
    return (
        f"<message from='{host}' to='gate.x' type='headline' id='{id_}'>"
        f"<canary xmlns='{XMLNS}' id='{id_}'/>{after}</message>"
    ).encode()


RECEIPT = "<stanza-id xmlns='urn:xmpp:sid:0' by='{by}' id='gate/9'/>"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (canary_back("gate.x", RECEIPT.format(by="gate.x")), [CanaryBack("gate.x", "life-7", "gate/9")]),
        (canary_back("gate.x"), [CanaryBack("gate.x", "life-7", "")]),
        (canary_back("gate.x", RECEIPT.format(by="a@x")), [CanaryBack("gate.x", "life-7", "")]),
        (canary_back("a@x/1", RECEIPT.format(by="gate.x")), []),
    ],
)
def test_a_canary_comes_back_with_the_receipt_of_the_gate_alone(
    data: bytes, expected: list[CanaryBack]
) -> None:
    parser = SubmissionParser()
    assert [item.seq for item in parser.feed(STREAM + data + held(1, STANZAS[0])) if isinstance(item, Held)]
    assert parser.take_canaries() == expected
    assert parser.take_canaries() == []


def read_verdict(encoded: bytes) -> tuple[int, int, int, list[tuple[str, int]]]:
    [verdict] = ET.fromstring(encoded)
    exceptions = [(each.tag.partition("}")[2], int(each.get("seq", ""))) for each in verdict]
    return (
        int(verdict.attrib["seq"]),
        int(verdict.attrib["through"]),
        int(verdict.attrib["first"]),
        exceptions,
    )


def sized(action: Action, size: int) -> Decision:
    if action is Action.AMEND:
        return Decision(action, amended=b"<message><body>" + b"\xc3\xa9" * size + b"</body></message>")
    if action is Action.REFUSE:
        return refuse("r", "cancel", "not-allowed", "&" * size)
    return Decision(action)


DECISIONS = st.lists(
    st.builds(
        sized, st.sampled_from(Action), st.one_of(st.integers(0, 9000), st.sampled_from([0, PART_MAX_BYTES]))
    ),
    min_size=1,
    max_size=60,
)


@given(DECISIONS, st.booleans())
def test_verdicts_are_cut_by_size_and_say_together_what_one_would(
    decisions: list[Decision], one_each: bool
) -> None:
    verdicts = encode_verdicts(Answering("gate.x", "x", "e", "gate"), 42, 100, decisions, one_each=one_each)
    read = list(map(read_verdict, verdicts))
    # Nothing is left out, and nothing answered twice; each record is the one of its submission.
    assert [seq for begin, through, _, _ in read for seq in range(begin, through + 1)] == list(
        range(42, 42 + len(decisions))
    )
    assert all(first - begin == 100 - 42 for begin, _, first, _ in read)
    named = [(begin, through, seq) for begin, through, _, exceptions in read for _, seq in exceptions]
    assert [seq for _, _, seq in named] == [
        42 + offset for offset, each in enumerate(decisions) if each.action is not Action.RELEASE
    ]
    assert all(begin <= seq <= through for begin, through, seq in named)
    for encoded, (begin, _, _, exceptions) in zip(verdicts, read, strict=True):
        assert len(encoded) < PART_MAX_BYTES + 1024 or len(exceptions) == 1
        assert not one_each or [seq for _, seq in exceptions] in ([], [begin])


def test_what_fits_is_one_verdict() -> None:
    decisions = [release(), *[sized(Action.AMEND, 100)] * 50, release()]
    assert len(encode_verdicts(Answering("gate.x", "x", "e", "gate"), 1, 1, decisions)) == 1
