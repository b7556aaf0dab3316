"""Files in stanzas: whatever carries their bytes beside an upload, and whatever only says where they are."""

import base64
from hashlib import sha256
from random import Random

import pytest

from policy.files.carried import CarriedFile, Carrier, find_carried

CONTENT = Random(13).randbytes(700)
TEXT = base64.b64encode(CONTENT).decode()
LINES = "\n".join(TEXT[start : start + 76] for start in range(0, len(TEXT), 76))
URL = "https://files.metals.example/f/AAAA/Kupfer%20%E5%A0%B1%E5%83%B9.pdf"
HASH = f"<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>{base64.b64encode(sha256(CONTENT).digest()).decode()}</hash>"
METADATA = f"<media-type>Application/PDF</media-type><name>a.pdf</name><size>700</size>{HASH}"
OOB = f"<body>{URL}</body><x xmlns='jabber:x:oob'><url>{URL}</url></x>"
SHARING = (
    f"<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'>{METADATA}</file>"
    f"<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='{URL}'/></sources></file-sharing>"
)
SIMS = (
    "<reference xmlns='urn:xmpp:reference:0' type='data'><media-sharing xmlns='urn:xmpp:sims:1'>"
    f"<file xmlns='urn:xmpp:jingle:apps:file-transfer:5'>{METADATA}</file>"
    f"<sources><reference xmlns='urn:xmpp:reference:0' type='data' uri='{URL}'/></sources>"
    "</media-sharing></reference>"
)


def message(inside: str) -> bytes:
    return f"<message from='a@x.example' to='b@x.example'>{inside}</message>".encode()


def only(inside: str) -> CarriedFile:
    (found,) = find_carried(message(inside))
    return found


@pytest.mark.parametrize(
    ("inside", "carrier", "name", "media_type"),
    [
        (
            f"<data xmlns='urn:xmpp:bob' cid='sha1+8f@bob.xmpp.org' type='image/png'>{TEXT}</data>",
            Carrier.BITS_OF_BINARY,
            "sha1+8f@bob.xmpp.org",
            "image/png",
        ),
        (
            f"<item id='1'><data xmlns='urn:xmpp:avatar:data'>{LINES}</data></item>",
            Carrier.AVATAR,
            "avatar",
            "application/octet-stream",
        ),
        (
            f"<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/jpeg</TYPE><BINVAL>\n{LINES}\n</BINVAL></PHOTO></vCard>",
            Carrier.VCARD,
            "photo",
            "image/jpeg",
        ),
        (
            f"<vCard xmlns='vcard-temp'><SOUND><BINVAL>data:audio/ogg;base64,{TEXT}</BINVAL></SOUND></vCard>",
            Carrier.VCARD,
            "sound",
            "audio/ogg",
        ),
        (
            "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'>"
            f"<photo><uri>data:image/png;base64,{TEXT}</uri></photo></vcard>",
            Carrier.VCARD,
            "",
            "image/png",
        ),
        (
            f"<x xmlns='a'><thumbnail xmlns='urn:xmpp:thumbs:1' uri='data:image/webp;base64,{TEXT}'/></x>",
            Carrier.THUMBNAIL,
            "",
            "image/webp",
        ),
        (
            f"<body>see data:application/pdf;name=a%20b.pdf;base64,{TEXT} please</body>",
            Carrier.DATA_URI,
            "a b.pdf",
            "application/pdf",
        ),
        (
            f"<body>data:application/pdf;base64,{LINES}\nThanks</body>",
            Carrier.DATA_URI,
            "",
            "application/pdf",
        ),
        (
            "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
            f"<img alt='x' src='DATA:image/png;charset=x;BASE64,{TEXT}'/></body></html>",
            Carrier.DATA_URI,
            "",
            "image/png",
        ),
        (f"<body>begin {TEXT} end</body>", Carrier.BASE64, "", "application/octet-stream"),
        (
            f"<body>{LINES}</body>",
            Carrier.BASE64,
            "",
            "application/octet-stream",
        ),
        (
            f"<body>{TEXT.replace('+', '-').replace('/', '_').rstrip('=')}</body>",
            Carrier.BASE64,
            "",
            "application/octet-stream",
        ),
    ],
)
def test_bytes_in_a_stanza_are_a_file(inside: str, carrier: Carrier, name: str, media_type: str) -> None:
    found = only(inside)
    assert (found.carrier, found.name, found.media_type) == (carrier, name, media_type)
    assert (found.content, found.size_bytes, found.sha256) == (CONTENT, 700, sha256(CONTENT).digest())


