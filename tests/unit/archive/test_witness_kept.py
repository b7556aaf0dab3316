"""What is kept of a log's cosigned checkpoints: the newest, the last of each hour, and what would be lost."""

import os
from pathlib import Path

import pytest

from components.archive.kept_checkpoints import KeptCheckpoints, Stamped, kept_folder, merge_signatures
from components.archive.keys import KeyFileError
from components.archive.log.cosignature import cosign_checkpoint, encode_cosigner_key
from components.archive.log.note import NoteError, split_note
from components.witness.keys import create_witness_keys, load_witness_keys, load_witness_vkeys
from tests.support.archive import START_S, file_modes
from tests.support.witness import COSIGNERS, MemoryLog

LOG = MemoryLog()
HOUR_S = 3600


def cosigned(size: int, cosigners: slice = slice(None), log: MemoryLog = LOG) -> str:
    note = log.note(size)
    text = split_note(note)[0]
    return note + "".join(cosign_checkpoint(text, each, START_S) for each in list(COSIGNERS)[cosigners])


class Keeper:
    """Keeps as the process does, at times of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = KeptCheckpoints(folder)

    def keep(self, note: str, at_s: float) -> None:
        self.kept.keep(note, at_s)
        os.utime(self.folder / "newest.checkpoint", (at_s, at_s))

    def history(self) -> dict[str, str]:
        files = sorted(self.folder.glob("history/*/*.checkpoint"))
        return {f"{file.parent.name}/{file.name.partition('-')[0]}": file.read_text() for file in files}


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(kept_folder(tmp_path / "gate.db"))


def test_it_lies_beside_the_log(keeper: Keeper, tmp_path: Path) -> None:
    assert keeper.kept.newest() is None
    keeper.keep(cosigned(5), START_S)
    assert (tmp_path / "gate.witnessed" / "newest.checkpoint").read_text() == keeper.kept.newest()


def test_of_an_hour_the_last_is_kept(keeper: Keeper) -> None:
    start_s = START_S - START_S % HOUR_S
    for size in range(1, 8):
        keeper.keep(cosigned(size), start_s + size * 1000)
    assert keeper.kept.newest() is not None
    # 3,600 s lie between 3 and 4, and 7,200 s before the 8th.
    assert list(keeper.history()) == ["2026-11-23/3"]
    keeper.keep(cosigned(8), start_s + 8000)
    assert list(keeper.history()) == ["2026-11-23/3", "2026-11-23/7"]
    keeper.keep(cosigned(9), start_s + 24 * HOUR_S)
    keeper.keep(cosigned(10), start_s + 48 * HOUR_S)
    assert list(keeper.history()) == ["2026-11-23/3", "2026-11-23/7", "2026-11-23/8", "2026-11-24/9"]


def test_what_a_witness_cosigned_last_stays(keeper: Keeper) -> None:
    keeper.keep(cosigned(1), START_S)
    keeper.keep(cosigned(2), START_S)
    keeper.keep(cosigned(3, slice(0, 1)), START_S)  # one of them does not answer any more
    keeper.keep(cosigned(4, slice(0, 1)), START_S)
    assert list(keeper.history().values()) == [keeper.history()["2026-11-23/2"]]
    assert len(split_note(keeper.history()["2026-11-23/2"])[1]) == 3


def test_both_sides_of_a_fork_stay(keeper: Keeper) -> None:
    keeper.keep(cosigned(4), START_S)
    keeper.keep(cosigned(4, slice(0, 1), MemoryLog("b")), START_S)
    keeper.keep(cosigned(4, slice(1, 2), MemoryLog("c")), START_S)
    assert len(list(keeper.folder.glob("history/*/4-*.checkpoint"))) == 2


def test_a_newest_that_was_altered_stays_for_others_to_see(keeper: Keeper) -> None:
    keeper.keep(cosigned(4), START_S)
    (keeper.folder / "newest.checkpoint").write_text("altered")
    keeper.keep(cosigned(5), START_S)
    assert [file.read_text() for file in keeper.folder.glob("history/*/*")] == ["altered"]


def test_a_write_that_is_cut_off_leaves_the_one_before(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.keep(cosigned(4), START_S)
    before = keeper.kept.newest()

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output"):
            keeper.kept.keep(cosigned(5), START_S)
    assert keeper.kept.newest() == before
    keeper.keep(cosigned(5), START_S)
    assert keeper.kept.newest() != before


def test_stamps_lie_beside_what_they_are_of(keeper: Keeper) -> None:
    assert keeper.kept.last_stamped() is None
    keeper.kept.keep_stamped(cosigned(4), b"token", START_S)
    keeper.kept.keep_stamped(cosigned(6), b"other", START_S)
    (token,) = keeper.folder.glob("stamps/2026-11-23/6-*.tsr")
    assert token.read_bytes() == b"other"
    assert split_note(token.with_suffix(".checkpoint").read_text())[0] == split_note(LOG.note(6))[0]
    os.utime(token, (START_S + 5, START_S + 5))
    for other in keeper.folder.glob("stamps/2026-11-23/4-*.tsr"):
        os.utime(other, (START_S, START_S))
    assert keeper.kept.last_stamped() == Stamped(6, START_S + 5)


def test_signatures_are_merged() -> None:
    text = split_note(LOG.note(4))[0]
    first, second = (split_note(cosigned(4, slice(n, n + 1)))[1][1] for n in (0, 1))
    again = split_note(LOG.note(4) + cosign_checkpoint(text, COSIGNERS[1], START_S + 1))[1][1]
    merged = merge_signatures(LOG.note(4), None, [first])
    merged = merge_signatures(LOG.note(4), merged, [second])
    assert split_note(merged)[1] == [split_note(LOG.note(4))[1][0], first, second]
    assert split_note(merge_signatures(LOG.note(4), merged, [again]))[1][2] == again
    assert merge_signatures(LOG.note(5), merged, []) == LOG.note(5)
    with pytest.raises(NoteError):
        merge_signatures("no note", None, [first])


def test_a_witness_has_two_keys_in_a_pair_of_files(tmp_path: Path) -> None:
    path = tmp_path / "witness.key"
    created = create_witness_keys(path, "a.example/witness")
    loaded = load_witness_keys(path)
    public = [encode_cosigner_key(key) for key in load_witness_vkeys(path.with_suffix(".pub"))]
    assert public == [encode_cosigner_key(each.cosigner_key) for each in created]
    assert public == [encode_cosigner_key(each.cosigner_key) for each in loaded]
    assert file_modes(tmp_path) == {"witness.key": 0o600, "witness.pub": 0o644}
    with pytest.raises(KeyFileError, match="exists already"):
        create_witness_keys(path, "a.example/witness")
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_witness_keys(path)


@pytest.mark.parametrize("content", [b"", b"secret", b"\xff\xfe", b"PRIVATE+KEY+a+00000000+BAAA"])
def test_a_file_that_is_no_key_is_refused_without_showing_it(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "witness.key"
    path.write_bytes(content)
    path.chmod(0o600)
    for load in (load_witness_keys, load_witness_vkeys):
        with pytest.raises(KeyFileError) as error:
            load(path)
        assert "secret" not in str(error.value)
    with pytest.raises(KeyFileError, match="No such file"):
        load_witness_keys(tmp_path / "none")
