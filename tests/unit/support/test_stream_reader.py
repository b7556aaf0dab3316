"""A server's streams are read whole, however what it said is cut."""

import pytest
from lxml import etree

from tests.support.stream_reader import Element, StreamReader

DECLARATION = b"<?xml version='1.0'?>"
HEADER = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1'>"
SUCCESS = b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
ERROR = b"<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
END = b"</stream:stream>"
# A login that succeeds on a server which is being stopped: its client has not begun the second stream yet.
STOPPED = HEADER + b"<stream:features/>" + SUCCESS + DECLARATION + HEADER + ERROR + END
NAMES = ["features", "success", "error", "the end"]


def names(elements: list[Element | None]) -> list[str]:
    return ["the end" if each is None else etree.QName(each).localname for each in elements]


def read(*pieces: bytes) -> list[Element | None]:
    reader = StreamReader()
    return [each for piece in pieces for each in reader.feed(piece)]


@pytest.mark.parametrize("said", [STOPPED, DECLARATION + STOPPED, STOPPED.replace(DECLARATION, b"")])
def test_two_headers_in_one_read_are_two_streams(said: bytes) -> None:
    assert names(read(said)) == NAMES


def test_it_does_not_matter_where_what_came_is_cut() -> None:
    said = DECLARATION + STOPPED
    for cut in range(len(said)):
        assert names(read(said[:cut], said[cut:])) == NAMES, said[:cut]
    assert names(read(*(said[at : at + 1] for at in range(len(said))))) == NAMES


def test_what_is_said_of_a_stream_is_no_header() -> None:
    quoted = b"<message><body>&lt;stream:stream xmlns='x'></body><stream:streams/></message>"
    (element,) = read(DECLARATION + HEADER + quoted)
    assert element is not None
    assert element.findtext("{jabber:client}body") == "<stream:stream xmlns='x'>"


def test_an_element_is_given_when_it_is_whole_and_stands_by_itself() -> None:
    reader = StreamReader()
    message = b"<message id='1'><body>25 t > 20 t</body></message>"
    assert list(reader.feed(HEADER + message[:-1])) == []
    (element,) = reader.feed(message[-1:] + b"<presence")
    assert element is not None
    assert element.getparent() is None
    assert b"25 t &gt; 20 t" in etree.tostring(element)
    assert names(list(reader.feed(b"/>"))) == ["presence"]


def test_what_comes_after_the_end_is_nothing_until_another_stream_begins() -> None:
    reader = StreamReader()
    assert names(list(reader.feed(HEADER + END + b"\n"))) == ["the end"]
    assert list(reader.feed(b" <presence/>")) == []
    assert names(list(reader.feed(DECLARATION + HEADER + b"<presence/>"))) == ["presence"]


def test_many_streams_follow_one_another_on_one_connection() -> None:
    said = b"".join(DECLARATION + HEADER + SUCCESS for _ in range(20))
    for size in (1, 7, 100, len(said)):
        pieces = [said[at : at + size] for at in range(0, len(said), size)]
        assert names(read(*pieces)) == ["success"] * 20


def test_what_is_no_xml_is_an_error() -> None:
    with pytest.raises(etree.XMLSyntaxError):
        read(HEADER + b"<message></presence>")
