"""What a writer is asked to carry out: an order, its details and an erasure's envelopes; and what it answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from components.archive.orders.erasure import NewEnvelopes
from components.archive.orders.order import Order
from components.archive.record import OrderDetails, RecordKind, parse_record
from components.archive.record_header import RecordError


class RequestError(ValueError):
    """A request is malformed, or its parts do not belong together."""


@dataclass(frozen=True, slots=True)
class Request:
    """An order (a note once it is signed), the payload of its details, and new envelopes by segment."""

    order: str
    details: bytes
    envelopes: Mapping[int, NewEnvelopes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request: carried out as record `order`, or refused; `lines` say it to a person."""

    ok: bool
    order: int | None
    lines: tuple[str, ...]


def encode_request(request: Request) -> str:
    """Encode as a JSON object that a person can read: the form of an order's file."""
    envelopes = {
        str(segment): {"replaces": new.replaces, "keys": new.keys.decode()}
        for segment, new in sorted(request.envelopes.items())
    }
    document = {"order": request.order, "details": request.details.decode(), "envelopes": envelopes}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def parse_request(text: str | bytes) -> Request:
    """Parse a request; raises RequestError."""
    try:
        document: dict[str, Any] = json.loads(text)
        order, details, envelopes = document["order"], document["details"], document["envelopes"]
        new = {
            int(segment): NewEnvelopes(each["keys"].encode(), str(each["replaces"]))
            for segment, each in envelopes.items()
        }
        return Request(str(order), details.encode(), new)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RequestError("not the file of an order") from None


def check_request(request: Request, order: Order) -> OrderDetails:
    """Return the details of a request of this order; raises RequestError unless its parts are those that it names."""
    if sha256(request.details).hexdigest() != order.details:
        raise RequestError("the details are not those that the order names")
    try:
        details = parse_record(RecordKind.ORDER_DETAILS, request.details)
    except RecordError as error:
        raise RequestError(f"the details cannot be read: {error}") from None
    if not isinstance(details, OrderDetails) or (details.act, details.id) != (order.act, order.id):
        raise RequestError("the details are of another order")
    digests = {segment: sha256(new.keys).hexdigest() for segment, new in request.envelopes.items()}
    if digests != dict(order.keys):
        raise RequestError("the envelopes are not those that the order names")
    return details


def encode_answer(answer: Answer) -> str:
    """Encode as one JSON object."""
    return json.dumps({"ok": answer.ok, "order": answer.order, "lines": answer.lines}, ensure_ascii=False)


def parse_answer(text: str) -> Answer:
    """Parse an answer; raises RequestError."""
    try:
        document: dict[str, Any] = json.loads(text)
        return Answer(bool(document["ok"]), document["order"], tuple(document["lines"]))
    except (ValueError, KeyError, TypeError):
        raise RequestError("not an answer to a request") from None
