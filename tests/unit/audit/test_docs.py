"""docs/query.md: every example parses, and nothing of the language is left out."""

import re
from pathlib import Path

import pytest

from components.audit.query.limits import MAX_CHARACTERS, MAX_NESTING, MAX_TERMS
from components.audit.query.parser import parse_query
from components.audit.query.tree import Bound, SearchKind, Side
from components.audit.search import SearchResult
from components.cli.output.search import describe_search
from policy.decision import Action

REFERENCE = (Path(__file__).parents[3] / "docs/query.md").read_text()
NOW_NS = 1_795_464_245_000_000_000


def section(title: str) -> str:
    return re.split(r"^## ", REFERENCE.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[list[str]]]:
    """The code spans in each cell of the tables of a section."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split(" | ")] for line in lines]


def examples() -> list[str]:
    found = re.findall(r"^steelyard audit search '(.*)'$", REFERENCE, flags=re.MULTILINE)
    found += [span for title in ("Words", "Combining") for row in rows(section(title)) for span in row[0]]
    found += re.findall(r"`((?:after|before|from|to|with):[^`]+)`", REFERENCE)
    name = ""
    for cells in rows(section("Properties")):
        if cells[0] and not cells[0][0].endswith(":"):
            found += [f"after:{value}" for value in cells[0]]
        elif len(cells) == 3:
            name = cells[0][0] if cells[0] else name
            found += [f"{name}{value}" for value in cells[1]]
    return found


@pytest.mark.parametrize("query", examples())
def test_an_example_parses(query: str) -> None:
    parse_query(query, NOW_NS)


def test_there_are_examples_of_everything() -> None:
    found = examples()
    assert len(found) > 50
    for name in (*Side, *Bound, "verdict", "kind", "rule", "has", "file", "type", "hash", "similar"):
        assert any(f"{name}:" in query for query in found), name
    for kind in SearchKind:
        assert f"kind:{kind}" in found
    for action in Action:
        assert f"verdict:{action}" in found


def test_the_limits_are_those_of_the_parser() -> None:
    assert f"{MAX_TERMS} terms, {MAX_CHARACTERS:,} characters and parentheses {MAX_NESTING} deep" in REFERENCE


def test_every_field_of_a_searchs_json_is_described() -> None:
    result = SearchResult(parse_query("*", NOW_NS), (), 0, 0, 0, 0, "audit/0")
    for name in describe_search(result):
        assert f"`{name}`" in section("JSON")
