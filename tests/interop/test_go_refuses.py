"""Go's sumdb/tlog refuses every corruption that we can name, and so do we."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from components.archive.log.proof import parse_proof, verify_own_proof
from tests.interop.conftest import Logcheck
from tests.interop.corruptions import FOLDERS, PROOFS, forge_proof, sign_anew
from tests.support.archive import VERIFIER_KEY
from tests.support.rounds import examples
from tests.support.tiles import Published

INDEX = 300


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder(name: str, published: Published, logcheck: Logcheck, tmp_path: Path) -> None:
    damaged = published.copy(tmp_path).folder
    FOLDERS[name](damaged)
    assert not logcheck("folder", damaged)["ok"]


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("a bit of a whole tile", 256 + 4000 // 32 - 1),  # the neighbour of the leaf whose hash is wrong
        ("a bit of a whole tile", 256),
        ("a bit of the unfinished tile", 600),
        ("a bit of the tile on level 1", 0),
        ("a bit of an entry", 10),
        ("two tiles swapped", 3),
        ("two bundles swapped", 3),
        ("two entries swapped", 0),
        ("signed for another root", 3),
    ],
)
def test_a_record(name: str, index: int, published: Published, logcheck: Logcheck, tmp_path: Path) -> None:
    assert logcheck("record", published.folder, index)["ok"]
    damaged = published.copy(tmp_path).folder
    FOLDERS[name](damaged)
    assert not logcheck("record", damaged, index)["ok"]


@pytest.mark.parametrize("forgery", [{"root": bytes(31) + b"\x01"}, {"size": -1}, {"size": 1000}])
def test_an_older_checkpoint_of_another_history(
    forgery: dict[str, object], published: Published, logcheck: Logcheck, tmp_path: Path
) -> None:
    old = tmp_path / "checkpoint"
    old.write_text(published.notes[sorted(published.notes)[2]])
    assert logcheck("consistency", published.folder, old)["ok"]
    sign_anew(tmp_path, **forgery)  # type: ignore[arg-type]
    assert not logcheck("consistency", published.folder, old)["ok"]


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof(name: str, published: Published, logcheck: Logcheck, tmp_path: Path) -> None:
    lines = published.prove(INDEX).split("\n")
    damaged = "\n".join(PROOFS[name](lines))
    assert damaged != "\n".join(lines)
    _refused(damaged, logcheck, tmp_path)


def test_a_proof_with_an_older_checkpoint(published: Published, logcheck: Logcheck, tmp_path: Path) -> None:
    older = published.notes[sorted(published.notes)[-2]]
    _refused(forge_proof(published.prove(INDEX), older), logcheck, tmp_path)


def test_a_proof_of_another_record(published: Published, logcheck: Logcheck, tmp_path: Path) -> None:
    lines, others = published.prove(INDEX).split("\n"), published.prove(INDEX + 1).split("\n")
    _refused("\n".join([lines[0], others[1], *lines[2:]]), logcheck, tmp_path)


@examples(60, HealthCheck.function_scoped_fixture)
@given(data=st.data())
def test_any_bit_of_any_tile_or_bundle(published: Published, logcheck: Logcheck, data: st.DataObject) -> None:
    newest = {
        file
        for file in published.folder.glob("tile/**/*")
        if file.is_file() and ".p" not in str(file.parent.name)
    }
    for level in ("0", "1", "entries"):
        newest.add(max(published.folder.glob(f"tile/{level}/*.p/*"), key=_place))
    file = data.draw(st.sampled_from(sorted(newest)))
    content = file.read_bytes()
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    damaged = bytearray(content)
    damaged[bit // 8] ^= 1 << bit % 8
    try:
        file.write_bytes(damaged)
        assert not logcheck("folder", published.folder)["ok"]
    finally:
        file.write_bytes(content)


def _place(file: Path) -> tuple[str, int]:
    return file.parent.name, int(file.name)


def _refused(text: str, logcheck: Logcheck, tmp_path: Path) -> None:
    file = tmp_path / "damaged.tlog-proof"
    file.write_text(text)
    assert not logcheck("proof", file)["ok"]
    with pytest.raises(ValueError, match=r"."):
        verify_own_proof(parse_proof(text), VERIFIER_KEY)
