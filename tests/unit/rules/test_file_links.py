"""Links to files: what one says can be read with the key alone, and found wherever a stanza has it."""

from pathlib import Path

import pytest

from components.archive.keys import KeyFileError
from components.rules.file_links import FileLink, FileLinks, load_link_key
from policy.address import BareJid
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
    for wrong in ("", "a", "A" * 60, token[:-1], token + "A", "é" * 60, token[:-4] + "----"):
        assert links.open(wrong) is None
    assert links.authorization(LINK.id) != other.authorization(LINK.id)
    assert links.authorization(LINK.id) != links.authorization(bytes(16))


@pytest.mark.parametrize("shown", ["{}", "see {} and call", "<{}>", "{}?a=b#c", "x{}"])
def test_links_are_found_in_what_is_said(links: FileLinks, shown: str) -> None:
    url = links.make(LINK, "a.pdf")
    for said in (facts(shown.format(url)), facts("", shown.format(url)), facts(joined=shown.format(url))):
        assert links.find_owners(said) == {ANNA}


def test_a_host_is_found_in_any_case(links: FileLinks) -> None:
    url = links.make(LINK, "a.pdf").replace("https://files.metals", "HTTPS://Files.METALS")
    assert links.find_owners(facts(url)) == {ANNA}


def test_other_links_are_nobodys(links: FileLinks) -> None:
    elsewhere = links.make(LINK, "a").replace("files.metals", "files.grain")
    assert links.find_owners(facts(f"{elsewhere} {BASE} {BASE}{'A' * 80}/a")) == frozenset()


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
