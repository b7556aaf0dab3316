"""Base64 of a text is that text, however short and in whatever encoding of Unicode; of a picture it is nothing."""

import base64
import random
from collections.abc import Callable

import pytest

from components.audit.stanza import read_stanza as read_recorded
from policy.content.encoded import is_picture, read_data_uris, read_drawing, read_encoded
from policy.content.stanza import read_stanza
from policy.content.text_model import texts_of
from tests.support.one_text import rule_finds, search_finds

WRITTEN = [
    "sideletter",
    "ok",
    "we sign the sideletter tomorrow, and nobody else is to read a word of it",
    "内幕消息",
    "内部情報をもとに銅を買う。詳しくはあとで電話します。",
    "кодовое слово",
    "내부자 거래",
    "überall",
    "معلومات",
    "yes 😀",
]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]


def encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", WRITTEN)
def test_a_text_is_read_in_each_encoding_of_unicode(text: str, encoding: str) -> None:
    encoded = encode(text.encode(encoding))
    assert text in read_encoded(encoded).split("\n")
    assert not is_picture(encoded)
    assert not is_picture(encode((text * 20).encode(encoding)))


LENIENT: dict[str, Callable[[str], str]] = {
    "without padding": lambda text: text.rstrip("="),
    "in the alphabet of URLs": lambda text: text.replace("+", "-").replace("/", "_"),
    "with line ends": "\n ".join,
    "with what is no Base64": "*".join,
    "as a data URI": lambda text: "data:text/plain;charset=utf-16;base64," + text,
    "with a character too many": lambda text: (
        text.rstrip("=") + ("a" if len(text.rstrip("=")) % 4 == 0 else "")
    ),
}


@pytest.mark.parametrize("way", LENIENT)
@pytest.mark.parametrize("text", ["sideletter?>", "a sideletter", "sideletter ÿ"])
def test_a_text_is_read_as_lenient_programs_do(way: str, text: str) -> None:
    assert read_encoded(LENIENT[way](encode(text.encode()))) == text


@pytest.mark.parametrize("other", [b"\0", b"\xff", b"\x07", b"\xf0\x28\x8c\x28"])
def test_some_bytes_that_are_no_text_hide_none(other: bytes) -> None:
    content = b"sign the " + other + b"sideletter on Monday, " * 8
    assert "sideletter" in read_encoded(encode(content))
    assert not is_picture(encode(content))
    assert "sideletter" in read_encoded(encode(b"the side" + other[:1] + b"letter is here"))


@pytest.mark.parametrize("size", [120, 400, 5_000])
def test_bytes_by_chance_are_a_picture_and_no_text(size: int) -> None:
    chance = random.Random(size)
    for _ in range(50):
        content = chance.randbytes(size)
        assert is_picture(encode(content))
        assert read_encoded(encode(content)) == ""


@pytest.mark.parametrize(
    "text", ["", "a", "tel:+49-40-123456", "xmpp:bob@metals.example", "https://a.example/b/c"]
)
def test_addresses_and_nothing_are_no_base64(text: str) -> None:
    assert read_encoded(text) == ""


def test_base64_in_data_uris_is_read_and_other_is_not() -> None:
    text = f"see data:text/plain;base64,{encode(b'a sideletter')} and DATA:x/y;a=b;BASE64,{encode(b'more')}"
    assert list(read_data_uris(text)) == ["a sideletter", "more"]
    assert list(read_data_uris(f"data:text/plain,{encode(b'a sideletter')}")) == []
    assert list(read_data_uris(f"data:image/png;base64,{encode(bytes(range(256)))}")) == []


XHTML = "xmlns='http://www.w3.org/1999/xhtml'"
CARRIERS = {
    "bits of binary": "<data xmlns='urn:xmpp:bob' cid='sha1+1@bob.xmpp.org' type='text/plain'>{}</data>",
    "a vCard's picture": "<vCard xmlns='vcard-temp'><PHOTO><BINVAL>{}</BINVAL></PHOTO></vCard>",
    "a vCard's sound": "<vCard xmlns='vcard-temp'><SOUND><BINVAL>{}</BINVAL></SOUND></vCard>",
    "a vCard 4": "<photo xmlns='urn:ietf:params:xml:ns:vcard-4.0'><uri>data:text/plain;base64,{}</uri></photo>",
    "an avatar": "<data xmlns='urn:xmpp:avatar:data'>{}</data>",
    "a link": f"<a {XHTML} href='data:text/html;base64,{{}}'>x</a>",
    "a picture of HTML": f"<img {XHTML} src='data:text/plain;base64,{{}}'/>",
    "a thumbnail": "<thumbnail xmlns='urn:xmpp:thumbs:1' uri='data:text/plain;base64,{}'/>",
    "a body": "<body>open data:text/plain;base64,{}</body>",
}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_rules_and_the_search_read_it_wherever_it_is_carried(carrier: str, encoding: str) -> None:
    content = CARRIERS[carrier].format(encode("sideletter".encode(encoding)))
    stanza = f"<message>{content}</message>"
    assert any(rule_finds("sideletter", text) for text in texts_of(read_stanza(stanza)))
    assert search_finds("sideletter", read_recorded(stanza.encode()).text) == [0]


@pytest.mark.parametrize("filler", ["QUJD", "quJD", "a123", "\n", "\n ", "data:", "data:;", "QUJD\n"])
def test_as_much_as_one_can_say_is_read_in_one_pass(filler: str) -> None:
    """A quadratic search would take hours here, so the test ends or it hangs."""
    text = filler * (2_000_000 // len(filler))
    assert not is_picture(text)
    read_encoded(text)
    read_drawing(text)
