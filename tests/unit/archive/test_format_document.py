"""docs/archive-format.md says what the code does."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from components.archive.log.leaf import LEAF_SIZE_BYTES, LEAF_VERSION
from components.archive.log.merkle import leaf_hash
from components.archive.record import RecordKind, encode_submission, parse_record
from components.archive.store import FORMAT
from components.archive.store.sqlite import SCHEMA, WAL_PAGES
from components.audit import verify
from tests.support.archive import VKEY

DOCUMENT = (Path(__file__).parents[3] / "docs/archive-format.md").read_text("utf-8")


def test_the_schema() -> None:
    documented = re.search(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
    assert documented
    assert documented[1].splitlines() == list(SCHEMA)


def test_the_example_of_leaf_and_checkpoint(log: Path) -> None:
    with closing(sqlite3.connect(log)) as database:
        (leaf,) = database.execute("SELECT leaf FROM record WHERE idx = 0").fetchone()
        (note,) = database.execute("SELECT note FROM checkpoint WHERE size = 1").fetchone()
    for example in (leaf.hex(), leaf_hash(leaf).hex(), f"```\n{note}```", VKEY):
        assert example in DOCUMENT


def test_the_example_of_a_payload() -> None:
    documented = re.search(r'```\n(\{"epoch".*?)\n```', DOCUMENT, re.DOTALL)
    assert documented
    payload = documented[1].encode()
    assert encode_submission(parse_record(RecordKind.STANZA, payload)) == payload  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", RecordKind)
def test_every_kind_of_record(kind: RecordKind) -> None:
    assert f"| {kind.value} {kind.name.lower()} |" in DOCUMENT


def test_every_problem_that_the_verifier_names() -> None:
    source = Path(verify.__file__).read_text("utf-8")
    named = set(
        re.findall(r'(?:add\(|Problem\(|kind(?:, detail)? = |else )\s*"([a-z]+(?:-[a-z]+)*)"', source)
    )
    table = DOCUMENT.partition("| problem | is |")[2].partition("\n\n")[0]
    documented = {
        name
        for row in table.splitlines()
        for name in re.findall(r"`([a-z-]+)`", row.split("|")[1:2][0] if "|" in row else "")
    }
    assert named == documented


def test_the_numbers() -> None:
    assert f"steelyard-log/{LEAF_VERSION}" == FORMAT
    for said in (f"`{FORMAT}`", f"| leaf | {LEAF_SIZE_BYTES} bytes", f"every {WAL_PAGES:,} pages"):
        assert said in DOCUMENT
