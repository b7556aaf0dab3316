"""Go's sumdb/tlog reads our tiles, and agrees with everything that we say of them."""

import base64
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.note import encode_verifier_key, make_verifier_key
from components.archive.log.proof import parse_proof, verify_own_proof
from tests.interop.conftest import Logcheck
from tests.support.archive import ORIGIN, VERIFIER_KEY
from tests.support.tiles import Published


@pytest.fixture(params=["published", "tall"])
def any_log(request: pytest.FixtureRequest) -> Published:
    log: Published = request.getfixturevalue(request.param)
    return log


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def indexes(published: Published) -> list[int]:
    picked = random.Random(published.size).sample(range(published.size), 20)
    edges = (0, 1, 255, 256, 257, published.size // 2, published.size - 2, published.size - 1)
    return sorted({*edges, *picked})


def test_the_whole_folder(any_log: Published, logcheck: Logcheck) -> None:
    found = logcheck("folder", any_log.folder)
    assert found["ok"], found
    assert (found["size"], found["records"]) == (any_log.size, any_log.size)
    root = verify_checkpoint(any_log.notes[any_log.size], VERIFIER_KEY).root
    assert found["root"] == _base64(root)


def test_the_tall_log_has_three_levels(tall: Published) -> None:
    assert {path.name for path in (tall.folder / "tile").iterdir()} == {"entries", "0", "1", "2"}


def test_records_by_tiles_alone(any_log: Published, logcheck: Logcheck) -> None:
    found = logcheck("record", any_log.folder, *indexes(any_log))
    assert found["ok"], found
    assert found["records"] == len(indexes(any_log))


def test_every_older_checkpoint_is_of_the_same_log(
    any_log: Published, logcheck: Logcheck, tmp_path: Path
) -> None:
    for size, note in any_log.notes.items():
        old = tmp_path / f"{size}.checkpoint"
        old.write_text(note)
        found = logcheck("consistency", any_log.folder, old)
        assert found["ok"], (size, found)


def test_proof_files(any_log: Published, logcheck: Logcheck, tmp_path: Path) -> None:
    files = []
    for index in indexes(any_log):
        text = any_log.prove(index)
        leaf, checkpoint = verify_own_proof(parse_proof(text), VERIFIER_KEY)
        assert (leaf.index, checkpoint.size) == (index, any_log.size)
        files.append(tmp_path / f"{index}.tlog-proof")
        files[-1].write_text(text)
    found = logcheck("proof", *files)
    assert found["ok"], found
    assert found["records"] == len(files)


def test_another_key_is_not_trusted(published: Published, logcheck: Logcheck) -> None:
    stranger = make_verifier_key(ORIGIN, Ed25519PrivateKey.generate().public_key())
    found = logcheck("folder", published.folder, vkey=encode_verifier_key(stranger))
    assert not found["ok"]
    assert "no verifiable signatures" in found["error"]
