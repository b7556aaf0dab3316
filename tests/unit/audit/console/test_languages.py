"""Each language has each text, with the same places for values; and the browser's wish is heard."""

import re

import pytest

from components.audit.console.languages import DEFAULT, NAMES, choose_language, load_catalogue
from components.audit.console.pages import search
from components.audit.console.render import FOLDER

PLACES = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("language", NAMES)
def test_a_language_has_all_texts_with_their_places(language: str) -> None:
    texts, measure = load_catalogue(language), load_catalogue(DEFAULT)
    assert set(texts) == set(measure)
    for key, text in texts.items():
        assert text.strip() and set(PLACES.findall(text)) == set(PLACES.findall(measure[key])), key


def test_each_text_that_pages_name_is_there() -> None:
    texts = load_catalogue(DEFAULT)
    sources = [*FOLDER.glob("templates/*.html"), *FOLDER.rglob("*.py")]
    named = {
        key
        for file in sources
        for key in re.findall(r"""\bt\(["']([a-z0-9_.]+)["'](?! ~)""", file.read_text())
    }
    named |= {key for _, key in search.EXAMPLES}
    named |= {
        key
        for file in sources
        for key in re.findall(r'(?:Refused\(\d+, |texts\()"([a-z0-9_.]+)"', file.read_text())
    }
    assert len(named) > 60
    assert named <= set(texts)


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "en"),
        ("de-CH,de;q=0.9,en;q=0.8", "de"),
        ("fr, zh-TW;q=0.5, ko;q=0.7", "ko"),
        ("de;q=0, zh", "zh"),
        ("xx;q=nonsense,,;", "en"),
        ("zh;q=0.1" + ",x" * 10_000, "zh"),
    ],
)
def test_the_browsers_wish_is_heard(accept: str, language: str) -> None:
    assert choose_language(accept) == language
