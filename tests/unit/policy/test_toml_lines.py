"""Each table and key of a TOML file has its line; what is inside a value has its key's."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from policy import toml_lines
from policy.toml_lines import add_lines, find_line

TEXT = '''# a comment = 1
name = "x"        # line 2

[gate]
jid = "a#b"       # line 5
long = """
[not.a.table]
also = "no key"
"""
list = [          # line 10
  "a",            # [gate.list]
  "]",
]
inline = { a = 1, b = [1, 2] }
other.dotted."quoted.key" = 3    # line 15
[ "gate" . inner ]
x = \'\'\'it's\'\'\'

[[enterprise.metals.person]]     # line 19
jid = "alice"
[[enterprise.metals.person]]
jid = "bob"       # line 22
[[enterprise.metals.person.phone]]
n = 1
[[enterprise.metals.person.phone]]
n = 2             # line 26
[enterprise.metals.person.desk]
y = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("name", 2),
        ("gate", 4),
        ("gate.jid", 5),
        ("gate.long", 6),
        ("gate.list", 10),
        ("gate.list[1]", 10),
        ("gate.inline.b", 14),
        ("gate.other", 15),
        ("gate.other.dotted.quoted.key", 15),
        ("gate.inner.x", 17),
        ("gate.missing", 4),
        ("enterprise.metals.person[0]", 19),
        ("enterprise.metals.person[0].jid", 20),
        ("enterprise.metals.person[1].jid", 22),
        ("enterprise.metals.person[1].roles[3]", 21),
        ("enterprise.metals.person[1].phone[1].n", 26),
        ("enterprise.metals.person[1].desk.y", 28),
        ("nothing", None),
        ("nothing.at[1].all", None),
        ("", None),
        ("not a path: at all", None),
    ],
)
def test_a_path_has_its_line(path: str, line: int | None) -> None:
    tomllib.loads(TEXT)
    assert find_line(TEXT, path) == line


def walk(value: Any, path: str = "") -> list[str]:
    paths = [path] if path else []
    if isinstance(value, dict):
        for name, inner in value.items():
            paths += walk(inner, f"{path}.{name}" if path else name)
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        for place, inner in enumerate(value):
            paths += walk(inner, f"{path}[{place}]")
    return paths


EXAMPLES = Path(__file__).parents[3] / "config" / "examples"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["site.toml", "directory.toml", "policy.toml", "retention.toml"])
def test_all_that_the_examples_say_is_found_on_a_line_that_says_it(name: str) -> None:
    text = (EXAMPLES / name).read_text()
    lines = text.splitlines()
    for path in walk(tomllib.loads(text)):
        line = find_line(text, path)
        assert line is not None, path
        said = path.replace("[", ".").replace("]", "").split(".")
        assert any(part in lines[line - 1] for part in said), (path, lines[line - 1])


def test_where_nothing_is_wrong_the_text_is_not_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command reads a site's settings, and mostly there is nothing to tell of them."""

    def fail(_text: str) -> dict[str, int]:
        raise AssertionError("it was gone through")

    monkeypatch.setattr(toml_lines, "_find_lines", fail)
    assert add_lines([], "a = 1\n", "site.toml") == []
    assert add_lines(iter(()), "a = 1\n", "site.toml") == []


def test_several_problems_are_told_each_with_its_line() -> None:
    problems = (f"{path}: is wrong" for path in ("b", "a", "nothing"))
    assert add_lines(problems, "a = 1\nb = 2\n", "site.toml") == [
        "b: is wrong (line 2 of site.toml)",
        "a: is wrong (line 1 of site.toml)",
        "nothing: is wrong",
    ]
