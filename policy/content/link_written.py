"""How links are written: schemes, hosts in other scripts, and what people write so that no program sees a link."""

import re
from collections.abc import Iterable, Iterator

from linkify_it.tlds import TLDS

from policy.content.fold import find_looks_of_words

# What clients open without `//` behind it. Those that are words count only with what they need to be a link.
_OPENED = """
javascript vbscript mailto xmpp magnet skype callto sips? tg tel sms(?:to)? mms(?:to)? whatsapp viber threema sgnl
facetime(?:-audio)? msteams zoommtg zoomus weixin wechat ircs?6? webcals? sftp smb vnc ldaps? gopher ipfs ipns rtsps?
ymsgr gtalk spotify view-source search-ms ms-[a-z-]{1,30} acct nntp
"""
_SCHEMES = "|".join(_OPENED.split())
_WITH_MORE = (
    r"file:[\\/] | data:(?!image/(?:png|jpe?g|gif|webp|avif|blurhash|thumbhash)[,;])[a-z]{1,30}/ | blob:https?:"
    r" | matrix:(?:u|r|roomid)/ | (?:im|pres|ssh|aim|news):[^\s@]{1,64}@[a-z0-9] | feed:(?:https?:|[a-z0-9-]{1,63}\.)"
    r" | (?:bitcoin|litecoin|monero|ethereum|lightning):(?=[a-z]{0,20}[0-9])[a-z0-9]{20}"
)
SCHEMES = rf"(?: (?:{_SCHEMES}): | {_WITH_MORE} )"

# Top-level domains in other scripts than Latin, in small letters or capitals: with one capital, a sentence begins.
_IDN = [name[4:].lower().encode().decode("punycode") for name in TLDS if name.lower().startswith("xn--")]
_NOT_IN_LABEL = r"""\s.<>"'/\\()\[\]{},;:!?@#&=|~*、。，；：！？（）【】《》「」『』…"""
_BEHIND_HOST = r"""(?=$|[\s/:?#.,;!)\]}>"'…、。，；：！？）】》」』])"""
_ALL_IDN = "|".join(sorted({*_IDN, *map(str.upper, _IDN)}, key=len, reverse=True))
_HAS_IDN = re.compile(rf"\.(?:{_ALL_IDN})")
_IDN_HOST = re.compile(
    rf"(?:[^{_NOT_IN_LABEL}]{{1,63}}\.){{0,8}}[^{_NOT_IN_LABEL}]{{2,63}}\."
    rf"(?:{_ALL_IDN}){_BEHIND_HOST}"
)
_HAS_LETTER = re.compile(r"[^\W\d_][^.]*\.[^.]*$")
_LATIN, _LIKE_LATIN = re.compile("[A-Za-z]"), re.compile("[\u0370-\u058f\u13a0-\u13ff]")

# As those write who want nobody to follow a link by mistake, or to be kept from writing one.
_IN_BRACKETS = re.compile(
    r"(?<=[\w\])}]) ?[\[({] ?(\.|dot|punkt|:|://|//?|slash) ?[\])}] ?(?=[\w\[({/])|(?<=[a-z])(\[://\])",
    re.IGNORECASE,
)
_MEANT = {"dot": ".", "punkt": ".", "slash": "/", "[://]": "://"}
# Not in `the dot com bubble`.
_DOT = re.compile(
    r"(?<![\w-])(?!(?:an?|the|and|or|of|in|to|for|any|old|new|last|this|that|each|every|first|during|pre|post|early|late|like)\b)"
    r"([a-z0-9-]{2,63}) (?:dot|punkt) (com|net|org|info|biz|io|co dot uk|de|ch|eu|ru|cn|fr|app|dev|xyz)\b"
    r"(?! (?:boom|bubble|crash|bust|era|days|years?|compan|stocks?|mania|craze|firms?|names?))",
    re.IGNORECASE,
)


def unmask(text: str) -> str:
    """Return a text with links as they are meant: `evil[.]com`, `evil dot com`; empty if it has none such."""
    meant = _IN_BRACKETS.sub(_mean, text)
    meant = _DOT.sub(lambda found: f"{found[1]}.{found[2].replace(' dot ', '.')}", meant)
    return meant if meant != text else ""


def may_be_masked(text: str) -> bool:
    """Return whether a text may have links that are written otherwise than they are meant."""
    return "[" in text or "(" in text or "{" in text or "dot " in text or "DOT " in text or "Dot " in text


def _mean(found: re.Match[str]) -> str:
    sign = (found[1] or found[2]).lower()
    return _MEANT.get(sign, sign)


def as_tree(words: Iterable[str]) -> str:
    """Return a regular expression for these words of letters, digits and hyphens.

    It looks at each beginning that words share once. `re` tries the words of a list one by one, behind each dot.
    """
    below: dict[str, list[str]] = {}
    for word in words:
        below.setdefault(word[:1], []).append(word[1:])
    ends = below.pop("", None)
    ways = [first + as_tree(rests) for first, rests in below.items()]
    if len(ways) == 1 and not ends:
        return ways[0]
    return f"(?:{'|'.join(ways)}){'?' if ends else ''}" if ways else ""


def find_other_hosts(text: str) -> Iterator[str]:
    """Yield the hosts of a text, as they are written, whose top-level domains are in other scripts than Latin."""
    if not _HAS_IDN.search(text):
        return
    for word in filter(_HAS_IDN.search, text.split()):
        for found in _IDN_HOST.finditer(word):
            if _HAS_LETTER.search(found[0]):
                yield found[0]


def read_as_latin(text: str) -> str:
    """Return the words of a text that have dots and letters of several scripts, as they look in Latin ones."""
    words = dict.fromkeys(
        word for word in text.split() if "." in word and _LATIN.search(word) and _LIKE_LATIN.search(word)
    )
    return " ".join(find_looks_of_words(words)) if words else ""
