"""Links to files: what one says can be read with the key alone, and found wherever a stanza has it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from components.archive.keys import KeyFileError
from components.rules.file_links import FileLink, FileLinks, load_link_key
from policy.address import BareJid
from policy.content.stanza import read_stanza
from policy.facts import StanzaFacts, Way

BASE = "https://files.metals.example:5281/f/"
ANNA = BareJid("änna@metals.example")
LINK = FileLink(bytes(range(16)), ANNA, 1_795_910_400)


@pytest.fixture
def links() -> FileLinks:
    return FileLinks(BASE, b"k" * 64)


def token_of(url: str) -> str:
    return url.removeprefix(BASE).partition("/")[0]


def facts(text: str = "", *attributes: str, joined: str = "") -> StanzaFacts:
    return StanzaFacts(
        Way.C2S, "message", "chat", f"{ANNA}/a", "ben@metals.example", (), text, attributes, joined=joined
    )


def test_a_link_says_whose_file_it_is(links: FileLinks) -> None:
    url = links.make(LINK, "報價 1/2.pdf")
    assert url.isascii()
    assert url.startswith(BASE)
    assert url.endswith("/%E5%A0%B1%E5%83%B9%201%2F2.pdf")
    assert links.open(token_of(url)) == LINK
    assert "nna" not in url


def test_no_two_links_are_alike(links: FileLinks) -> None:
    assert links.make(LINK, "a") != links.make(LINK, "a")


def test_what_was_not_made_with_the_key_opens_nothing(links: FileLinks) -> None:
    token = token_of(links.make(LINK, "a"))
    other = FileLinks(BASE, b"l" * 64)
    assert other.open(token) is None
    for wrong in ("", "a", "A" * 60, token[:-1], token + "A", "é" * 60, token[:-4] + "----", "A" * 5000):
        assert links.open(wrong) is None
    assert links.authorization(LINK.id) != other.authorization(LINK.id)
    assert links.authorization(LINK.id) != links.authorization(bytes(16))


@pytest.mark.parametrize("shown", ["{}", "see {} and call", "<{}>", "{}?a=b#c", "x{}"])
def test_links_are_found_in_what_is_said(links: FileLinks, shown: str) -> None:
    url = links.make(LINK, "a.pdf")
    for said in (facts(shown.format(url)), facts("", shown.format(url)), facts(joined=shown.format(url))):
        assert links.find_owners(said) == {ANNA}


def test_links_are_found_in_the_names_of_devices_and_in_rooms(links: FileLinks) -> None:
    """Others are shown them: a resource that one chose, and the nickname by which one joins a room."""
    url = links.make(LINK, "a.pdf")
    hello = facts("hello")
    for said in (
        hello._replace(sender=f"ben@metals.example/{url}"),
        hello._replace(to=f"all@rooms.metals.example/{url}", kind="presence"),
    ):
        assert links.find_owners(said) == {ANNA}
    assert links.find_owners(hello) == frozenset()


def test_a_host_is_found_in_any_case(links: FileLinks) -> None:
    url = links.make(LINK, "a.pdf").replace("https://files.metals", "HTTPS://Files.METALS")
    assert links.find_owners(facts(url)) == {ANNA}


def test_other_links_are_nobodys(links: FileLinks) -> None:
    elsewhere = FileLinks(BASE, b"l" * 64).make(LINK, "a")
    assert links.find_owners(facts(f"{elsewhere} {BASE} {BASE}{'A' * 80}/a")) == frozenset()


def test_no_other_spelling_of_a_token_opens(links: FileLinks) -> None:
    """What the gate would not find must not open."""
    token = token_of(links.make(LINK, "a"))
    for inside in ("!", "+", "%", " ", "\n", ".", "\u200b", "="):
        assert links.open(f"{token[:40]}{inside}{token[40:]}") is None
        assert links.open(token + inside) is None


def broken(url: str, at: str) -> str:
    return f"{url[:70]}{at}{url[70:]}"


def encoded(text: str) -> str:
    return "".join(f"%{ord(char):02X}" for char in text)


@pytest.mark.parametrize(
    "written",
    [
        lambda url: url.replace("https://files.metals.example:5281", "HTTPS://FILES.METALS.EXAMPLE:05281"),
        lambda url: url.replace(":5281", ""),
        lambda url: url.replace("https://", "https://x:y@"),
        lambda url: url.replace("https:", ""),
        lambda url: url.replace("https://", ""),
        lambda url: url.replace("https://", "https:"),
        lambda url: url.replace("https:", "http:"),
        lambda url: url.replace(".example:", ".example.:"),
        lambda url: url.replace("files.metals.example", "192.0.2.1"),
        lambda url: url.replace("files.metals.example", "files。metals．example"),
        lambda url: url.replace("files.metals.example", "%66iles.metals.example"),
        lambda url: url.replace("/", "\\"),
        lambda url: url.replace("/f/", "/f/./"),
        lambda url: url.replace("/f/", "/%66/x/%2e%2e/"),
        lambda url: url.replace(token_of(url), encoded(token_of(url))),
        lambda url: broken(url, "\n"),
        lambda url: broken(url, "\t\r\n"),
        lambda url: f"https://elsewhere.example/?to={quote(url, safe='')}",
        lambda url: f"https://elsewhere.example/?to={quote(quote(url, safe=''), safe='')}",
        lambda url: f"view-source:{url}",
    ],
)
def test_links_are_found_however_they_are_written(links: FileLinks, written: Callable[[str], str]) -> None:
    url = links.make(LINK, "a.pdf")
    assert links.find_owners(facts(written(url))) == {ANNA}
    assert links.find_owners(facts("", "hello", f" {written(url)} ")) == {ANNA}


@pytest.mark.parametrize(
    "inside",
    [
        "<body>see {}</body>",
        "<subject>{}</subject>",
        "<body>a <i xmlns='urn:x'/>{}</body>",
        "<x xmlns='jabber:x:oob'><url>{}</url></x>",
        "<x xmlns='jabber:x:conference' jid='room@rooms.example' reason='{}'/>",
        "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='a@b'><reason>{}</reason></invite></x>",
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
        "<a href='{}'>here</a></body></html>",
        "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>"
        "<img alt='a' src='{}'/></body></html>",
        "<reference xmlns='urn:xmpp:reference:0' type='data'><media-sharing xmlns='urn:xmpp:sims:1'><sources>"
        "<reference xmlns='urn:xmpp:reference:0' type='data' uri='{}'/></sources></media-sharing></reference>",
        "<file-sharing xmlns='urn:xmpp:sfs:0'><sources><url-data xmlns='http://jabber.org/protocol/url-data'"
        " target='{}'/></sources></file-sharing>",
        "<vCard xmlns='vcard-temp'><PHOTO><EXTVAL>{}</EXTVAL></PHOTO></vCard>",
        "<vCard xmlns='vcard-temp'><URL>{}</URL></vCard>",
        "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><photo><uri>{}</uri></photo></vcard>",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:avatar:metadata'><item>"
        "<metadata xmlns='urn:xmpp:avatar:metadata'><info url='{}'/></metadata></item></publish></pubsub>",
        "<x xmlns='jabber:x:data'><field var='a'><value>{}</value></field></x>",
        "<media xmlns='urn:xmpp:media-element'><uri>{}</uri></media>",
        "<anything xmlns='urn:unknown'>{}</anything>",
    ],
)
def test_links_are_found_wherever_a_stanza_has_one(links: FileLinks, inside: str) -> None:
    url = links.make(LINK, "a.pdf")
    stanza = f"<message xmlns='jabber:client'>{inside.format(url)}</message>"
    assert links.find_owners(read_stanza(stanza)) == {ANNA}


def test_all_owners_are_found(links: FileLinks) -> None:
    ben = BareJid("ben@metals.example")
    text = " ".join(links.make(FileLink(bytes(16), owner, 0), "a") for owner in (ANNA, ben, ANNA))
    assert links.find_owners(facts(text)) == {ANNA, ben}


@pytest.mark.parametrize("content", ["", "short\n"])
def test_a_key_file_that_holds_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "link.key"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(KeyFileError, match=r"link\.key: not a key"):
        load_link_key(file)
