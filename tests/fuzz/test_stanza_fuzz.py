"""Whatever bytes come from the adapter: facts as another parser reads them, or ProtocolError; and a decision on all."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from components.link.codec import XMLNS, Held, ProtocolError, SubmissionParser
from policy.content.parse import parse_policy
from policy.decide import decide
from policy.decision import Action, Decision
from policy.facts import NamedJid, StanzaFacts, Way
from tests.unit.policy.samples import ALICE, BOB, EXAMPLE, GEORGE

CONTENT = parse_policy((Path(__file__).parents[2] / "config" / "examples" / "policy.toml").read_text())
HEADER = b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>"
NAMESPACES = (
    "jabber:client",
    "urn:xmpp:omemo:2",
    XMLNS,
    "urn:xmpp:forward:0",
    "urn:x",
    "",
    "a}b",
    "http://[x",
    "xmlns",
)
LOCALS = ("message", "body", "held", "forwarded", "x", "from", "to", "é", "_", "a.b-c")
ATTRIBUTES = (
    "from",
    "to",
    "type",
    "jid",
    "subscription",
    "affiliation",
    "id",
    "xml:lang",
    "x.from",
    "FROM",
    "n0:from",
)
JIDS = (
    ALICE,
    BOB,
    GEORGE,
    "alice@metals.example",
    "rooms.metals.example",
    "",
    "@",
    "/",
    "a@b@c",
    "a/b/c",
    "\u202ealice",
    "K",
)
# What may hide something, end something early or mean something to a parser.
PIECES = (
    "<", ">", "&", "'", '"', "]]>", "&#0;", "&#xD800;", "&#x1F600;", "&lt;", "&bomb;", "<!--", "-->", "<![CDATA[",
    "<!DOCTYPE x [<!ENTITY bomb 'x'>]>", "</stream:stream>", "</message>", "</held>", "</forwarded>", "<forwarded>",
    " from='george@grain.example/1'", " to=''", " seq='1'", " seq='" + "9" * 5000 + "'", " xmlns=''", "<?x",
    " way='c2s'", " way='nowhere'", " epoch=''", " xmlns:n0='urn:x'", "\0", "\t", "\r\n", "\x0b", "\x0c", "\u2028",
    "\ufeff", "\uffff", "é", "铜",
)  # fmt: skip
RAW = (b"\xed\xa0\x80", b"\xc0\xaf", b"\xff\xfe", b"\xf4\x90\x80\x80", b"\x80")

texts = st.one_of(st.sampled_from(JIDS), st.text(max_size=12), st.just("x" * 5_000))
valid_texts = texts.map(
    lambda text: re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
)
attributes = st.dictionaries(st.sampled_from(ATTRIBUTES), valid_texts, max_size=5)


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> str:
    """An element, with children, of which the lower ones have one each: what is made up takes time by its size."""
    name = draw(st.sampled_from(LOCALS))
    namespace = draw(st.sampled_from(NAMESPACES)) if draw(st.booleans()) else None
    declared = "" if namespace is None else f" xmlns={quoted(namespace)}"
    declared += " xmlns:n0='urn:x'"  # of some attributes
    written = "".join(f" {key}={quoted(value)}" for key, value in draw(attributes).items())
    inside = [escaped(draw(valid_texts))] if draw(st.booleans()) else []
    if depth < 4:
        inside += draw(st.lists(trees(depth + 1), max_size=3 if depth < 2 else 1))
    return f"<{name}{declared}{written}>{''.join(inside)}</{name}>"


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def quoted(text: str) -> str:
    spaces = {"\t": "&#9;", "\n": "&#10;"}
    return "'" + "".join(spaces.get(char, char) for char in escaped(text)).replace("'", "&apos;") + "'"


def held(stanza: str, seq: int = 1, way: str = "c2s") -> bytes:
    return (
        f"<message from='x' to='gate.x'><held xmlns='{XMLNS}' epoch='e1' way='{way}' session='c7' seq='{seq}'>"
        f"<forwarded xmlns='urn:xmpp:forward:0'>{stanza}</forwarded></held></message>"
    ).encode("utf-8", "surrogatepass")


def feed(data: bytes, cuts: Sequence[int] = ()) -> list[Any]:
    """Parse it in pieces, until the parser has enough; raises nothing but what a broken stream may."""
    parser, got = SubmissionParser(), []
    edges = sorted({0, *(cut % (len(data) + 1) for cut in cuts), len(data)})
    try:
        for begin, end in itertools.pairwise(edges):
            got += parser.feed(data[begin:end])
    except ProtocolError:
        with pytest.raises(ProtocolError):
            parser.feed(held("<message/>"))  # there is no way back
    return got


def read_facts(body: bytes, *, well_formed: bool = False) -> tuple[Any, ...] | None:
    """Read what the codec says of a stanza with a parser of its own; None where the bytes alone are no XML.

    What is known to be well-formed is read also where libxml2 does not like a namespace.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, recover=well_formed)
    try:
        document = etree.fromstring(HEADER + body + b"</stream:stream>", parser)
    except etree.XMLSyntaxError:
        return None
    (stanza,) = document
    below = [each for each in stanza.iter() if isinstance(each.tag, str)][1:]
    names = tuple(each.tag if each.tag[0] == "{" else "{" + each.tag for each in below)
    return (
        stanza.tag.rpartition("}")[2],
        *(stanza.get(key, "") for key in ("type", "from", "to")),
        names,
        tuple(each.get(key, "") for each in below for key in ("jid", "to") if key in each.attrib),
    )


