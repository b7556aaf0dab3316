"""Orders to test with, and a look at all that is left of a log afterwards."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.bookkeeping import Tombstone, parse_bookkeeping
from components.archive.log.checkpoint import verify_checkpoint
from components.archive.log.leaf import is_payload_of
from components.archive.log.merkle import leaf_hash, root_hash
from components.archive.log.note import Signer, encode_verifier_key, make_signer
from components.archive.log.tile import EMPTY_TREE, grow
from components.archive.opener import RecordOpener
from components.archive.orders.erasure import NewEnvelopes, remove_positions
from components.archive.orders.executor import OrderExecutor
from components.archive.orders.order import Order, OrderAct, approve_order, encode_order
from components.archive.orders.request import OrderAnswer, OrderRequest, encode_request, parse_answer
from components.archive.reader import LogReader
from components.archive.record import OrderDetails, RecordKind, encode_order_details
from components.archive.seal import open_segment_keys, seal_segment_keys
from components.archive.store import SegmentRow
from components.archive.store.sqlite_requests import SqliteRequests
from components.archive.store.sqlite_source import SqliteSource
from components.archive.writer import LogWriter
from components.verifier.log import verify_log
from policy.retention import DEFAULT_POLICY, NS_PER_DAY
from tests.support.archive import AUDITOR, ORIGIN, RECIPIENTS, START_S, VERIFIER_KEY, VKEY

NOW_NS = START_S * 10**9 + 3000 * NS_PER_DAY
"""When every record of a test's log may be destroyed."""


def make_approver(name: str, seed: int) -> Signer:
    return make_signer(f"approver/{name}", Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)))


ANNA, BEN = make_approver("anna", 11), make_approver("ben", 12)
APPROVERS = (ANNA.verifier_key, BEN.verifier_key)


def make_request(
    act: OrderAct,
    id_: str,
    *,
    signers: Sequence[Signer] = (ANNA, BEN),
    envelopes: dict[int, NewEnvelopes] | None = None,
    **fields: object,
) -> OrderRequest:
    """Make a request for an order whose remaining fields are these."""
    details = encode_order_details(OrderDetails(act, id_, "the matter", "", "", "for a test"))
    digests = {segment: sha256(new.keys).hexdigest() for segment, new in (envelopes or {}).items()}
    order = Order(ORIGIN, id_, act, sha256(details).hexdigest(), keys=digests, **fields)  # type: ignore[arg-type]
    note = encode_order(order)
    for signer in signers:
        note = approve_order(note, signer)
    return OrderRequest(note, details, envelopes or {})


async def make_erasure(
    path: Path, id_: str, indexes: Iterable[int], considered: Sequence[str] = ()
) -> OrderRequest:
    """Make the request to erase records of a log, with the envelopes that an auditor would make."""
    reader = await LogReader.open(path)
    erased: dict[int, set[int]] = {}
    envelopes: dict[int, NewEnvelopes] = {}
    wanted = sorted(indexes)
    for index in wanted:
        (record,) = await reader.fetch(index, 1)
        erased.setdefault(record.leaf.segment, set()).add(record.leaf.position)
    for segment, positions in erased.items():
        (row,) = await reader.source.fetch_segments(segment, segment + 1)
        assert row.keys is not None and row.manifest is not None
        gone = await reader.source.fetch_destroyed(row.first, row.manifest)
        for index in gone:
            (record,) = await reader.fetch(index, 1)
            if record.leaf.segment == segment:
                positions.add(record.leaf.position)
        keys = remove_positions(open_segment_keys(row.keys, ORIGIN, segment, [AUDITOR]), positions)
        sealed = seal_segment_keys(keys, ORIGIN, segment, RECIPIENTS)
        envelopes[segment] = NewEnvelopes(sealed, sha256(row.keys).hexdigest())
    await reader.close()
    return make_request(
        OrderAct.ERASE,
        id_,
        envelopes=envelopes,
        segments=tuple(sorted(envelopes)),
        indexes=tuple(wanted),
        considered=tuple(sorted(considered)),
    )


async def submit(path: Path, *requests: OrderRequest) -> None:
    """Hand requests over as another process does, under their orders' ids."""
    box = await SqliteRequests.open(path)
    for request in requests:
        await box.submit_request(request_id(request), encode_request(request).encode())
    await box.close()


def request_id(request: OrderRequest) -> str:
    return str(json.loads(request.details)["id"])


async def answer_to(path: Path, request: OrderRequest) -> OrderAnswer | None:
    source = await SqliteSource.open(path)
    found = {row.id: row.answer for row in await source.fetch_requests()}
    await source.close()
    answer = found.get(request_id(request))
    return parse_answer(answer) if answer else None


def make_executor(writer: LogWriter, source: SqliteSource, now_ns: int = NOW_NS) -> OrderExecutor:
    return OrderExecutor(writer, source, ORIGIN, DEFAULT_POLICY, APPROVERS, lambda: now_ns)


