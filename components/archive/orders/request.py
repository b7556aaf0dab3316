"""A request to a writer: an order, its details and an erasure's envelopes; and the writer's answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from components.archive.orders.erasure import NewEnvelopes
from components.archive.orders.order import Order
from components.archive.record import OrderDetails, RecordKind, parse_record
from components.archive.record_header import RecordError
from components.process.json_text import read_json


class OrderRequestError(ValueError):
    """A request is malformed, or its parts do not belong together."""


_FROM = "@"


def name_request(order: str, machine: str) -> str:
    """Return the id of the request for an order from another machine: each machine has an answer of its own."""
    return f"{order}{_FROM}{machine}"


def order_of(request: str) -> str:
    """Return the id of the order that a request with this id is for."""
    return request.partition(_FROM)[0]


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order (a note once it is signed), the payload of its details, and new envelopes by segment."""

    order: str
    details: bytes
    envelopes: Mapping[int, NewEnvelopes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """The result of a request: carried out as record `order`, or refused; `lines` tell a person."""

    ok: bool
    order: int | None
    lines: tuple[str, ...]


def encode_request(request: OrderRequest) -> str:
    """Encode as a JSON object that a person can read: the form of an order's file."""
    envelopes = {
        str(segment): {"replaces": new.replaces, "keys": new.keys.decode()}
        for segment, new in sorted(request.envelopes.items())
    }
    document = {"order": request.order, "details": request.details.decode(), "envelopes": envelopes}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def parse_request(text: str | bytes) -> OrderRequest:
    """Parse a request; raises OrderRequestError."""
    try:
        document: dict[str, Any] = read_json(text)
        order, details, envelopes = document["order"], document["details"], document["envelopes"]
        new = {
            int(segment): NewEnvelopes(each["keys"].encode(), str(each["replaces"]))
            for segment, each in envelopes.items()
        }
        return OrderRequest(str(order), details.encode(), new)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OrderRequestError("not the file of an order") from None


def check_request(request: OrderRequest, order: Order) -> OrderDetails:
    """Return the details of a request of this order; raises OrderRequestError when its parts are others."""
    if sha256(request.details).hexdigest() != order.details:
        raise OrderRequestError("the details are not those that the order names")
    try:
        details = parse_record(RecordKind.ORDER_DETAILS, request.details)
    except RecordError as error:
        raise OrderRequestError(f"the details cannot be read: {error}") from None
    if not isinstance(details, OrderDetails) or (details.act, details.id) != (order.act, order.id):
        raise OrderRequestError("the details are of another order")
    digests = {segment: sha256(new.keys).hexdigest() for segment, new in request.envelopes.items()}
    if digests != dict(order.keys):
        raise OrderRequestError("the envelopes are not those that the order names")
    return details


def encode_answer(answer: OrderAnswer) -> str:
    """Encode as one JSON object."""
    return json.dumps({"ok": answer.ok, "order": answer.order, "lines": answer.lines}, ensure_ascii=False)


def parse_answer(text: str) -> OrderAnswer:
    """Parse an answer; raises OrderRequestError."""
    try:
        document: dict[str, Any] = read_json(text)
        return OrderAnswer(bool(document["ok"]), document["order"], tuple(document["lines"]))
    except (ValueError, KeyError, TypeError):
        raise OrderRequestError("not an answer to a request") from None
