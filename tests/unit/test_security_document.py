"""docs/security.md: every sentence of its tables names tests, and every test that is named is there."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))
WHO = ("A trader", "A federated site", "A server's administrator", "An operator", "An auditor", "A thief")
SECTIONS = dict(re.findall(r"^## \d+\. (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))


@cache
def named_in(file: str) -> set[str]:
    path = ROOT / file
    return set(re.findall(r"def (test_\w+)\(", path.read_text())) if path.is_file() else set()


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_many_are_named() -> None:
    assert len(NAMED) > 60


@pytest.mark.parametrize(("file", "name"), NAMED, ids=["::".join(each) for each in NAMED])
def test_what_is_named_is_a_test(file: str, name: str) -> None:
    assert named_in(file), f"there is no {file}"
    assert not name or name in named_in(file)


@pytest.mark.parametrize("who", WHO)
def test_each_row_says_what_shows_it(who: str) -> None:
    (text,) = [text for title, text in SECTIONS.items() if title.startswith(who)]
    rows = rows_of(text)
    assert len(rows) >= 7
    for row in rows:
        assert len(row) == 3, row
        shown = row[2].strip(" |")
        assert re.fullmatch(r"`tests/[^`]+`(, `tests/[^`]+`)*", shown) or shown.startswith("no test: "), row


@pytest.mark.parametrize("who", WHO)
def test_each_of_them_can_do_something_and_cannot_do_more(who: str) -> None:
    """A threat model in which somebody can do nothing was not thought through to its end."""
    (text,) = [text for title, text in SECTIONS.items() if title.startswith(who)]
    told = [row[1] for row in rows_of(text)]
    can = [
        each
        for each in told
        if "**can**" in each or "can do" in each or "All that" in each or "They can" in each
    ]
    assert 0 < len(can) < len(told)
