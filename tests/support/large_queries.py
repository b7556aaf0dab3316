"""Queries as large as an auditor may paste them, about what the corpus says (tests/support/query_corpus.py)."""

from itertools import cycle, islice

from components.audit.query.limits import MAX_CHARACTERS, MAX_NESTING, MAX_TERMS
from tests.support.query_corpus import WORDS

LATIN = ("copper", "tin", "price", "insider", "Zürich", "Mueller")
KOREAN = ("내부자", "거래", "구리", "가격")


def _join(words: tuple[str, ...], count: int, between: str = " ") -> str:
    return between.join(islice(cycle(words), count))


def _nest(levels: int, *opening: str) -> str:
    opened = "".join(each.format(word) for each, word in islice(zip(cycle(opening), cycle(LATIN)), levels))
    return f"{opened}tin{')' * levels}"


_WORDS = tuple(each.casefold() for each in WORDS if each.isalpha())
_HALF = MAX_CHARACTERS // 4

LARGE = {
    "a pasted text": f'tin OR "{_join(LATIN, 600)}"',
    "one that may go on": f'copper OR "{_join(LATIN, 600)}*"',
    "one in Korean": f'거래를 OR "{_join(KOREAN, 300)}"',
    "one in Chinese": f'上涨 OR "{_join(("铜价上涨", "买入"), _HALF, "")}"',
    "a list of words": " OR ".join((*(f"{word}{number}" for number in range(80) for word in LATIN), "tin")),
    "a list of Korean words": _join((*KOREAN, "구리는"), MAX_TERMS, " OR "),
    "all words of a long text": f"price OR {_join(('tin', 'copper'), MAX_TERMS - 1)}",
    "none of many words": f"tin -copper {' '.join(f'-price{number}' for number in range(MAX_TERMS - 2))}",
    "deep parentheses": _nest(MAX_NESTING - 1, "({} OR ", "({} AND "),
    "deep negations": _nest(MAX_NESTING - 1, "NOT ({} "),
    "words near many others": f"(copper OR tin) w/30 ({_join(_WORDS, 30, ' OR ')})",
    "many words near each other": f"tin OR {_join(('(copper w/5 tin)', '(tin w/9 price)'), 200, ' OR ')}",
    "phrases near each other": f'tin OR ("{_join(LATIN, 40)}" w/30 "{_join(LATIN, 24)}")',
    "Korean phrases near each other": f'구리는 OR ("{_join(KOREAN, 20)}" w/5 거래)',
}
"""Each finds something, and not everything."""
