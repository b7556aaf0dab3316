"""Proposes an order: works out what it names, and records this look, before anybody signs it."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from components.archive.orders.erasure import NewEnvelopes
from components.archive.orders.order import Order, OrderAct, encode_order
from components.archive.orders.request import OrderRequest
from components.archive.record import OrderDetails, encode_order_details
from components.audit.orders.custodian import require_known
from components.audit.orders.erase import make_envelopes, place_records, refuse_erasure
from components.audit.orders.files import find_owned_segments
from components.audit.orders.orders import OrderState, OrderView, hold_query
from components.audit.orders.plan import ExpiryPlan, plan_expiry, refuse_expiry
from components.audit.orders.scene import Enquiry, Scene, open_scene
from components.audit.orders.scope import Scope
from components.audit.query.compile import compile_query
from components.audit.query.parser import parse_query
from components.audit.query.tree import format_query, people_of
from components.process.errors import SiteError
from components.settings.transfer import TransferSettings
from policy.destruction import Refusal

# An order is one record, and the writer checks everything that it names before it begins.
MAX_SEGMENTS = 10_000


class OrderRefused(SiteError):  # noqa: N818 - the condition is the name
    """The writer would not carry out the proposed order; `lines` are the reasons."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.lines = tuple(refusal.text for refusal in refusals)
        super().__init__("; ".join(self.lines[:10]))


@dataclass(frozen=True, slots=True)
class Grounds:
    """Why an order is proposed: the case that it belongs to, and the reason."""

    matter: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """An unsigned order, with its details; `access_id` is the record of this look."""

    order: Order
    details: OrderDetails
    request: OrderRequest
    access_id: str


async def propose_hold(enquiry: Enquiry, scope: Scope, grounds: Grounds) -> Proposal:
    """Propose to hold what `scope` names, now and in future; raises QueryError, SiteError and LogError."""
    async with open_scene(enquiry) as scene:
        scene.limits.require_people(scope.named)
        asked = parse_query(scope.query, scene.now_ns) if scope.query else None
        named = dict.fromkeys((*scope.named, *(people_of(asked) if asked else ())))
        require_known(named, scene.settings.gate.directory_file, scene.index, scene.now_ns, scene.limits.owns)
        if asked and not scope.conversations:
            asked = scene.limits.narrow(asked)
        query = format_query(asked) if asked else ""
        details = _detail(OrderAct.HOLD, scene, grounds, scope.custodian, query)
        segments = await _find_held(enquiry, scene, scope, details)
        fields = {
            "segments": tuple(sorted(segments)),
            "conversations": tuple(sorted(scope.conversations)),
            "indexes": tuple(sorted(scope.indexes)),
        }
        return await _propose(scene, details, fields)


async def _find_held(enquiry: Enquiry, scene: Scene, scope: Scope, details: OrderDetails) -> Collection[int]:
    """Return the segments that a new hold keeps; raises QueryError, SiteError and LogError."""
    if scope.indexes:
        scene.limits.require_records(scope.indexes)
        return await place_records(scene.log, scope.indexes)
    if scope.custodian and not scope.query and enquiry.log.table == TransferSettings.table_name:
        return (await find_owned_segments(scene.log, [scope.custodian], enquiry.progress))[scope.custodian]
    if (node := hold_query(details, scene.now_ns)) is None:
        return ()
    _require_index(enquiry)
    return scene.index.find_segments(compile_query(node))


async def propose_releases(enquiry: Enquiry, hold: str, grounds: Grounds) -> list[Proposal]:
    """Propose to end the hold with this id, or all holds of the matter; raises SiteError and LogError."""
    matter = grounds.matter
    async with open_scene(enquiry) as scene:
        found = [
            view
            for view in scene.limits.pick(scene.views)
            if view.state is OrderState.IN_FORCE
            and (view.order.id == hold or (matter and view.details and view.details.matter == matter))
        ]
        if not found:
            raise SiteError(
                f"no hold {hold or f'of the matter {matter!r}'} is in force; see `archive orders`"
            )
        proposals = []
        for view in found:
            of = view.details.matter if view.details else ""
            details = _detail(OrderAct.RELEASE, scene, replace(grounds, matter=of))
            proposals.append(await _propose(scene, details, {"hold": view.order.id}))
        return proposals


async def plan(enquiry: Enquiry) -> tuple[ExpiryPlan, str]:
    """Work out what could expire, and record the look; raises SiteError and LogError."""
    async with open_scene(enquiry) as scene:
        scene.limits.require_whole_site()
        found = await plan_expiry(scene.log.reader.source, scene.policy, scene.now_ns, scene.holds)
        return found, await scene.record("expire --plan", enquiry.log.name, len(found.due))


