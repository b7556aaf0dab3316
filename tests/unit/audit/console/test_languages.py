"""Each language has each text, with the same places for values; and the browser's wish is heard."""

import ast
import re

import pytest

from components.audit.console.languages import DEFAULT, NAMES, choose_language, load_catalogue
from components.audit.console.pages import search
from components.audit.console.render import FOLDER
from components.audit.conversation.item import Certainty, Fate, How, ItemKind
from components.audit.export.formats import FORMATS
from components.audit.index.found import DeliveryState
from components.audit.query.tree import SearchKind
from policy.supervision.act import TO_CLOSE_WITH, ActKind
from policy.supervision.item import ItemState
from policy.supervision.reviewer import Role

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


WORDS: dict[str, list[str]] = {
    "act": [each.value for each in ActKind],
    "certainty": [each.value for each in Certainty],
    "delivery": [each.value for each in DeliveryState],
    "disposition": [each.value for each in TO_CLOSE_WITH],
    "evidence": [each.name.lower() for each in How],
    "fate": [each.value for each in Fate],
    "format": list(FORMATS),
    "how": ["received", "displayed", "acknowledged"],
    "item": [each.value for each in ItemKind],
    "kind": [each.value for each in SearchKind],
    "role": [each.value for each in Role],
    "state": [each.value for each in ItemState],
    "verdict": ["release", "amend", "hold", "refuse"],
}
"""What a page shows as one of a set of names, by the set that its text is looked up in."""


@pytest.mark.parametrize("prefix", WORDS)
def test_each_name_of_a_set_is_said_in_words(prefix: str) -> None:
    texts = load_catalogue(DEFAULT)
    assert [name for name in WORDS[prefix] if f"{prefix}.{name}" not in texts] == []


def test_all_sets_of_names_are_tried() -> None:
    sources = [*FOLDER.glob("templates/*.html"), *FOLDER.glob("pages/*.py")]
    used = {
        prefix
        for file in sources
        for prefix in re.findall(r"""(?:\bt|texts)\.word\("(\w+)",""", file.read_text())
    }
    assert used and used <= set(WORDS)


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


def test_the_help_names_every_key_of_the_console() -> None:
    script, page = (
        (FOLDER / "static" / "console.js").read_text(),
        (FOLDER / "templates" / "help.html").read_text(),
    )
    acts, places = (
        re.findall(r"""^\s*(?:"(.)"|([A-Za-z]+)): """, part.replace(", ", ",\n"), re.MULTILINE)
        for part in (_between(script, "const acts = {", "\n};"), _between(script, "const places = {", " };"))
    )
    keys = {key or word for key, word in acts} | {f"g {key or word}" for key, word in places}
    told = [shown for shown, _ in re.findall(r"""\("([^"]+)", "(help\.\w+)"\)""", page)]
    named = {*told, *(key for shown in told if not shown.startswith("g ") for key in shown.split(" "))}
    assert len(keys) > 15
    assert sorted(keys - named) == []


def test_no_value_of_a_page_takes_the_place_of_one_that_all_pages_have() -> None:
    """Else what stands on every page shows it: a matter's whole record stood in its page's foot."""
    calls = [
        call
        for file in FOLDER.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "page"
    ]
    own = {each.arg for call in calls for each in call.keywords} - {"status", None}
    (made,) = (
        each
        for each in ast.walk(ast.parse((FOLDER / "visit.py").read_text()))
        if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == "shared"
    )
    assert isinstance(made.value, ast.Dict)
    shared = {key.value for key in made.value.keys if isinstance(key, ast.Constant)}
    assert {"purpose", "path"} <= shared and {"matter", "status"} & own
    assert own & shared == set()


def _between(text: str, begin: str, end: str) -> str:
    return text.partition(begin)[2].partition(end)[0]