@dataclass
class Examined:
    """All of a log: payloads in the clear by index (None: destroyed), segments, tombstones, and its files' bytes."""

    payloads: dict[int, bytes | None] = field(default_factory=dict)
    kinds: dict[int, int] = field(default_factory=dict)
    segment_of: dict[int, int] = field(default_factory=dict)
    stored: dict[int, bytes] = field(default_factory=dict)
    segments: dict[int, SegmentRow] = field(default_factory=dict)
    tombstones: list[Tombstone] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    files: bytes = b""

    def said(self) -> dict[int, bytes | None]:
        """What was appended by others than the log itself."""
        return {i: p for i, p in self.payloads.items() if self.kinds[i] < min(64, RecordKind.ORDER_DETAILS)}

    def indexes_of(self, segment: int) -> list[int]:
        return [index for index, number in self.segment_of.items() if number == segment]


async def examine(path: Path, keyless: Collection[int] = ()) -> Examined:
    """Read all of a log, and check that it proves: every leaf, the root, what is there and what is gone.

    Of the records `keyless` the keys may be gone already, as long as an order is being carried out.
    """
    found = Examined()
    reader = await LogReader.open(path)
    try:
        checkpoint = verify_checkpoint((await reader.checkpoint()).decode(), VERIFIER_KEY)
        opener = RecordOpener(reader, ORIGIN, [AUDITOR])
        opened = await opener.fetch(0, 10**6)
        leaves = await reader.source.fetch_leaves(0, 10**6)
        found.segments = {row.number: row for row in await reader.source.fetch_segments()}
    finally:
        await reader.close()
    tree, _ = grow(EMPTY_TREE, [leaf_hash(leaf) for leaf in leaves[: checkpoint.size]])
    assert root_hash(tree.frontier) == checkpoint.root
    for record in opened:
        index, stored = record.index, record.stored.payload
        assert record.stored.is_intact() and (not record.fault or index in keyless), record
        found.payloads[index], found.kinds[index] = record.payload, record.leaf.kind
        if record.leaf.segment:
            found.segment_of[index] = record.leaf.segment
        if stored is not None:
            assert is_payload_of(record.leaf, stored)
            found.stored[index] = stored
        if record.leaf.kind == RecordKind.TOMBSTONE:
            tombstone = parse_bookkeeping(RecordKind.TOMBSTONE, stored or b"")
            assert isinstance(tombstone, Tombstone)
            found.tombstones.append(tombstone)
        if record.leaf.kind == RecordKind.ORDER:
            found.orders.append((stored or b"").decode())
    report = verify_log(path, VKEY, approver_vkeys=[encode_verifier_key(key) for key in APPROVERS])
    problems = {(problem.kind, problem.index) for problem in report.problems}
    assert {kind for kind, index in problems if index not in keyless} <= (
        {"not-destroyed"} if keyless else set()
    )
    _check_tombstones(found, {record.index: record.leaf.position for record in opened}, keyless)
    found.files = b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))
    return found


def _check_tombstones(found: Examined, position: dict[int, int], going: Collection[int]) -> None:
    """What is gone has a tombstone, whose order stands before it; nothing with one is there, but what is `going`."""
    ids = {line[3:] for order in found.orders for line in order.splitlines() if line.startswith("id ")}
    gone: dict[int, set[int]] = {}
    for tombstone in found.tombstones:
        assert tombstone.order in ids
        here = found.indexes_of(tombstone.segment)
        named = [i for i in here if position[i] in tombstone.positions] if tombstone.positions else here
        before = gone.setdefault(tombstone.segment, set())
        assert tombstone.count == len(set(named) - before)
        before.update(named)
        if not tombstone.positions:
            assert found.segments[tombstone.segment].keys is None
    named_ever = {index for each in gone.values() for index in each}
    destroyed = set(found.segment_of) - set(found.stored)
    assert destroyed <= named_ever <= destroyed.union(going)
    for number, row in found.segments.items():
        said = [each.keys_sha256 for each in found.tombstones if each.segment == number]
        assert (row.keys is None) == (bool(said) and not said[-1])
        if said and row.keys:
            assert sha256(row.keys).hexdigest() == said[-1]


def secrets_of(found: Examined, indexes: Iterable[int], segments: Iterable[int] = ()) -> list[bytes]:
    """Pieces of stored payloads and envelopes, by which to look for what should be gone."""
    pieces = [
        found.stored[index][at : at + 24] for index in indexes for at in (0, len(found.stored[index]) // 2)
    ]
    for number in segments:
        keys = found.segments[number].keys
        assert keys is not None
        for envelope in json.loads(keys):
            pieces += [envelope["sealed"].encode()[:60], envelope["sealed"].encode()[-40:]]
    return pieces
