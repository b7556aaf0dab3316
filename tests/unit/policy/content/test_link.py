import random
import re
import time
from dataclasses import replace

import pytest
from linkify_it.tlds import TLDS

from policy.content import link
from policy.content.decide import decide_content
from policy.content.example import read_example
from policy.content.link_written import as_tree, read_as_latin
from policy.content.parse import PolicyError
from policy.decision import Action
from tests.unit.policy.content.rules import matches, one_rule

HOSTS = ["reuters.com", "*.metals.example", "bücher.de", "192.0.2.7"]
POLICY = one_rule(kind="link", hosts=HOSTS)
AMENDING = one_rule(kind="link", hosts=HOSTS, action="amend", text="Taken out.")

HTML = (
    "<message><body>ok</body><html xmlns='http://jabber.org/protocol/xhtml-im'>"
    "<body xmlns='http://www.w3.org/1999/xhtml'>{0}</body></html></message>"
)

ALLOWED = [
    "",
    "no link here",
    "https://reuters.com",
    "HTTPS://REUTERS.COM/a?b#c",
    "https://reuters.com.",
    "(https://reuters.com), https://reuters.com!",
    "«https://reuters.com»",
    "<https://reuters.com>",
    "https://reuters.com:8443/x",
    "https://user@reuters.com/",
    "看https://reuters.com。然后",
    "看https://reuters.com，然后",
    "reuters.com/markets",
    "https://a.b.metals.example",
    "https://bücher.de",
    "https://xn--bcher-kva.de",
    "BÜCHER.DE",
    "http://192.0.2.7/x",
    "http://3221225991/",  # the same address
    "mailto:news@reuters.com",
    "xmpp:bob@x.metals.example?join",
    "bob@evil.com",  # an address, no link
    "9410.50 USD/t at 16:00.Then more",
    "e.g. this, i.e. that, 3.5.2, v1.2",
    "https: is a scheme, file: too, data: none",
    "reu\u200bters.com",  # a browser ignores what is invisible
    "the dot com bubble, after the dot com years",
    "A.中国 B.美国, 1.公司",
    "我看了。公司很好。中国也是",
    "Готово.Сайт работает",
    "Tel: +44 20 7946 0000, News: none, Feed: down, Signal: sell",
    "bitcoin:60k lightning:fast im:here market:up",
    "as of [.] and (.) and [dot]",
    "buy/sell, and/or, price_list, end_of_day",
    "https://reuters.com/?q=https%3A%2F%2Fevil.com",
    HTML.format("<a href='https://reuters.com/x'>x</a><span style='color:red'>y</span>"),
    HTML.format("<img src='cid:sha1+8f35@bob.xmpp.org'/>"),
    HTML.format("<a href='#top'>x</a>"),
    "<presence><c xmlns='http://jabber.org/protocol/caps' node='https://dino.im' ver='x'/></presence>",
    "<iq type='result'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='http://evil.com'/></query></iq>",
]
REFUSED = [
    "https://evil.com",
    "http://evil.com",
    "ftp://evil.com/x",
    "wss://evil.com",
    "HTTPS://EVIL.COM",
    "evil.com",
    "www.evil.com/x",
    "(evil.com)",
    "see evil.com.",
    "//evil.com/x",
    "看evil.com吧",
    "看https://evil.com吧",
    "foo_https://evil.com",
    "xhttps://evil.com",
    "https:\\\\evil.com",
    "https:/evil.com",
    "http:evil.com",
    "https://reuters.com@evil.com/",
    "https://reuters.com:pw@evil.com/",
    "https://reuters.com\\@evil.com/",
    "https://reuters.com.evil.com",
    "https://evil.com/reuters.com",
    "https://evil.com?reuters.com",
    "https://evil.com#.metals.example",
    "https://xreuters.com",
    "https://news.reuters.com",  # only what is listed
    "https://metals.example",  # below it only
    "https://evilmetals.example",
    "https://rеuters.com",  # Cyrillic
    "rеuters.com",
    "https://buecher.de https://bucher.de",
    "https://reuters.com'.evil.com",
    "https://reuters.com。evil.com",
    "evil。com",
    "evil.рф",
    "see ПРЕЗИДЕНТ.РФ now",
    "evil。рф",
    "例子.中国",
    "请看：例子.中国，好",
    "भारत.भारत",
    "한국.한국",
    "みんな.みんな",
    "مثال.السعودية",
    "evil.xn--p1ai",
    "evil.cоm",  # a Cyrillic letter in the top-level domain
    "hxxp://evil.com",
    "hxxps[:]//evil[.]com",
    "http[://]evil.com",
    "evil[.]com",
    "evil(.)com/x",
    "evil [dot] com",
    "evil(DOT)com",
    "evil dot com",
    "look at evil dot co dot uk",
    "abcdefghij.onion",
    "see:evil.com",
    "price|evil.com|x",
    "_evil.com_",
    "-evil.com",
    "192。168。1。1",
    "tel:+491701234567",
    "SMS:+491701234567",
    "matrix:u/bob:evil.com",
    "irc:evil.com",
    "whatsapp:x",
    "im:bob@evil.com",
    "bitcoin:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
    "webcal:evil.com",
    "ms-word:ofe|u|x",
    "evil．com",
    "ｅｖｉｌ．ｃｏｍ",
    "ｈｔｔｐｓ：／／ｅｖｉｌ．ｃｏｍ",
    "ev\u200bil.com",
    "https://ev\u200bil.com",
    "https://intranet/",
    "http://localhost:8080",
    "http://[::1]/",
    "http://192.0.2.8/",
    "http://0xC0000208/",
    "192.0.2.8:80/x",
    "https://%65vil.com/",
    "https://evil.com:99999/",  # malformed: a client may still show it
    "https://reuters.com, https://evil.com",
    "tg://resolve?domain=x",
    "ssh://reuters.com",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "magnet:?xt=urn:btih:x",
    "mailto:bob@evil.com",
    "mailto:news@reuters.com,bob@evil.com",
    "xmpp:room@evil.com?join",
    "<message><x xmlns='jabber:x:oob'><url>https://evil.com/a.pdf</url></x></message>",
    "<message><reference xmlns='urn:xmpp:reference:0' type='data' uri='https://evil.com'/></message>",
    "<message><url-data xmlns='http://jabber.org/protocol/url-data' target='https://evil.com'/></message>",
    HTML.format("<a href='https://evil.com'>https://reuters.com</a>"),
    HTML.format("<a href='//evil.com'>x</a>"),
    HTML.format("<a href='\\\\evil.com'>x</a>"),
    HTML.format("<a href='/\\evil.com'>x</a>"),
    HTML.format("<a href=' https://evil.com'>x</a>"),
    HTML.format("<a href='ht&#10;tps://evil.com'>x</a>"),
    HTML.format("<a href='java&#9;script:alert(1)'>x</a>"),
    HTML.format("<img src='http://evil.com/pixel.png'/>"),
    HTML.format("<span style='background:url(https://evil.com/p)'>x</span>"),
    HTML.format("<b>https://ev</b>il.com"),
]


