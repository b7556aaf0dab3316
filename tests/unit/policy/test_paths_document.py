"""The table of docs/paths.md is the catalogue's."""

import re
from pathlib import Path as FilePath

from policy.facts import Way
from policy.paths import PATHS, Closed, Path

DOCUMENT = (FilePath(__file__).parents[3] / "docs" / "paths.md").read_text()
HEAD = "| path | what | specified in | through | closed by | tests |\n|---|---|---|---|---|---|"

# Whatever no client sends, and what other tests look at besides.
TESTED = {
    "late-message": "T",
    "presence-broadcast": "T B",
    "presence-probed": "T B",
    "subscription-made": "T",
    "node-notified": "T",
    "room-told": "T B",
    "room-history": "W B",
    "room-list": "W B",
    "own-register": "W T",
}


def row(path: Path) -> str:
    """Write a path's row of the table."""
    decided = "D " if path.closed in (Closed.GATE, Closed.BORDER) else ""
    tests = decided + TESTED.get(path.id, "W" if Way.C2S in path.ways else "")
    return f"| `{path.id}` | {path.title} | {path.xep} | {path.through} | {path.closed} | {tests} |"


def test_the_table_is_the_catalogue() -> None:
    assert DOCUMENT.count(HEAD) == 1
    rows = DOCUMENT.partition(HEAD)[2].strip().splitlines()
    assert rows == [row(path) for path in PATHS]


def test_every_path_is_tested() -> None:
    assert [path.id for path in PATHS if row(path).endswith("|  |")] == []
    assert TESTED.keys() <= {path.id for path in PATHS}


def test_the_numbers_are_those_of_the_catalogue() -> None:
    said = re.search(r"(\d+) paths, (\d+) stanzas", DOCUMENT)
    assert said is not None
    assert [int(number) for number in said.groups()] == [
        len(PATHS),
        sum(len(each.templates) for each in PATHS),
    ]