@pytest.mark.parametrize(
    ("uri", "content"),
    [("data:text/plain,Kupfer%209410", b"Kupfer 9410"), ("data:;charset=utf-8,a%2Cb", b"a,b")],
)
def test_a_uri_without_base64(uri: str, content: bytes) -> None:
    assert only(f"<body>{uri}</body>").content == content


@pytest.mark.parametrize("inside", [SHARING, SIMS, SHARING + OOB, OOB + SIMS])
def test_what_is_said_of_an_upload_is_one_file(inside: str) -> None:
    found = only(inside)
    assert found == CarriedFile(
        Carrier.SHARED, "a.pdf", "application/pdf", 700, sha256(CONTENT).digest(), None, URL
    )


def test_a_link_alone_has_the_name_of_its_address() -> None:
    found = only(OOB)
    assert (found.carrier, found.name, found.url) == (Carrier.LINK, "Kupfer 報價.pdf", URL)


def test_metadata_before_the_upload_and_the_source_after_it() -> None:
    metadata = f"<file xmlns='urn:xmpp:file:metadata:0'>{METADATA}</file>"
    before = f"<file-sharing xmlns='urn:xmpp:sfs:0' id='1'>{metadata}</file-sharing>"
    assert (only(before).name, only(before).url) == ("a.pdf", "")
    after = (
        "<sources xmlns='urn:xmpp:sfs:0' id='1'>"
        f"<url-data xmlns='http://jabber.org/protocol/url-data' target='{URL}'/></sources>"
    )
    assert only(after + OOB).url == URL


def test_a_sticker_in_a_message_and_in_a_pack() -> None:
    assert only(f"{SHARING}<sticker xmlns='urn:xmpp:stickers:0' pack='p'/>").carrier is Carrier.STICKER
    item = SHARING.replace("file-sharing xmlns='urn:xmpp:sfs:0'", "item").replace("file-sharing", "item")
    item = item.replace("<sources>", "<sources xmlns='urn:xmpp:sfs:0'>")
    packed = f"<pack xmlns='urn:xmpp:stickers:0'>{item}</pack>"
    assert only(packed).carrier is Carrier.STICKER


def test_an_avatar_elsewhere() -> None:
    found = only(
        "<metadata xmlns='urn:xmpp:avatar:metadata'><info id='1' bytes='9' type='image/gif' url='https://x.example/a'/>"
        "</metadata>"
    )
    assert (found.carrier, found.size_bytes, found.media_type) == (Carrier.AVATAR, 9, "image/gif")


def test_each_file_once_and_all_of_them() -> None:
    bob = f"<data xmlns='urn:xmpp:bob' cid='1' type='image/png'>{TEXT}</data>"
    found = find_carried(
        message(f"{bob}{bob}<a xmlns='b' c='data:image/gif;base64,R0lGODlhAQABAAAAACw='/>{OOB}")
    )
    assert [each.carrier for each in found] == [Carrier.BITS_OF_BINARY, Carrier.DATA_URI, Carrier.LINK]


def test_a_forwarded_message_is_looked_into() -> None:
    inner = message(SHARING).decode()
    assert only(f"<forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded>").url == URL


def test_what_is_no_well_formed_stanza_is_a_text() -> None:
    (found,) = find_carried(b"<message><body>data:image/png;base64," + TEXT.encode())
    assert found.content == CONTENT
    bomb = b"<!DOCTYPE a [<!ENTITY b 'data:image/png;base64,AAAA'>]><message><body>&b;</body></message>"
    assert len(find_carried(bomb)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "the market data:copper, tin and 9/10, nickel",
        "data:,hello",
        "0123456789abcdef" * 40,
        "A" * 5000,
        "a long sentence of words " * 200,
        "https://x.example/" + "path/" * 20,
        "",
    ],
)
def test_words_are_no_files(text: str) -> None:
    assert find_carried(message(f"<body>{text}</body>")) == ()


@pytest.mark.parametrize(
    "inside",
    [
        "<data xmlns='urn:xmpp:bob' cid='1'/>",
        "<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE></PHOTO></vCard>",
        "<media-sharing xmlns='urn:xmpp:sims:1'/>",
        "<x xmlns='jabber:x:oob'><url/></x>",
        "<metadata xmlns='urn:xmpp:avatar:metadata'><info id='1' bytes='9'/></metadata>",
    ],
)
def test_a_carrier_that_carries_nothing(inside: str) -> None:
    assert find_carried(message(inside)) == ()


def test_sizes_and_hashes_that_are_none_are_left_out() -> None:
    wrong = SHARING.replace("<size>700", "<size>-1").replace(HASH, HASH.replace("sha-256", "sha-1"))
    assert (only(wrong).size_bytes, only(wrong).sha256) == (0, b"")