@pytest.mark.parametrize("example", ALLOWED)
def test_what_is_allowed(example: str) -> None:
    assert not matches(POLICY, example)


@pytest.mark.parametrize("example", REFUSED)
def test_every_shape_of_a_link(example: str) -> None:
    assert matches(POLICY, example)


def test_bare_hosts_and_schemes_are_settings() -> None:
    policy = one_rule(kind="link", hosts=["reuters.com"], schemes=["https", "sftp"], bare_hosts=False)
    assert not matches(policy, "evil.com, README.md")
    assert not matches(policy, "sftp://reuters.com/x")
    assert matches(policy, "http://reuters.com")
    assert matches(policy, "sftp://evil.com/x")


@pytest.mark.parametrize(
    ("example", "strip"),
    [
        ("see https://evil.com/x, please", ("https://evil.com/x",)),
        ("a evil.com b https://reuters.com c", ("evil.com",)),
        ("看evil.com吧", ("evil.com",)),
        (HTML.format("<a href='//evil.com'>x</a>"), ("//evil.com",)),
    ],
)
def test_amending_says_what_to_take_out(example: str, strip: tuple[str, ...]) -> None:
    decision = decide_content(AMENDING, read_example(example))
    assert (decision.action, decision.notice, decision.strip) == (Action.AMEND, "Taken out.", strip)
    assert decision.error is None


@pytest.mark.parametrize(
    "example",
    [
        "ev\u200bil.com/x ｅｖｉｌ．ｃｏｍ",
        HTML.format("<b>https://ev</b>il.com"),
        HTML.format("<a href='ht&#10;tps://evil.com'>x</a>"),
    ],
)
def test_a_link_that_cannot_be_taken_out_is_refused(example: str) -> None:
    decision = decide_content(AMENDING, read_example(example))
    assert decision.action is Action.REFUSE
    assert decision.error is not None
    assert decision.error.text == "Taken out."


