"""Which files may not be named twice, by their paths alone; tests/unit/site/test_written.py tries real settings."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.settings import written
from components.settings.table import Table
from components.settings.written import find_shared, is_written

SITE = Path("/srv/site/site.toml")
SETTINGS = (
    "gate.log",
    "audit.index",
    "roster.state_file",
    "prosody.files",
    "witness.state",
    "gate.directory",
    "web.key",
)
PATHS = [
    Path("/srv/site", *parts) for parts in ((), ("run",), ("run", "a"), ("run", "ab"), ("run", "a", "b"))
]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """What settings name; a test says it."""
    found: dict[str, Path] = {}

    def find_paths(_tables: Iterable[Table]) -> Iterator[tuple[str, Path]]:
        return iter(found.items())

    monkeypatch.setattr(written, "find_paths", find_paths)
    return found


def shared() -> list[str]:
    return [problem.partition(";")[0] for problem in find_shared(SITE, ())]


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"gate.log": "/a/x", "web.key": "/a/y"}, []),
        ({"gate.log": "/a/x", "web.key": "/a/x"}, ["gate.log: /a/x is what web.key names, or its folder"]),
        ({"web.key": "/a/x", "web.other": "/a/x"}, []),
        # A file whose name only begins so is another one.
        ({"gate.log": "/a/x", "web.key": "/a/x2"}, []),
        (
            {"gate.log": "/a/x", "web.key": "/a/x/y/z"},
            ["gate.log: /a/x is what web.key names, or its folder"],
        ),
        ({"gate.log": "/a/x/y", "web.key": "/a/x"}, []),
        ({"gate.log": "/", "web.key": "/a/x"}, ["gate.log: / is what site.toml names, or its folder"]),
        # Others may write in a folder, too.
        ({"prosody.files": "/a/x", "web.key": "/a/x/y"}, []),
        (
            {"prosody.files": "/a/x", "web.key": "/a/x"},
            ["prosody.files: /a/x is what web.key names, or its folder"],
        ),
        # Of two that are written, the later one is told.
        (
            {"gate.log": "/a/x", "audit.index": "/a/x"},
            ["audit.index: /a/x is what gate.log names, or its folder"],
        ),
        (
            {"gate.log": "/srv/site/site.toml"},
            ["gate.log: /srv/site/site.toml is what site.toml names, or its folder"],
        ),
        ({"gate.log": "/srv"}, ["gate.log: /srv is what site.toml names, or its folder"]),
        (
            {"review.file": "/a/x", "web.key": "/a/x"},
            ["review.file: /a/x is what web.key names, or its folder"],
        ),
    ],
    ids=str,
)
def test_what_is_told(named: dict[str, Path], settings: dict[str, str], problems: list[str]) -> None:
    named.update({setting: Path(path) for setting, path in settings.items()})
    assert shared() == problems


def told_by_definition(named: dict[str, Path]) -> list[str]:
    """Return the settings that are told, as the documentation says it, with each compared with all others."""
    pairs = [("site.toml", SITE), *named.items()]
    told = []
    for number, (setting, path) in enumerate(pairs):
        others = [each for at, each in enumerate(pairs) if at < number or not is_written(each[0])]
        is_file = setting not in ("prosody.files", "witness.state")
        same = (
            other == path or (is_file and path in other.parents) for name, other in others if name != setting
        )
        if is_written(setting) and any(same):
            told.append(setting)
    return told


@given(st.permutations(SETTINGS), st.lists(st.sampled_from(PATHS), min_size=7, max_size=7))
def test_any_settings_are_told_as_the_definition_says(settings: list[str], paths: list[Path]) -> None:
    named = dict(zip(settings, paths, strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(written, "find_paths", lambda _tables: iter(named.items()))
        assert [problem.partition(":")[0] for problem in find_shared(SITE, ())] == told_by_definition(named)
