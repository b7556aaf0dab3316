"""Finds links wherever a client would show one, parses them as a browser does (WHATWG URL), compares their hosts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import ada_url
from linkify_it import LinkifyIt
from linkify_it.tlds import TLDS

from policy.content.fold import reveal
from policy.content.link_written import (
    SCHEMES,
    as_tree,
    find_other_hosts,
    may_be_masked,
    read_as_latin,
    unmask,
)
from policy.content.rule import Links, Rule
from policy.content.said import Said

_CJK = "\u2e80-\u2fff\u3041-\u9fff\uac00-\ud7af\uf900-\ufaff"
_HAS_CJK = re.compile(f"[{_CJK}]")
_CJK_EDGE = re.compile(f"(?<=[{_CJK}])(?=[!-~])|(?<=[!-~])(?=[{_CJK}])")
# Dots, for IDNA. It begins with what is seldom, for which the search is quick.
_WIDE_DOT = re.compile("[。．｡](?<=[0-9A-Za-z\u00c0-\u058f].)(?=[0-9A-Za-z\u00c0-\u058f])")
_REST = r"""(?:[^\s<>"、。，；：！？（）【】《》「」『』]|。(?=[A-Za-z0-9]))"""
_WRITTEN_OUT = re.compile(
    rf"""(?: (?:https?|ftp|wss?): (?: [\\/]+ | (?=[^\s]{{0,253}}\.) )
           | [a-z][a-z0-9+.-]{{0,30}}://
           | (?<![a-z0-9]) (?<!urn:) {SCHEMES}
         ) {_REST}+""",
    re.VERBOSE | re.IGNORECASE,
)
_SCHEME_HINT = re.compile(r":(?:(?<=[A-Za-z]:)\S|//)")
_BARE_HINT = re.compile(r"[.。．｡](?:[^\W\d_]|(?<=\d[。．｡])\d)|\d\.\d{1,3}\.\d{1,3}\.\d|//")
# The same in ASCII. It begins with one character, for which the search is quick.
_ASCII_BARE_HINT = re.compile(r"\.(?:[A-Za-z]|(?<=\d\.)\d{1,3}\.\d{1,3}\.\d)")
# A host may stand behind these, and before them. It begins with them, for which the search is quick.
_HOST_EDGE = re.compile(
    r"[-_.|:](?:(?<=[-_.])(?<![\w@/.%-].)[-_.]*(?=\w)|(?<=[|:])(?<![/\\].)(?=[A-Za-z])|(?<=[|_])[|_]*(?![\w/]))",
    re.DOTALL,
)
_TRAILING = ".,;:!?)]}'*_~|»”’…"
_FROM_HERE = re.compile(r"[\\/]{2}")  # a link without scheme in an attribute
_IGNORED_BY_BROWSERS = re.compile(r"[\t\r\n]|^[\x00-\x20]+")
_NAME = re.compile(rb"[a-z0-9.-]*[a-z0-9-]")
_IN_HOST = re.compile(r"[^\s/\\?#@:]+")

# Longer runs without a space are searched in pieces; they overlap by more than the longest name of a host.
_PIECE, _OVERLAP = 1024, 256
_LONGEST_HOST = 253


@cache
def _make_finders() -> tuple[LinkifyIt, re.Pattern[str]]:
    """Return what finds links without a scheme, and what matches a word that is a host and nothing else.

    The latter is what most such links are, and all that the former would find in it. Made from all names of top-level
    domains they take 20 ms, and most processes never meet a text that needs them.
    """
    endings = as_tree(domain.lower() for domain in (*TLDS, "onion"))
    bare = LinkifyIt({}, {"fuzzy_ip": True, "fuzzy_email": False}).tlds([endings])
    return bare, re.compile(rf"(?:[^\W_{_CJK}]{{1,63}}\.)+(?:{endings})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link: as it was written, its scheme, and its host in ASCII (empty if it has none or is malformed).

    `is_bare` says that it has no scheme of its own.
    """

    written: str
    scheme: str
    host: str
    is_bare: bool = False


class LinkMatcher:
    """Finds the links that a rule does not allow; what begins with `own_links`, every rule allows."""

    def __init__(self, rules: Iterable[Rule], own_links: str = "") -> None:
        self._rules = [(rule.id, _Allowed(rule.matched)) for rule in rules if isinstance(rule.matched, Links)]
        self._own_links = own_links

    def find_links(self, said: Said) -> dict[str, list[Link]]:
        """Return the links of a stanza that rules do not allow, for each such rule."""
        if not self._rules:
            return {}
        links = find_links(said)
        if own := self._own_links:
            # It ends behind the host, so whatever follows, a browser goes there too.
            links = [link for link in links if not link.written.startswith(own)]
        found = {}
        for rule, allowed in self._rules:
            if refused := [link for link in links if not allowed.allows(link)]:
                found[rule] = refused
        return found


class _Allowed:
    """The allowed links of a rule, ready for look-ups."""

    __slots__ = ("_bare_hosts", "_below", "_hosts", "_schemes")

    def __init__(self, links: Links) -> None:
        self._hosts = frozenset(host for host in links.hosts if not host.startswith("*."))
        self._below = tuple(host[1:] for host in links.hosts if host.startswith("*."))
        self._schemes = frozenset(links.schemes)
        self._bare_hosts = links.bare_hosts

    def allows(self, link: Link) -> bool:
        if link.is_bare and not self._bare_hosts:
            return True
        if link.scheme not in self._schemes:
            return False
        if not link.host:
            return link.scheme not in _WITH_HOST
        return link.host in self._hosts or (bool(self._below) and link.host.endswith(self._below))


_WITH_HOST = frozenset({"http", "https", "ftp", "ws", "wss", "xmpp", "mailto"})


def find_links(said: Said) -> list[Link]:
    """Find all links of a stanza: in its text, also where it hides them, and in attributes that a client follows."""
    values = _linking_values(said)
    found: dict[Link, None] = {}
    masked = [unmask(text) for text in said.texts if may_be_masked(text)]
    for text in (*said.texts, *masked, *values):
        rest = text
        if _SCHEME_HINT.search(text):
            written, rest = _take_written_out(text)
            found.update((_parse(each.rstrip(_TRAILING)), None) for each in written)
        if _hints_at_bare(rest):
            found.update((link, None) for link in _find_bare(rest))
    for value in values:
        if _FROM_HERE.match(value):
            found[_parse(value, base="https:")] = None
    for text in said.texts:
        if not text.isascii() and _hints_at_bare(revealed := _reveal(text)):
            found.update((link, None) for link in _find_bare(revealed))
    return list(found)


def parse_host(text: str) -> str:
    """Return a host that a person listed in the form of links, in ASCII; raises ValueError."""
    wildcard = "*." if text.startswith("*.") else ""
    name = text.removeprefix("*.")
    if not _IN_HOST.fullmatch(name):
        raise ValueError(f"{text!r} is no host: write its name alone, such as example.com or *.example.com")
    try:
        host = ada_url.URL(f"https://{name}/").hostname.rstrip(".")
    except ValueError:
        host = ""
    if not host or "*" in host:
        raise ValueError(f"{text!r} is no host: write its name, such as example.com or *.example.com")
    return wildcard + host


def _take_written_out(text: str) -> tuple[list[str], str]:
    """Return the links with a scheme, and the text without them.

    None has a space in it, and each has a colon: all other words, most of a long text, are only passed on.
    """
    written: list[str] = []

    def take(match: re.Match[str]) -> str:
        written.append(match.group())
        return " "

    words = (_WRITTEN_OUT.sub(take, word) if ":" in word else word for word in text.split())
    return written, " ".join(words)


def _linking_values(said: Said) -> list[str]:
    # What begins so is a picture of the stanza's own (XEP-0231).
    return [
        _IGNORED_BY_BROWSERS.sub("", value) for value in said.facts.followed if not value.startswith("cid:")
    ]


def _reveal(text: str) -> str:
    """Return a text without disguises of links that a browser also undoes; look-alikes stay: they are other hosts."""
    revealed = reveal(text)
    return revealed if revealed != text else ""


def _hints_at_bare(text: str) -> bool:
    """Return whether the text may have links without a scheme."""
    if text.isascii():
        return "//" in text or _ASCII_BARE_HINT.search(text) is not None
    return _BARE_HINT.search(text) is not None


def _find_bare(text: str) -> Iterator[Link]:
    text = _WIDE_DOT.sub(".", text)
    if not text.isascii():
        yield from (_parse(other, base="http://") for other in find_other_hosts(text))
        text += f" {read_as_latin(text)}"
    bare, host = _make_finders()
    # Most words of a long text have no hint: what is done to the others is not done to them.
    others = []
    for word in dict.fromkeys(filter(_BARE_HINT.search, text.split())):
        if len(word) <= _LONGEST_HOST and host.fullmatch(word):
            yield _take_host(word)
        else:
            others.append(word)
    hinting = " ".join(others)
    if _HAS_CJK.search(hinting):
        hinting = _CJK_EDGE.sub(" ", hinting)
    parted = _HOST_EDGE.sub(" ", hinting)
    words = [piece for word in parted.split() if _BARE_HINT.search(word) for piece in _pieces(word)]
    for match in bare.match(" ".join(words)) or ():
        if match.schema in ("", "//"):
            yield _parse(match.raw, base="http://" if match.schema == "" else "https:")
        else:
            yield _parse(match.raw)


def _take_host(word: str) -> Link:
    """Return the link that a host is (WHATWG URL, 3.5): one of ASCII letters and digits is its own name.

    Of any other the parser of URLs asks for its name in ASCII, too, and looks in it for what no host has.
    """
    if word.isascii() and "-" not in word:
        return Link(word, "http", word.lower(), is_bare=True)
    if not word.isascii() and _NAME.fullmatch(name := ada_url.idna_to_ascii(word)):
        return Link(word, "http", name.decode(), is_bare=True)
    return _parse(word, base="http://")


def _pieces(word: str) -> Iterable[str]:
    if len(word) <= _PIECE:
        return (word,)
    return (word[start : start + _PIECE] for start in range(0, len(word) - _OVERLAP, _PIECE - _OVERLAP))


def _parse(written: str, base: str = "") -> Link:
    is_bare = base == "http://"
    try:
        url = ada_url.URL(base + written)
    except ValueError:
        return Link(written, (base or written).partition(":")[0].lower(), "", is_bare)
    scheme, host = url.protocol.removesuffix(":"), url.hostname
    if "\\" in written:  # a slash to browsers, a character of the user's name to other clients (RFC 3986)
        host = ""
    if scheme in ("xmpp", "mailto") and not host:
        host = _host_of_address(url.pathname)
    return Link(written, scheme, host.rstrip("."), is_bare)


def _host_of_address(path: str) -> str:
    """Return the host of a `xmpp:` or `mailto:` address, empty unless it is one account (RFC 5122, RFC 6068)."""
    address = path.partition(";")[0].partition("/")[0]
    if "," in address or "%" in address:
        return ""
    host = address.rpartition("@")[2]
    try:
        return ada_url.URL(f"https://{host}/").hostname if _IN_HOST.fullmatch(host) else ""
    except ValueError:
        return ""