@pytest.mark.parametrize(
    "host", ["", " ", "a b", "https://x.de", "x.de/a", "x.de:80", "a@b.de", "*", "*.", "a.*.b", "x%00.de"]
)
def test_what_is_no_host(host: str) -> None:
    with pytest.raises(PolicyError, match=r"^rule\[0\]\.hosts\[0\]: .* is no host"):
        one_rule(kind="link", hosts=[host])


@pytest.mark.parametrize(
    "text",
    ["a." * 50_000, "https://" * 12_000, "http:" * 20_000, "a-" * 50_000 + ".com", "1.1." * 25_000, "//" * 50_000,
     "www." * 25_000, "x" * 100_000 + "://", "evil.com " * 5_000, "javascript:" * 9_000, "。a" * 30_000,
     "é" + "a." * 50_000],
)  # fmt: skip
@pytest.mark.slow
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    decide_content(POLICY, read_example(text))
    assert time.process_time() - began < 5


def test_a_tree_of_words_matches_these_and_no_others() -> None:
    words = ["com", "co", "community", "c", "xn--p1ai", "xn--p1acf", "io", "co"]
    tree = re.compile(as_tree(words), re.IGNORECASE)
    others = {word + more for word in words for more in ("x", "m", "-")} | {word[:-1] for word in words}
    assert all(tree.fullmatch(word) and tree.fullmatch(word.upper()) for word in words)
    assert not any(tree.fullmatch(other) for other in others - set(words))
    assert as_tree([]) == ""


def test_top_level_domains_are_no_long_list_to_be_tried_one_by_one() -> None:
    widths, open_ = [0], []
    for character in as_tree(domain.lower() for domain in TLDS):
        if character == "(":
            open_.append(1)
        elif character == "|":
            open_[-1] += 1
        elif character == ")":
            widths.append(open_.pop())
    assert 20 < max(widths) <= 37  # letters, digits and the hyphen


def test_a_word_of_several_scripts_is_read_once_and_its_other_disguises_stay() -> None:
    assert read_as_latin("see rеuters.com or rеuters.com, plain.com, без.точки") == "reuters.com reuters.com,"
    assert read_as_latin("1еvil.com") == "1evil.com"


def test_a_link_is_found_in_a_long_run_without_spaces() -> None:
    for position in (0, 700, 1000, 1020, 1500):
        assert matches(POLICY, "-" * position + "(evil.com)" + "-" * 3000)


OWN = "https://files.steelyard.example:5443/f/"
WITH_FILES = replace(POLICY, own_links=OWN)


@pytest.mark.parametrize(
    "example",
    [
        f"{OWN}AAAA/price.pdf",
        f"look: {OWN}AAAA/price.pdf, and reuters.com",
        f"<message><body>{OWN}AAAA/a</body><x xmlns='jabber:x:oob'><url>{OWN}AAAA/a</url></x></message>",
    ],
)
def test_links_to_own_files_are_allowed(example: str) -> None:
    assert matches(POLICY, example)
    assert not matches(WITH_FILES, example)


@pytest.mark.parametrize(
    "example",
    [
        "https://files.steelyard.example/f/a",
        "https://files.steelyard.example:5443/",
        "https://files.steelyard.example:5443@evil.com/f/a",
        "https://files.steelyard.example:5443.evil.com/f/a",
        f"{OWN}a https://evil.com/",
        f"https://evil.com/?{OWN}a",
    ],
)
def test_what_only_looks_like_an_own_file_is_not_allowed(example: str) -> None:
    assert matches(WITH_FILES, example)


def test_whose_links_are_own_is_part_of_the_rules() -> None:
    assert WITH_FILES.digest != POLICY.digest
    assert replace(WITH_FILES, own_links="").digest == POLICY.digest


def test_links_are_looked_for_in_words_with_a_colon_alone_and_none_is_missed() -> None:
    """As in the whole text, which would take many times as long where it is long."""
    chance = random.Random(3986)
    pieces = (
        "http", "HTTPS", "ftp", "mailto", "urn", "tel", "x", "ß", "取引", ":", "://", "//", "\\\\", ".", "。", ",", "<",
        '"', "@", "-", "1", " ", "\n", "\t", "\u00a0", "\u3000", "\u2028", "\x1f", "\u200b",
    )  # fmt: skip
    found = 0
    for _ in range(3_000):
        text = "".join(chance.choice(pieces) for _ in range(chance.randint(1, 30)))
        written, rest = link._take_written_out(text)
        assert written == [match.group() for match in link._WRITTEN_OUT.finditer(text)], ascii(text)
        assert rest.split() == link._WRITTEN_OUT.sub(" ", text).split(), ascii(text)
        found += len(written)
    assert found > 300
