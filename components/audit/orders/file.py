"""An order's file: written and read as a whole."""

from dataclasses import dataclass
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.archive.orders.order import Order, OrderError, order_text, parse_order
from components.archive.orders.request import (
    OrderRequest,
    OrderRequestError,
    check_request,
    encode_request,
    parse_request,
)
from components.archive.record import OrderDetails
from components.process.errors import SiteError


@dataclass(frozen=True, slots=True)
class OrderFile:
    """An order's file: its text, the names on its signatures (unchecked), and its content."""

    request: OrderRequest
    signed_by: tuple[str, ...]
    order: Order
    details: OrderDetails


def write_order_file(path: Path, request: OrderRequest) -> None:
    """Write an order's file, as a whole or not at all, readable only for its owner; raises SiteError."""
    try:
        replace_durably(path, encode_request(request).encode(), PRIVATE)
    except OSError as error:
        raise SiteError(f"{path}: cannot be written ({error.strerror})") from error


def read_order_file(path: Path) -> OrderFile:
    """Read an order's file; raises SiteError unless its parts belong together."""
    try:
        request = parse_request(path.read_text())
        order = parse_order(order_text(request.order))
        details = check_request(request, order)
    except OSError as error:
        raise SiteError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (OrderRequestError, OrderError, UnicodeDecodeError) as error:
        raise SiteError(f"{path}: {error}") from None
    lines = request.order.removeprefix(order_text(request.order)).splitlines()
    signed_by = tuple(line.split(" ")[1] for line in lines if line.startswith("— "))
    return OrderFile(request, signed_by, order, details)
