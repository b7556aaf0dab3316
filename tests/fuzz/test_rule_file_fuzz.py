"""Whatever stands in a rule file: its rules, or one line for each thing that is wrong, with its place."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.content.parse import PolicyError, parse_policy
from policy.directory.directory import DirectoryError, parse_directory
from policy.retention import RetentionError, parse_retention

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
PARSERS: dict[str, tuple[Callable[[str], object], type[Exception]]] = {
    "directory.toml": (parse_directory, DirectoryError),
    "policy.toml": (parse_policy, PolicyError),
    "retention.toml": (parse_retention, RetentionError),
}
# Values of every type that TOML has, and what is at the edge of one.
VALUES = (
    "1", "-1", "0", "9" * 25, "9" * 5000, "0x" + "f" * 5000, "1e400", "nan", "-inf", "true", "''", '"\\u0000"',
    '"\\U0010FFFF"', "[]", "[[]]", "{}", "{ a = 1 }", "[1, 'a', {}]", "1979-05-27", "07:32:00", "'''x\ny'''",
    "1979-05-27T07:32:00.999999-07:00", "'alice@metals.example'", "'rooms.metals.example'", "'ALICE@metals.example'",
    "'@'", "'a@b@c'", "'x' 'x'", "'\u202e'", "'(((((((((((('", "'((((((((((a*)*)*)*)*)*)*)*)*)*'", "'[[:alpha:]'",
    "'\\\\'", "'" + "a" * 5000 + "'", "'a{1000}{1000}'",
)  # fmt: skip
LINES = (
    "[enterprise]", "[enterprise.metals]", "[[enterprise.metals.person]]", "[[rule]]", "[class.x]", "[a.b.c]", "x = 1",
    "enterprise = []", "rule = {}", "class = 1", "kind = 'pattern'", "kind = 'nothing'", "action = 'amend'", '"" = ""',
    "roles = []", "terms.en = ['*', 'a*b', '']", "patterns = ['(', '(?P<a>x)']", "= ", "\ufeff", "\0", "# \x7f",
    "a" * 5000,
)  # fmt: skip


def told(name: str, text: str) -> tuple[str, ...]:
    """Parse it; gives what is wrong with it, nothing where it is right."""
    parse, error_type = PARSERS[name]
    try:
        parse(text)
    except error_type as error:
        problems: tuple[str, ...] = error.problems  # type: ignore[attr-defined]
        assert problems
        for problem in problems:
            place, _, what = problem.partition(": ")
            assert place and what, problem
        return problems
    return ()


@st.composite
def mutated(draw: st.DrawFn, name: str) -> str:
    """An example of which lines are gone, doubled, elsewhere or others, or have another value."""
    lines = (EXAMPLES / name).read_text().splitlines()
    lines = lines[: draw(st.integers(1, len(lines)))]
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(["cut", "double", "move", "value", "line", "key", "text"]))
        line = lines[at]
        if how == "cut" and len(lines) > 1:
            del lines[at]
        elif how == "double":
            lines.insert(draw(st.integers(0, len(lines))), line)
        elif how == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
        elif how == "value" and "=" in line:
            lines[at] = line.partition("=")[0] + "= " + draw(st.sampled_from(VALUES))
        elif how == "line":
            lines.insert(at, draw(st.sampled_from(LINES)))
        elif how == "key" and "=" in line:
            lines[at] = (
                draw(st.sampled_from(["x", "a.b", "jid", "'\u00e9'", "id", "text"]))
                + " ="
                + line.partition("=")[2]
            )
        elif how == "text":
            place = draw(st.integers(0, len(line)))
            lines[at] = line[:place] + draw(st.text(max_size=3)) + line[place + draw(st.integers(0, 3)) :]
    return "\n".join(lines)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", PARSERS)
def test_an_example_with_anything_changed(name: str) -> None:
    assert told(name, (EXAMPLES / name).read_text()) == ()

    @given(mutated(name))
    def try_out(text: str) -> None:
        told(name, text)

    try_out()


values = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.dates(),
        st.just("alice@metals.example"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def plain(raw: Any, paths: list[tuple[Any, Any]]) -> None:
    """Collect all places in a file."""
    for key, value in raw.items() if isinstance(raw, dict) else enumerate(raw):
        paths.append((raw, key))
        if isinstance(value, dict | list):
            plain(value, paths)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", PARSERS)
def test_any_value_in_any_place(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (EXAMPLES / name).read_text()
    changed: dict[str, Any] = {}
    monkeypatch.setattr(tomllib, "loads", lambda _text: changed["raw"])
    loads = tomllib.load
    places: list[tuple[Any, Any]] = []
    with (EXAMPLES / name).open("rb") as file:
        plain(loads(file), places)

    @given(st.integers(0, len(places) - 1), values)
    def try_out(at: int, value: Any) -> None:
        with (EXAMPLES / name).open("rb") as file:
            raw = loads(file)
        found: list[tuple[Any, Any]] = []
        plain(raw, found)
        found[at][0][found[at][1]] = value
        changed["raw"] = raw
        told(name, text)

    try_out()


@pytest.mark.fuzz
@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 20_000 + "]" * 20_000,
        "x = " + "{ a = " * 5_000 + "1" + " }" * 5_000,
        ".".join(["a"] * 3_000) + " = 1",
        "[" + ".".join(["a"] * 3_000) + "]",
        "x = " + "9" * 100_000,
        "gate = 0x" + "f" * 100_000,
        "x = '" + "y" * 1_000_000 + "'",
        "\n".join(f"[x{number}]" for number in range(20_000)),
    ],
    ids=[
        "arrays",
        "tables",
        "a key",
        "a table's name",
        "a number",
        "a number in hexadecimal",
        "a text",
        "many tables",
    ],
)
def test_what_is_deep_or_long_is_told(name: str, text: str) -> None:
    assert told(name, text)


@pytest.mark.parametrize("count", [500, 2_000])
def test_what_is_told_grows_with_the_file_only(count: int) -> None:
    sites = ", ".join(f"{{ domain = 's{number}.example' }}" for number in range(count))
    people = "".join(
        f"[[enterprise.metals.person]]\njid = 'p{number}@other.example'\nname = 'P'\nroles = ['trader']\n"
        for number in range(count)
    )
    text = f"gate = 'gate.example'\n[enterprise.metals]\nname = 'M'\nsites = [{sites}]\n{people}"
    problems = told("directory.toml", text)
    assert len(problems) == count
    assert sum(map(len, problems)) < 300 * count
