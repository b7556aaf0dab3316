"""Korean is words, with particles behind them: rules and the search find a noun with each of its particles."""

import pytest

from tests.support.one_text import rule_finds, search_finds

KOREAN = [
    ("내부자", "내부자", True),
    ("내부자", "내부자가 말했다", True),
    ("내부자", "내부자에게서는", True),
    ("내부자", "내부자들의 거래", True),
    ("내부자", "그는 내부자입니다.", True),
    ("내부자", "LME내부자는", True),
    ("lme", "LME가 열렸다", True),
    ("내부자 거래", "내부자 거래를 조사", True),
    ("내부자 거래", "내부자의 거래를 조사", True),
    ("내부자 거래", "내부자들에게서는 거래가", True),
    ("내부자 거래", "내부자거래를 조사", True),
    ("내부자의 거래", "내부자 거래", True),
    ("회의 자료", "오늘 회의의 자료를", True),
    ("내부자 거래", "내부자 시장 거래", False),
    ("내부자 거래", "내부자 거래소", False),
    ("내부자", "내부자거래", False),
    ("내부자*", "내부자거래", True),
    ("부자", "내부자", False),
    ("회의", "회의에서", True),
    ("정보", "정보통", False),
]  # fmt: skip


@pytest.mark.parametrize(("term", "text", "found"), KOREAN)
def test_korean_is_words_with_particles(term: str, text: str, found: bool) -> None:
    assert rule_finds(term, text) is found
    query = f'"{term}"' if not term.endswith("*") else term
    assert (search_finds(query, text) == [0]) is found
