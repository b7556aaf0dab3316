"""The space of a day: what is counted as it changes is what a look at all uploads finds, and costs no look at them."""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.errors import LogUnavailable
from components.transfer import state
from components.transfer.day_use import DAY_S, SLOTS, USED
from components.transfer.state import Settled, Stage, Upload, UploadStore
from policy.address import BareJid
from policy.directory.enterprise import EnterpriseId
from policy.files.slot import DayBytes, DayTimes, Purpose, Usage
from tests.support.archive import START_S

ANNA, BEN, CARA = (BareJid(f"{name}@metals.example") for name in ("anna", "ben", "cara"))
FIRMS = {ANNA: EnterpriseId("metals"), BEN: EnterpriseId("metals"), CARA: EnterpriseId("grain")}
SETTLED = Settled(Stage.ANSWERED, (), "", 0, "", START_S)


@pytest.fixture
async def uploads(tmp_path: Path) -> AsyncIterator[UploadStore]:
    store = await UploadStore.open(tmp_path / "state.db")
    yield store
    await store.close()


def upload(number: int, owner: BareJid = ANNA, at_s: int = START_S, size_bytes: int = 1000) -> Upload:
    return Upload(
        number.to_bytes(16, "big"), owner, FIRMS[owner], "a.pdf", "application/pdf", size_bytes,
        Purpose.MESSAGE, at_s, at_s + 300, at_s + 90 * DAY_S,
    )  # fmt: skip


def look_at_all(kept: list[Upload], owner: BareJid, now_s: int) -> Usage:
    """Return what is used of a day, by looking at every upload."""
    sizes, times = [], []
    waiting = [each for each in kept if each.stage is Stage.ISSUED and each.lapses_at_s > now_s]
    for is_whose in (lambda of: of == owner, lambda of: FIRMS[of] == FIRMS[owner], lambda _of: True):
        counted = [(each, each.lapses_at_s) for each in waiting if is_whose(each.owner)]
        for each in kept:
            free_at_s = (each.issued_at_s // 60 + 1) * 60 + DAY_S
            if each.stage is not Stage.ISSUED and is_whose(each.owner) and free_at_s > now_s:
                counted.append((each, free_at_s))
        sizes.append(sum(each.size_bytes for each, _ in counted))
        times.append(min((free_at_s for _, free_at_s in counted), default=now_s))
    own = [each.lapses_at_s for each in waiting if each.owner == owner]
    return Usage(DayBytes(*sizes), DayTimes(*times), len(own), min(own, default=0))


async def require_counted(uploads: UploadStore, kept: list[Upload], now_s: int) -> None:
    for owner, firm in FIRMS.items():
        assert await uploads.usage(owner, firm, now_s) == look_at_all(kept, owner, now_s)


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_counted_is_what_there_is(uploads: UploadStore, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    kept: dict[bytes, Upload] = {}
    now_s = START_S

    def change(id_: bytes, stage: Stage) -> None:
        kept[id_] = replace(kept[id_], stage=stage)

    for number in range(1, 120):
        now_s += chance.choice((0, 1, 30, 61, 400, 4000))
        new = upload(number, chance.choice(tuple(FIRMS)), now_s, chance.randrange(1, 10**9))
        uploads.issue(new)
        kept[new.id] = new
        some = chance.choice(tuple(kept))
        match chance.randrange(6):
            case 0 | 1:
                uploads.mark_stored(some, "1/" + "0" * 64)
                change(some, Stage.STORED)
            case 2:
                uploads.mark_issued(some)
                change(some, Stage.ISSUED)
            case 3:
                stage = chance.choice((Stage.ANSWERED, Stage.HELD, Stage.REFUSED))
                uploads.settle(some, replace(SETTLED, stage=stage, record=number))
                change(some, stage)
            case 4:
                uploads.forget([some])
                del kept[some]
            case 5:
                uploads.forget_lapsed(now_s - 2 * DAY_S)
                kept = {
                    id_: each
                    for id_, each in kept.items()
                    if each.stage is not Stage.ISSUED or each.lapses_at_s > now_s - 2 * DAY_S
                }
        await require_counted(uploads, list(kept.values()), now_s)
    await require_counted(uploads, list(kept.values()), now_s + 7000)
    # A restart counts anew.
    again = await UploadStore.open(tmp_path / "state.db")
    await require_counted(again, list(kept.values()), now_s)
    await again.close()


async def test_what_is_destroyed_counts_no_more(uploads: UploadStore) -> None:
    for number in (1, 2):
        uploads.issue(upload(number))
        uploads.settle(upload(number).id, replace(SETTLED, record=number))
    uploads.forget_recorded([1])
    await require_counted(uploads, [replace(upload(2), stage=Stage.ANSWERED)], START_S)


async def test_a_change_that_fails_counts_for_nothing(
    uploads: UploadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads.issue(upload(1))
    with monkeypatch.context() as broken:
        # The last of what settles an upload.
        broken.setattr(state, "_require_nothing", lambda connection: connection.execute("DROP TABLE vote"))
        with pytest.raises(LogUnavailable):
            uploads.settle(upload(1).id, SETTLED)
    await require_counted(uploads, [upload(1)], START_S)


async def test_a_busy_day_is_not_looked_through(uploads: UploadStore) -> None:
    """By the plan of each question: no scan of uploads, and no search of all that a day has."""
    values = {"owner": ANNA, "firm": FIRMS[ANNA], "now": START_S, "first": 0}
    plans = []
    for question in (USED, SLOTS):
        rows = await uploads._connection.execute_fetchall(f"EXPLAIN QUERY PLAN {question}", values)
        plans += [str(row[3]) for row in rows]
    assert any("SEARCH used USING PRIMARY KEY (kind=? AND name=? AND minute>?" in plan for plan in plans), (
        plans
    )
    assert any("SEARCH upload USING INDEX upload_unused" in plan for plan in plans), plans
    assert not any(plan.startswith(("SCAN used", "SCAN upload")) for plan in plans), plans


async def test_what_is_older_than_a_day_is_not_kept_in_memory(uploads: UploadStore) -> None:
    for number, at_s in enumerate((START_S, START_S + 3600, START_S + DAY_S + 120), 1):
        uploads.issue(upload(number, at_s=at_s))
        uploads.mark_stored(upload(number).id, "")
    uploads.forget_lapsed(START_S)
    (row,) = await uploads._connection.execute_fetchall("SELECT COUNT(*) FROM used WHERE kind = 'site'")
    assert tuple(row) == (2,)