def facts_of(got: Held) -> tuple[Any, ...]:
    facts = got.facts
    return (
        facts.kind,
        facts.type,
        facts.sender,
        facts.to,
        facts.elements,
        tuple(each.jid for each in facts.jids),
    )


def check_decided(facts: StanzaFacts) -> None:
    decision = decide(EXAMPLE, facts, CONTENT)
    assert isinstance(decision, Decision)
    assert (decision.error is not None) == (decision.action is Action.REFUSE)


@given(trees(), st.lists(st.integers(0, 10_000), max_size=4), st.sampled_from([*Way]))
def test_facts_are_what_another_parser_reads(stanza: str, cuts: list[int], way: Way) -> None:
    (got,) = feed(held(stanza, way=way.value), cuts)
    assert got.body == stanza.encode()
    assert facts_of(got) == read_inside(stanza)
    check_decided(got.facts)


def read_inside(stanza: str) -> tuple[Any, ...] | None:
    """Read a stanza whose namespace may be that of what is around it."""
    inherited = "" if re.match(r"<[^>]*?\sxmlns=", stanza) else " xmlns='urn:xmpp:forward:0'"
    return read_facts(re.sub(r"^<([^\s>]+)", rf"<\1{inherited}", stanza, count=1).encode(), well_formed=True)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Submissions of which bytes are gone, doubled or others."""
    stanzas = [
        "<message xmlns='jabber:client' from='a@x/1' to='b@x'><body>tin</body></message>",
        draw(trees()),
    ]
    data = b"".join(held(each, seq) for seq, each in enumerate(stanzas, 1))
    pieces = st.one_of(
        st.sampled_from(PIECES).map(lambda text: text.encode("utf-8", "surrogatepass")), st.sampled_from(RAW)
    )
    for _ in range(draw(st.integers(1, 4))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(0, 40))
        cut = data[at : at + length]
        new = draw(st.one_of(pieces, st.just(b""), st.just(cut * 2), st.binary(max_size=3)))
        data = data[:at] + new + data[at + length :]
    return data


@given(mutated(), st.lists(st.integers(0, 10_000), max_size=3))
def test_a_broken_stream_gives_no_wrong_sender(data: bytes, cuts: list[int]) -> None:
    for got in feed(data, cuts):
        if not isinstance(got, Held):
            continue
        check_decided(got.facts)
        if got.facts.way is Way.SESSION or (read := read_facts(got.body)) is None:
            continue  # with a prefix that is declared around it, which our adapter never writes
        assert facts_of(got)[:4] == read[:4]


@pytest.mark.parametrize("depth", [100, 30_000])
def test_depth_and_size_are_no_matter(depth: int) -> None:
    attribute = "v" * 1_000_000
    stanza = f"<message from='{ALICE}' to='{BOB}' x='{attribute}'>{'<x>' * depth}{'</x>' * depth}</message>"
    (got,) = feed(held(stanza))
    assert (got.facts.sender, got.facts.to, len(got.facts.elements)) == (ALICE, BOB, depth)
    check_decided(got.facts)


wild = st.one_of(
    st.sampled_from(JIDS), st.text(max_size=30), st.sampled_from(PIECES), st.just("\ud800\udfff\udc00")
)
names = st.one_of(st.builds("{{{}}}{}".format, st.sampled_from(NAMESPACES), wild), wild)


@given(
    st.builds(
        StanzaFacts,
        way=st.sampled_from(Way),
        kind=st.one_of(st.sampled_from(["message", "presence", "iq", "bind", ""]), wild),
        type=st.one_of(st.sampled_from(["", "chat", "groupchat", "set", "get", "subscribe", "error"]), wild),
        sender=wild,
        to=wild,
        elements=st.lists(names, max_size=6).map(tuple),
        text=st.lists(wild, max_size=6).map("\n".join),
        attributes=st.lists(wild, max_size=6).map(tuple),
        jids=st.lists(st.builds(NamedJid, names, wild, wild, wild), max_size=3).map(tuple),
    )
)
def test_whatever_the_facts_there_is_a_decision(facts: StanzaFacts) -> None:
    check_decided(facts)
