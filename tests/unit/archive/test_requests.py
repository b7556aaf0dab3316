"""Requests to a log's writer, and what it answers; and orders carried out, in either kind of store."""

import pytest

from components.archive.errors import LogUnavailable
from components.archive.opener import RecordOpener
from components.archive.orders.erasure import NewEnvelopes
from components.archive.orders.executor import OrderExecutor
from components.archive.orders.order import OrderAct
from components.archive.orders.request import (
    OrderAnswer,
    OrderRequest,
    OrderRequestError,
    encode_answer,
    encode_request,
    parse_answer,
    parse_request,
)
from components.archive.reader import LogReader
from components.archive.record import RecordKind
from components.archive.store import Change, Destruction, RequestRow
from components.archive.store.open import StoreName, open_requests, open_source, open_store
from components.archive.writer import Entry, LogWriter
from policy.retention import DEFAULT_POLICY
from tests.support.orders import APPROVERS, NOW_NS, make_request
from tests.support.stores import AUDITOR, ORIGIN, SIGNER, make_store, records, ticking


async def test_a_request_waits_until_it_is_answered(store_name: StoreName) -> None:
    store = await make_store(store_name)
    box = await open_requests(store_name)
    await box.submit_request("b", b"first \0 body")
    await box.submit_request("a", b"second body")
    await box.submit_request("b", b"not taken while it waits")
    waiting = [RequestRow("b", b"first \0 body", None), RequestRow("a", b"second body", None)]
    assert await store.fetch_requests() == waiting
    assert await box.fetch_answer("b") is None
    await store.commit(records(0, [b"record"])._replace(answered=[RequestRow("b", None, '{"a": "ä"}')]))
    assert await store.fetch_requests() == [RequestRow("b", None, '{"a": "ä"}'), waiting[1]]
    assert await box.fetch_answer("b") == '{"a": "ä"}'
    await box.submit_request("b", b"asked again")
    assert await box.fetch_answer("b") is None
    await box.withdraw_request("a")
    await box.withdraw_request("never there")
    assert await store.fetch_requests() == [RequestRow("b", b"asked again", None)]
    await box.close()
    with pytest.raises(LogUnavailable):
        await box.fetch_answer("b")
    await store.close()
    source = await open_source(store_name)
    assert await source.fetch_requests() == [RequestRow("b", b"asked again", None)]
    await source.close()


async def test_there_is_no_log_to_ask(store_name: StoreName) -> None:
    with pytest.raises(LogUnavailable):
        box = await open_requests(store_name)
        try:
            await box.submit_request("a", b"body")
        finally:
            await box.close()


async def test_which_payloads_are_destroyed(store_name: StoreName) -> None:
    store = await make_store(store_name)
    await store.commit(records(0, [b"0", b"1", b"", b"3", b"4"]))
    assert await store.fetch_destroyed(0, 9) == []
    await store.commit(Change(destroyed=[Destruction(1, [1, 3], None)]))
    assert await store.fetch_destroyed(0, 9) == [1, 3]
    assert await store.fetch_destroyed(1, 3) == [1]
    await store.purge()
    assert await store.fetch_destroyed(2, 9) == [3]
    await store.close()


async def test_a_purge_of_requests_leaves_the_others(store_name: StoreName) -> None:
    store = await make_store(store_name)
    box = await open_requests(store_name)
    await box.submit_request("a", b"body")
    await box.submit_request("b", b"body")
    await store.commit(Change(answered=[RequestRow("a", None, "done")]))
    await store.purge(requests_only=True)
    await box.submit_request("c", b"body")
    ids = [(row.id, row.body, row.answer) for row in await store.fetch_requests()]
    assert ids == [("a", None, "done"), ("b", b"body", None), ("c", b"body", None)]
    await box.close()
    await store.close()


async def test_orders_are_carried_out(store_name: StoreName) -> None:
    writer = await LogWriter.open_on(await open_store(store_name), SIGNER, [AUDITOR.recipient], ticking())
    await writer.append([Entry(RecordKind.STANZA, b"due %d" % number) for number in range(600)])
    await writer.close()
    writer = await LogWriter.open_on(
        await open_store(store_name), SIGNER, [AUDITOR.recipient], lambda: NOW_NS
    )
    source = await open_source(store_name)
    executor = OrderExecutor(writer, source, ORIGIN, DEFAULT_POLICY, APPROVERS, lambda: NOW_NS)
    box = await open_requests(store_name)
    for id_, act, fields in (
        ("h1", OrderAct.HOLD, {"segments": (1,)}),
        ("x1", OrderAct.EXPIRE, {"segments": (1,), "considered": ("h1",)}),
        ("r1", OrderAct.RELEASE, {"hold": "h1"}),
        ("x2", OrderAct.EXPIRE, {"segments": (1,)}),
    ):
        request = make_request(act, id_, **fields)
        await box.submit_request(id_, encode_request(request).encode())
        (outcome,) = await executor.serve()
        assert (outcome.id, outcome.answer.ok) == (id_, id_ != "x1")
        answer = await box.fetch_answer(id_)
        assert answer is not None and parse_answer(answer) == outcome.answer
    await box.close()
    await source.close()
    await writer.close()
    reader = await LogReader.open(store_name)
    opened = await RecordOpener(reader, ORIGIN, [AUDITOR]).fetch(0, 1000)
    assert {record.payload for record in opened if record.leaf.segment == 1} == {None}
    (row,) = await reader.source.fetch_segments(1, 2)
    assert row.keys is None
    await reader.close()


REQUEST = OrderRequest(
    "an order\n",
    "détails\n".encode(),
    {7: NewEnvelopes(b'[{"name":"auditor"}]', "5b"), 12: NewEnvelopes(b"[]", "")},
)


def test_round_trip() -> None:
    assert parse_request(encode_request(REQUEST)) == REQUEST
    for answer in (OrderAnswer(True, 5, ()), OrderAnswer(False, None, ("därum", "b"))):
        assert parse_answer(encode_answer(answer)) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "\xff",
        '{"order": "", "details": ""}',
        '{"order": "", "details": 5, "envelopes": {}}',
        '{"order": "", "details": "", "envelopes": {"x": ""}}',
        '{"order": "", "details": "", "envelopes": []}',
    ],
)
def test_what_is_no_request(text: str) -> None:
    with pytest.raises(OrderRequestError):
        parse_request(text)
    with pytest.raises(OrderRequestError):
        parse_answer(text)
