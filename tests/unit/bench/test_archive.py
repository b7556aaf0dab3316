"""What the archive's measurements make of what they saw, and that they refuse to measure what is not so."""

from pathlib import Path

import pytest

from components.archive.reader import LogReader
from tests.bench.archive_append import (
    append_all,
    append_gate_batches,
    growth_figures,
    part_rates,
    require_room,
)
from tests.bench.archive_checkpoint import Ages, Waiting, age_figures
from tests.bench.archive_commit import Commits, commit_figures
from tests.bench.archive_log import Paces, append_in_slices, make_batch, make_memo, open_log
from tests.bench.archive_read import open_some, prove_some, read_figures, verify_all
from tests.bench.errors import BenchError
from tests.support.archive import tamper

RECORDS = 100_000  # the fewest that fill 200 slices of batches of 500


def paces(*slice_rates: float) -> Paces:
    return Paces(50_000.0, slice_rates, 9.0, (1.0, 2.0))


def test_rate_of_a_part_is_the_median_of_its_slices() -> None:
    assert part_rates([10, 30, 1000, 1, 20, 25], 2) == [30, 20]


def test_a_log_that_grows_slower_is_seen_and_one_slow_slice_is_not() -> None:
    flat = [100.0] * 200
    figures, table = growth_figures(RECORDS, paces(*flat[:-1], 1.0))
    assert all(figure.is_met for figure in figures)
    assert [row[0] for row in table.rows[:2]] == ["0 to 10,000", "10,000 to 20,000"]
    slower = [100.0 - 0.06 * index for index in range(200)]
    (rate, flatness, *_), _ = growth_figures(RECORDS, paces(*slower))
    assert rate.is_met
    assert not flatness.is_met


def test_a_disk_without_room_is_not_filled(tmp_path: Path) -> None:
    require_room(tmp_path, 1)
    with pytest.raises(BenchError, match=r"needs 1200000000\.0 GB free"):
        require_room(tmp_path, 10**15)


def test_an_append_is_compared_with_the_commit_of_its_own_round() -> None:
    rounds = [Commits((1.0, 1.0, 9.0), (1.2, 1.2, 1.2)), Commits((2.0,), (2.2,)), Commits((3.0,), (4.5,))]
    ratio = commit_figures(rounds)[2]
    assert ratio.value == pytest.approx(1.1)
    assert ratio.low == pytest.approx(1.1)
    assert ratio.high == pytest.approx(1.5)
    assert ratio.is_met
    assert not commit_figures(rounds[2:])[2].is_met


def test_the_oldest_record_waits_from_its_append_until_it_is_seen_covered() -> None:
    waiting = Waiting()
    assert waiting.look(0, 5.0) == 0
    waiting.add(20, 10.0)
    waiting.add(40, 11.0)
    assert waiting.look(0, 11.5) == pytest.approx(1.5)
    assert waiting.look(39, 12.0) == pytest.approx(2.0)  # the first batch is covered, the second not whole
    assert waiting.look(39, 12.5) == pytest.approx(1.5)
    assert waiting.look(40, 13.0) == pytest.approx(2.0)
    assert waiting.look(40, 99.0) == 0


def test_a_checkpoint_that_never_comes_is_no_figure() -> None:
    with pytest.raises(BenchError, match="no checkpoint"):
        age_figures("steadily", Ages(100, 1, (0.5,)))
    assert not age_figures("steadily", Ages(100, 5, (0.5, 1.01)))[1].is_met


async def test_slices_are_of_equal_length_and_old_memos_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    async with open_log(path) as writer:
        found = await append_in_slices(writer, make_batch(4, classes=2), 10, 3, make_memo(4))
    assert len(found.slice_rates) == 3
    assert len(found.took_ms) == 30
    reader = await LogReader.open(path)
    records = await reader.fetch(0, await reader.size())
    memos = await reader.fetch_memos(100)
    await reader.close()
    sealed = [record.leaf.retention_class for record in records if record.leaf.segment]
    assert sealed == [1, 2, 1, 2] * 30
    assert 16 <= len(memos) <= 18


@pytest.mark.slow
def test_a_log_is_appended_verified_proved_and_opened(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    assert len(append_all(path, RECORDS).slice_rates) == 200
    figures = read_figures(verify_all(path), prove_some(path, 20), open_some(path, 1500))
    assert figures[0].what.startswith("verified, 100,0")
    assert all(figure.value > 0 for figure in figures)


def test_what_does_not_verify_or_open_is_not_measured(tmp_path: Path) -> None:
    append_gate_batches(tmp_path, 16, 64)
    tamper(tmp_path / "16.db", "UPDATE record SET payload = flip(payload, 0) WHERE idx = 9")
    with pytest.raises(BenchError, match="does not verify"):
        verify_all(tmp_path / "16.db")
    with pytest.raises(BenchError, match="record 9 does not open"):
        open_some(tmp_path / "16.db", 20)
    tamper(tmp_path / "16.db", "UPDATE tile SET hashes = flip(hashes, 40) WHERE level = 0")
    with pytest.raises(ValueError, match="is not in this tree"):
        prove_some(tmp_path / "16.db", 50)