async def propose_expiry(enquiry: Enquiry, segments: Sequence[int], grounds: Grounds) -> Proposal:
    """Propose that segments expire: these, or all that are due and not held.

    Raises OrderRefused with the reasons against the named segments, SiteError and LogError.
    """
    async with open_scene(enquiry) as scene:
        scene.limits.require_whole_site()
        source = scene.log.reader.source
        if segments:
            numbers = sorted(set(segments))
            if refusals := await refuse_expiry(source, scene.policy, scene.now_ns, numbers, scene.holds):
                raise OrderRefused(refusals)
        else:
            found = await plan_expiry(source, scene.policy, scene.now_ns, scene.holds)
            numbers = [each.facts.number for each in found.free][:MAX_SEGMENTS]
            if not numbers:
                raise SiteError(
                    "nothing is due to expire, except records under a hold; see `archive expire --plan`"
                )
        details = _detail(OrderAct.EXPIRE, scene, grounds)
        fields = {"segments": tuple(numbers), "considered": scene.considered}
        return await _propose(scene, details, fields)


async def propose_erasure(enquiry: Enquiry, scope: Scope, grounds: Grounds) -> Proposal:
    """Propose to erase single records; raises OrderRefused, QueryError, SiteError and LogError."""
    async with open_scene(enquiry) as scene:
        indexes, query = tuple(sorted(scope.indexes)), scene.limits.tell_scope()
        scene.limits.require_records(indexes)
        if scope.query:
            _require_index(enquiry)
            node = scene.limits.narrow(parse_query(scope.query, scene.now_ns))
            query, indexes = format_query(node), scene.index.find_all(compile_query(node))
        details = _detail(OrderAct.ERASE, scene, grounds, scope.custodian, query)
        # First: what is refused tells what matches, too.
        access_id = await _record_proposal(scene, details, len(indexes))
        if not indexes:
            raise SiteError("no record matches: nothing to erase")
        refusals = await refuse_erasure(scene.log, scene.policy, scene.now_ns, indexes, scene.holds)
        if refusals:
            raise OrderRefused(refusals)
        envelopes = await make_envelopes(scene.settings, scene.log, indexes)
        fields = {
            "segments": tuple(sorted(envelopes)),
            "indexes": indexes,
            "considered": scene.considered,
            "keys": {segment: sha256(new.keys).hexdigest() for segment, new in envelopes.items()},
        }
        return await _propose(scene, details, fields, envelopes, access_id)


async def list_orders(enquiry: Enquiry) -> tuple[list[OrderView], str]:
    """Return all orders of a log, and record the look; raises SiteError and LogError."""
    async with open_scene(enquiry) as scene:
        views = scene.limits.pick(scene.views)
        return views, await scene.record("orders", enquiry.log.name, len(views))


async def _propose(
    scene: Scene,
    details: OrderDetails,
    fields: Mapping[str, Any],
    envelopes: Mapping[int, NewEnvelopes] | None = None,
    access_id: str = "",
) -> Proposal:
    payload = encode_order_details(details)
    act = OrderAct(details.act)
    order = Order(scene.log.origin, details.id, act, sha256(payload).hexdigest(), **fields)
    text = encode_order(order)
    named = len(order.indexes or order.segments)
    access_id = access_id or await _record_proposal(scene, details, named)
    return Proposal(order, details, OrderRequest(text, payload, envelopes or {}), access_id)


async def _record_proposal(scene: Scene, details: OrderDetails, count: int) -> str:
    """Record what is proposed, with what was looked for: an order that nobody signs is nowhere else."""
    custodian = f"with:{details.custodian}" if details.custodian else ""
    query = " ".join(filter(None, (details.id, custodian, details.query)))
    return await scene.record(f"propose {details.act}", query, count)


def _require_index(enquiry: Enquiry) -> None:
    gate_log = enquiry.settings.gate_log
    if enquiry.log != gate_log:
        raise SiteError(f"queries look into the log {gate_log.name} only: name records of {enquiry.log.name}")


def _detail(
    act: OrderAct, scene: Scene, grounds: Grounds, custodian: str = "", query: str = ""
) -> OrderDetails:
    at = datetime.fromtimestamp(scene.now_ns // 10**9, UTC)
    id_ = f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    return OrderDetails(act, id_, grounds.matter, custodian, query, grounds.reason)
