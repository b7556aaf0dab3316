"""Orders carried out on a real log: what was ordered is gone from its files, all else is readable."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from components.archive.bookkeeping import Tombstone
from components.archive.log.note import sign_note
from components.archive.orders.executor import OrderExecutor
from components.archive.orders.order import OrderAct, order_text
from components.archive.orders.request import OrderAnswer, OrderRequest
from components.archive.record import RecordKind
from components.archive.store import Destruction
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import Entry, LogWriter
from policy.retention import DEFAULT_POLICY
from tests.support.archive import ORIGIN, START_S, open_writer
from tests.support.orders import (
    ANNA,
    APPROVERS,
    BEN,
    NOW_NS,
    answer_to,
    examine,
    make_approver,
    make_erasure,
    make_executor,
    make_request,
    secrets_of,
    submit,
)
from tests.support.rounds import chance

CONVERSATION = b"\7" * 16


async def make_log(path: Path) -> None:
    """Segments 1 (class 1) and 2 (class 2), whose records alternate, and from another run 3 (class 1)."""
    writer = await open_writer(path)
    for number in range(20):
        conversation = CONVERSATION if number == 4 else bytes(16)
        await writer.append(
            [
                Entry(RecordKind.STANZA, b"what was said %d " % number * 30, 1, conversation),
                Entry(RecordKind.STANZA, b"presence %d " % number * 30, 2),
            ]
        )
    await writer.close()
    writer = await open_writer(path, (START_S * 10**9 + 10**12 + n for n in range(10**6)))
    await writer.append([Entry(RecordKind.STANZA, b"said later %d" % number, 1) for number in range(5)])
    await writer.close()


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await make_log(tmp_path / "gate.db")
    return tmp_path / "gate.db"


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[LogWriter]:
    writer = await open_writer(path, iter(range(NOW_NS, NOW_NS + 10**6)))
    yield writer
    await writer.close()


@pytest.fixture
async def executor(writer: LogWriter, path: Path) -> AsyncIterator[OrderExecutor]:
    source = await SqliteSource.open(path)
    yield make_executor(writer, source)
    await source.close()


async def carry_out(executor: OrderExecutor, path: Path, request: OrderRequest) -> OrderAnswer:
    await submit(path, request)
    await executor.serve()
    answer = await answer_to(path, request)
    assert answer is not None
    return answer


async def test_an_expiry(executor: OrderExecutor, writer: LogWriter, path: Path) -> None:
    before = await examine(path)
    answer = await carry_out(executor, path, make_request(OrderAct.EXPIRE, "e1", segments=(1,)))
    assert answer == OrderAnswer(True, len(before.payloads) + 1, ())
    await writer.sign()
    after = await examine(path)
    gone = before.indexes_of(1)
    assert {index for index, payload in after.payloads.items() if payload is None} == set(gone)
    assert all(
        after.payloads[index] == before.payloads[index] for index in before.payloads if index not in gone
    )
    assert [(t.segment, t.order, t.count, t.positions) for t in after.tombstones] == [(1, "e1", 20, ())]
    for secret in secrets_of(before, gone, [1]):
        assert secret in before.files
        assert secret not in after.files


async def test_an_erasure_leaves_the_others_readable(
    executor: OrderExecutor, writer: LogWriter, path: Path
) -> None:
    before = await examine(path)
    gone = [before.indexes_of(1)[place] for place in (3, 4, 11)] + [before.indexes_of(3)[0]]
    assert (await carry_out(executor, path, await make_erasure(path, "e1", gone))).ok
    await writer.sign()
    after = await examine(path)
    assert {index for index, payload in after.payloads.items() if payload is None} == set(gone)
    assert all(
        after.payloads[index] == before.payloads[index] for index in before.payloads if index not in gone
    )
    assert [(t.segment, t.count, t.positions) for t in after.tombstones] == [(1, 3, (3, 4, 11)), (3, 1, (0,))]
    for secret in secrets_of(before, gone, [1, 3]):
        assert secret in before.files
        assert secret not in after.files


async def test_erasures_one_after_the_other(executor: OrderExecutor, writer: LogWriter, path: Path) -> None:
    said = (await examine(path)).indexes_of(1)
    for number, gone in enumerate([said[5:7], [said[2]], said[12:], [said[0]]]):
        assert (await carry_out(executor, path, await make_erasure(path, f"e{number}", gone))).ok
    await writer.sign()
    after = await examine(path)
    left = {index for index in said if after.payloads[index] is not None}
    assert left == {said[1], said[3], said[4], *said[7:12]}
    assert (await carry_out(executor, path, make_request(OrderAct.EXPIRE, "all", segments=(1,)))).ok
    await writer.sign()
    after = await examine(path)
    assert after.tombstones[-1].count == len(left)


async def test_an_erasure_made_before_another_cannot_bring_its_keys_back(
    executor: OrderExecutor, path: Path
) -> None:
    said = (await examine(path)).indexes_of(1)
    first, second = await make_erasure(path, "e1", [said[3]]), await make_erasure(path, "e2", [said[9]])
    assert (await carry_out(executor, path, first)).ok
    answer = await carry_out(executor, path, second)
    assert answer.lines == (
        "the new envelopes were made for another state of the segment: propose the erasure anew",
    )
    assert (await carry_out(executor, path, await make_erasure(path, "e3", [said[9]]))).ok


async def test_holds_beat_both_until_they_are_released(executor: OrderExecutor, path: Path) -> None:
    said = (await examine(path)).indexes_of(1)
    held = make_request(OrderAct.HOLD, "h1", segments=(1,), indexes=(said[3],))
    assert (await carry_out(executor, path, held)).ok
    expiry = make_request(OrderAct.EXPIRE, "x1", segments=(1,), considered=("h1",))
    assert (await carry_out(executor, path, expiry)).lines == ("segment 1 is under hold h1",)
    erasure = await make_erasure(path, "x2", said[2:5], ["h1"])
    assert (await carry_out(executor, path, erasure)).lines == (f"record {said[3]} is under hold h1",)
    assert (await carry_out(executor, path, await make_erasure(path, "x3", [said[2]], ["h1"]))).ok
    assert (await carry_out(executor, path, make_request(OrderAct.RELEASE, "r1", hold="h1"))).ok
    assert (await carry_out(executor, path, make_request(OrderAct.RELEASE, "r2", hold="h1"))).lines == (
        "no hold h1 is in force",
    )
    expiry = make_request(OrderAct.EXPIRE, "x4", segments=(1,))
    assert (await carry_out(executor, path, expiry)).ok


async def test_a_conversation_that_is_held(executor: OrderExecutor, path: Path) -> None:
    said = (await examine(path)).indexes_of(1)
    held = make_request(OrderAct.HOLD, "h1", segments=(), conversations=(CONVERSATION,))
    assert (await carry_out(executor, path, held)).ok
    expiry = make_request(OrderAct.EXPIRE, "x1", segments=(1, 2, 3), considered=("h1",))
    assert (await carry_out(executor, path, expiry)).lines == ("segment 1 is under hold h1",)
    erasure = await make_erasure(path, "x2", said[3:6], ["h1"])
    assert (await carry_out(executor, path, erasure)).lines == (f"record {said[4]} is under hold h1",)
    assert (
        await carry_out(
            executor, path, make_request(OrderAct.EXPIRE, "x3", segments=(2, 3), considered=("h1",))
        )
    ).ok


async def test_a_hold_that_was_not_considered(executor: OrderExecutor, path: Path) -> None:
    assert (await carry_out(executor, path, make_request(OrderAct.HOLD, "h1", segments=(3,)))).ok
    answer = await carry_out(executor, path, make_request(OrderAct.EXPIRE, "x1", segments=(1,)))
    assert answer.lines == ("hold h1 was not considered: propose anew",)
    answer = await carry_out(
        executor, path, make_request(OrderAct.EXPIRE, "x2", segments=(1,), considered=("h1", "h2"))
    )
    assert answer.lines == ("hold h2 was considered, and is not in force: propose anew",)


async def test_the_minimum(writer: LogWriter, path: Path) -> None:
    source = await SqliteSource.open(path)
    young = make_executor(writer, source, START_S * 10**9)
    answer = await carry_out(young, path, make_request(OrderAct.EXPIRE, "x1", segments=(1, 2)))
    assert [line[:40] for line in answer.lines] == [
        "segment 1 must be kept until 2031-11-24 ",
        "segment 2 must be kept until 2027-11-24 ",
    ]
    said = (await examine(path)).indexes_of(1)
    answer = await carry_out(young, path, await make_erasure(path, "x2", [said[0]]))
    assert "must be kept until 2031-11-24" in answer.lines[0]
    await source.close()


async def test_what_cannot_be_ordered(executor: OrderExecutor, writer: LogWriter, path: Path) -> None:
    await writer.append([Entry(RecordKind.STANZA, b"new")])
    before = await examine(path)
    assert (
        await carry_out(executor, path, make_request(OrderAct.HOLD, "h0", segments=(4,)))
    ).ok  # also an open one
    for id_, act, fields, line in (
        ("a", OrderAct.HOLD, {"segments": (99,)}, "there is no segment 99"),
        ("b", OrderAct.HOLD, {"segments": (), "indexes": (10**6,)}, "there is no record 1000000"),
        ("c", OrderAct.EXPIRE, {"segments": (99,), "considered": ("h0",)}, "there is no segment 99"),
        (
            "d",
            OrderAct.EXPIRE,
            {"segments": (4,), "considered": ("h0",)},
            "segment 4: its segment is still open",
        ),
        ("e", OrderAct.EXPIRE, {"segments": (5,), "considered": ("h0",)}, "segment 5 holds what orders say"),
    ):
        answer = await carry_out(executor, path, make_request(act, id_, **fields))
        assert not answer.ok and answer.order is None
        assert any(line in each for each in answer.lines), answer
    erasure = await make_erasure(path, "f", [before.indexes_of(1)[0]], ["h0"])
    bookkeeping = next(index for index, kind in before.kinds.items() if kind >= 64)
    text = erasure.order.replace(f"indexes {before.indexes_of(1)[0]}", f"indexes {bookkeeping}")
    request = replace(erasure, order=sign_note(order_text(text), ANNA, BEN))
    assert "bookkeeping" in (await carry_out(executor, path, request)).lines[0]
    other = replace(
        erasure, order=sign_note(order_text(erasure.order).replace(ORIGIN, "another/gate"), ANNA, BEN)
    )
    assert "this is" in (await carry_out(executor, path, other)).lines[0]
    elsewhere = await make_erasure(path, "g", [before.indexes_of(1)[0]], ["h0"])
    text = order_text(elsewhere.order).replace(
        f"indexes {before.indexes_of(1)[0]}", f"indexes {before.indexes_of(2)[0]}"
    )
    elsewhere = replace(elsewhere, order=sign_note(text, ANNA, BEN))
    assert "other segments" in (await carry_out(executor, path, elsewhere)).lines[0]
    assert (await examine(path)).said() == before.said()


CARL = make_approver("carl", 13)
ANNA_TWICE = make_approver("anna", 14)


@pytest.mark.parametrize("signers", [(ANNA,), (ANNA, CARL), (CARL, ANNA_TWICE)])
async def test_without_two_approvers_nothing_happens(
    signers: tuple[object, ...], executor: OrderExecutor, writer: LogWriter, path: Path
) -> None:
    before = await examine(path)
    request = make_request(OrderAct.EXPIRE, "x1", segments=(1,), signers=signers)  # type: ignore[arg-type]
    answer = await carry_out(executor, path, request)
    assert not answer.ok and "needs 2" in answer.lines[0]
    await writer.sign()
    assert (await examine(path)).payloads == before.payloads


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("segments 1", "segments 2", "signature of approver/anna is wrong"),
        ("act expire", "act hold", "signature of approver/anna is wrong"),
        ("id x1", "id x2", "signature of approver/anna is wrong"),
        ("— approver/ben ", "— approver/bob ", "it needs 2"),
    ],
)
async def test_an_altered_line(old: str, new: str, problem: str, executor: OrderExecutor, path: Path) -> None:
    request = make_request(OrderAct.EXPIRE, "x1", segments=(1,))
    assert old in request.order
    answer = await carry_out(executor, path, replace(request, order=request.order.replace(old, new)))
    assert not answer.ok and problem in answer.lines[0]


async def test_parts_that_do_not_belong_together(executor: OrderExecutor, path: Path) -> None:
    said = (await examine(path)).indexes_of(1)
    request = await make_erasure(path, "x1", [said[3]])
    for altered, problem in (
        (
            replace(request, details=request.details.replace(b"for a test", b"for a best")),
            "details are not those",
        ),
        (replace(request, envelopes={}), "the envelopes are not those"),
        (
            replace(
                request,
                envelopes={
                    1: replace(
                        request.envelopes[1], keys=request.envelopes[1].keys.replace(b"escrow", b"nobody")
                    )
                },
            ),
            "envelopes are not",
        ),
    ):
        answer = await carry_out(executor, path, altered)
        assert not answer.ok and problem in answer.lines[0]
    assert (await carry_out(executor, path, request)).ok


async def test_an_id_serves_one_order_and_that_once(
    executor: OrderExecutor, writer: LogWriter, path: Path
) -> None:
    request = make_request(OrderAct.EXPIRE, "x1", segments=(1,))
    first = await carry_out(executor, path, request)
    size = writer.size
    assert (
        await carry_out(executor, path, request) == first
    )  # once more: nothing happens, and it says the same
    assert writer.size == size
    answer = await carry_out(executor, path, make_request(OrderAct.EXPIRE, "x1", segments=(2,)))
    assert not answer.ok and "is that of another order" in answer.lines[0]
    answer = await carry_out(executor, path, make_request(OrderAct.EXPIRE, "x2", segments=(1, 2)))
    assert answer.lines == ("segment 1 is destroyed already",)


async def test_what_a_request_said_is_gone_once_it_is_answered(executor: OrderExecutor, path: Path) -> None:
    request = make_request(OrderAct.HOLD, "h1", segments=(1,))
    await submit(path, request)
    assert b"for a test" in (await examine(path)).files
    await executor.serve()
    assert (await answer_to(path, request)) is not None
    assert b"for a test" not in (await examine(path)).files


async def test_a_reader_in_the_way_delays_the_answer_and_nothing_else(
    executor: OrderExecutor, writer: LogWriter, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.archive.store.sqlite.PURGE_RETRY_S", 0.001)
    expiry, hold = (
        make_request(OrderAct.EXPIRE, "x1", segments=(1,)),
        make_request(OrderAct.HOLD, "h1", segments=(3,)),
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM record").fetchone()
        await submit(path, expiry, hold)
        assert [outcome.id for outcome in await executor.serve()] == ["h1"]
        size = writer.size
        assert await executor.serve() == []
        assert writer.size == size
    assert [outcome.id for outcome in await executor.serve()] == ["x1"]
    assert await executor.serve() == []


async def test_records_that_are_appended_all_the_while_are_not_in_the_way(
    executor: OrderExecutor, writer: LogWriter, path: Path
) -> None:
    going, appended = True, 0

    async def append() -> None:
        nonlocal appended
        while going:
            await writer.append([Entry(RecordKind.STANZA, b"new" * 100)])
            await asyncio.sleep(0)
            appended += 1

    appending = asyncio.create_task(append())
    await submit(path, make_request(OrderAct.EXPIRE, "x1", segments=(1, 2, 3)))
    assert [outcome.id for outcome in await executor.serve()] == ["x1"]
    going = False
    await appending
    assert appended > 10


@pytest.mark.slow
async def test_a_large_segment_goes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "gate.db"
    writer = await open_writer(path, iter(range(START_S * 10**9, START_S * 10**9 + 10**6)))
    await writer.append([Entry(RecordKind.STANZA, b"%d" % number * 50) for number in range(1500)])
    await writer.append([Entry(RecordKind.STANZA, bytes(200_000)) for _ in range(7)])
    await writer.close()
    writer = await open_writer(path, iter(range(NOW_NS, NOW_NS + 10**6)))
    source = await SqliteSource.open(path)
    executor = OrderExecutor(writer, source, ORIGIN, DEFAULT_POLICY, APPROVERS, lambda: NOW_NS)
    before = await examine(path)
    destroy, pieces = writer.destroy, 0

    async def count(destruction: Destruction, tombstone: Tombstone | None) -> None:
        nonlocal pieces
        pieces += 1
        await destroy(destruction, tombstone)

    writer.destroy = count  # type: ignore[method-assign]
    assert (await carry_out(executor, path, make_request(OrderAct.EXPIRE, "x1", segments=(1,)))).ok
    await writer.close()
    await source.close()
    after = await examine(path)
    assert [(each.count, each.positions) for each in after.tombstones] == [(1507, ())]
    assert pieces > 5
    for secret in secrets_of(before, before.indexes_of(1), [1]):
        assert secret not in after.files


@pytest.mark.slow
@pytest.mark.fuzz
async def test_nothing_is_left_of_payloads_of_any_size(tmp_path: Path) -> None:
    """Small ones that share a page, and large ones that fill many; half of them erased, then all expired."""
    path, sizes = tmp_path / "gate.db", chance("sizes")
    writer = await open_writer(path, iter(range(START_S * 10**9, START_S * 10**9 + 10**6)))
    for _ in range(30):
        await writer.append(
            [
                Entry(RecordKind.STANZA, b"x" * int(sizes.lognormvariate(6, 1.5)), sizes.choice((1, 2)))
                for _ in range(20)
            ]
        )
    await writer.close()
    writer = await open_writer(path, iter(range(NOW_NS, NOW_NS + 10**6)))
    source = await SqliteSource.open(path)
    executor = make_executor(writer, source)
    before = await examine(path)
    said = before.indexes_of(1)
    erased = sizes.sample(said, len(said) // 2)
    for order, gone in (
        (await make_erasure(path, "e1", erased), erased),
        (make_request(OrderAct.EXPIRE, "x1", segments=(1,)), said),
    ):
        assert (await carry_out(executor, path, order)).ok
        await writer.sign()
        files = (await examine(path)).files
        for index in gone:
            payload = before.stored[index]
            assert not any(payload[at : at + 16] in files for at in range(0, len(payload) - 16, 61))
    await source.close()
    await writer.close()
