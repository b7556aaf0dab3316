"""The payload of a record: a JSON header, a newline, the bytes as they came (docs/archive-format.md, 1)."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, NamedTuple

from components.archive.record_header import (
    RecordError,
    encode_header,
    parse_header,
    take_list,
    take_number,
    take_text,
)
from policy.decision import StanzaError

_FIRST_IN_CLEAR = 64
# Fields of a look that may be left out.
_LATER = ("result_digest", "matter", "reason", "log_sizes", "index_format")


class RecordKind(IntEnum):
    """The kind of a record; the number is in the leaf. From 64 on: the log's own bookkeeping, in the clear."""

    STANZA = 1
    SESSION = 2
    DELIVERY = 3
    ACCESS = 4
    ALARM = 5
    ORDER_DETAILS = 6
    RULES = 7
    ROSTER = 8
    ADMISSION = 9
    REVIEW = 10
    FILE = 11
    SUPERVISION = 12
    MATTER = 13
    SEGMENT = _FIRST_IN_CLEAR
    MANIFEST = 65
    ORDER = 66
    TOMBSTONE = 67
    LOG_KEY = 68

    @property
    def is_sealed(self) -> bool:
        """Whether only recipients can read such a record."""
        return self < _FIRST_IN_CLEAR


class Submission(NamedTuple):
    """A submission of the server's adapter, and the decision: a stanza, or an event of a session.

    `epoch` and `seq` are the adapter's numbering, `body` the bytes exactly as submitted, `error` what the
    sender was told (for `refuse`), `received_at_ns` Unix time at the gate. `rules_name` names the rules in force
    (`Rules.name`); `amended` is the stanza that was carried out instead (for `amend`).
    """

    kind: RecordKind
    epoch: str
    seq: int
    way: str
    session: str
    received_at_ns: int
    action: str
    rules: tuple[str, ...]
    error: StanzaError | None
    body: bytes
    rules_name: str = ""
    amended: bytes = b""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Every `seq` up to `through` of `epoch` was carried out, except those ever named in `bounced`.

    Rooms have given `archived` messages ids of their own: each is the index of a message's record, and this id.
    """

    epoch: str
    through: int
    bounced: tuple[int, ...]
    archived: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Access:
    """A look by an auditor: `act` (search, show ...) with `query` on a log of `log_size` records.

    `result_digest` is the SHA-256, in hex, of the ids of what was found; `matter` is the id of the matter for which the
    auditor looked, and `reason` why. `log_sizes` are the sizes of the other logs that were searched
    (`transfer 57, roster 3`), `index_format` is the form of the index. All five may be empty, as in old records.
    """

    actor: str
    act: str
    query: str
    at_ns: int
    log_size: int
    result_count: int
    result_digest: str = ""
    matter: str = ""
    reason: str = ""
    log_sizes: str = ""
    index_format: str = ""


@dataclass(frozen=True, slots=True)
class OrderDetails:
    """The details of an order, which only auditors can read: its `act` and `id`, and the reason.

    `custodian` is a bare JID and `query` in the auditors' language; both are empty where the order has none.
    """

    act: str
    id: str
    matter: str
    custodian: str
    query: str
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm, which a person must look at; docs/alarms.md explains each `name`.

    `details` are pairs in the order of their names, numbers or short texts; nothing of a stanza is among them.
    """

    name: str
    details: tuple[tuple[str, str | int], ...]
    at_ns: int


@dataclass(frozen=True, slots=True)
class Event:
    """An act on the line; `kind` says on what: rules, a roster, an admission, a held message, a file, a matter ...

    `details` are pairs in the order of their names, numbers or texts; nothing of a stanza is among them.
    """

    kind: RecordKind
    name: str
    details: tuple[tuple[str, str | int], ...]
    at_ns: int


Record = Submission | Delivery | Access | Alarm | OrderDetails | Event


def encode_submission(submission: Submission) -> bytes:
    """Encode a stanza or a session's event; raises RecordError for text that has no UTF-8."""
    header: dict[str, object] = {
        "epoch": submission.epoch,
        "seq": submission.seq,
        "way": submission.way,
        "session": submission.session,
        "received_at_ns": submission.received_at_ns,
        "action": submission.action,
        "rules": submission.rules,
        "error": submission.error,
    }
    if submission.rules_name:
        header["policy"] = submission.rules_name
    if submission.amended:
        header["amended_size_bytes"] = len(submission.amended)
    return encode_header(header) + submission.body + submission.amended


def encode_delivery(delivery: Delivery) -> bytes:
    """Encode what the adapter carried out; raises RecordError for text that has no UTF-8."""
    header = {"epoch": delivery.epoch, "through": delivery.through, "bounced": delivery.bounced}
    return encode_header(header | {"archived": delivery.archived} if delivery.archived else header)


def encode_access(access: Access) -> bytes:
    """Encode an auditor's look; raises RecordError for text that has no UTF-8."""
    header = {each.name: getattr(access, each.name) for each in fields(access)}
    # What the first records of looks did not have is written only if it says something.
    return encode_header({name: value for name, value in header.items() if name not in _LATER or value})


def encode_order_details(details: OrderDetails) -> bytes:
    """Encode what an order is about; raises RecordError for text that has no UTF-8."""
    return _encode_fields(details)


def encode_alarm(alarm: Alarm) -> bytes:
    """Encode an alarm; raises RecordError for text that has no UTF-8."""
    return _encode_act(alarm)


def encode_event(event: Event) -> bytes:
    """Encode something done with the line; raises RecordError for text that has no UTF-8."""
    return _encode_act(event)


def parse_record(kind: RecordKind, payload: bytes) -> Record:
    """Parse a payload. Raises RecordError unless encoding the result gives the same bytes again.

    So every record has exactly one encoding: no key is repeated, misplaced or unknown, and the spacing is fixed.
    """
    line, newline, body = payload.partition(b"\n")
    header = parse_header(line)
    if not newline:
        raise RecordError("the header is not a JSON object on a line of its own")
    try:
        record = _PARSERS[kind](kind, header, body)
    except KeyError as missing:
        raise RecordError(f"the header lacks {missing}") from None
    if _ENCODERS[type(record)](record) != payload:
        raise RecordError("the payload is not in its one encoding")
    return record


def _parse_submission(kind: RecordKind, header: dict[str, Any], body: bytes) -> Submission:
    amended_size_bytes = take_number(header, "amended_size_bytes") if "amended_size_bytes" in header else 0
    end = max(0, len(body) - amended_size_bytes)
    return Submission(
        kind,
        epoch=take_text(header, "epoch"),
        seq=take_number(header, "seq"),
        way=take_text(header, "way"),
        session=take_text(header, "session"),
        received_at_ns=take_number(header, "received_at_ns"),
        action=take_text(header, "action"),
        rules=tuple(take_list(header, "rules", str)),
        error=_parse_error(header["error"]),
        body=body[:end],
        rules_name=take_text(header, "policy") if "policy" in header else "",
        amended=body[end:],
    )


def _parse_error(value: object) -> StanzaError | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise RecordError("error is neither null nor an object")
    return StanzaError(take_text(value, "type"), take_text(value, "condition"), take_text(value, "text"))


def _parse_delivery(_kind: RecordKind, header: dict[str, Any], _body: bytes) -> Delivery:
    return Delivery(
        take_text(header, "epoch"),
        take_number(header, "through"),
        tuple(take_list(header, "bounced", int)),
        tuple(_parse_archived(each) for each in take_list({"archived": []} | header, "archived", list)),
    )


def _parse_archived(pair: list[object]) -> tuple[int, str]:
    if [type(each) for each in pair] != [int, str]:
        raise RecordError("archived is not a list of pairs of a number and a text")
    index, id_ = pair
    return int(str(index)), str(id_)


def _parse_access(_kind: RecordKind, header: dict[str, Any], _body: bytes) -> Access:
    return Access(**_parse_fields(Access, dict.fromkeys(_LATER, "") | header))


def _parse_order_details(_kind: RecordKind, header: dict[str, Any], _body: bytes) -> OrderDetails:
    return OrderDetails(**_parse_fields(OrderDetails, header))


def _parse_alarm(_kind: RecordKind, header: dict[str, Any], _body: bytes) -> Alarm:
    return Alarm(take_text(header, "name"), _parse_details(header), take_number(header, "at_ns"))


def _parse_event(kind: RecordKind, header: dict[str, Any], _body: bytes) -> Event:
    return Event(kind, take_text(header, "name"), _parse_details(header), take_number(header, "at_ns"))


def _parse_details(header: dict[str, Any]) -> tuple[tuple[str, str | int], ...]:
    details = header["details"]
    if not isinstance(details, dict) or any(type(value) not in (str, int) for value in details.values()):
        raise RecordError("details is not an object of texts and numbers")
    return tuple(details.items())


_PARSERS: dict[RecordKind, Callable[[RecordKind, dict[str, Any], bytes], Record]] = {
    RecordKind.STANZA: _parse_submission,
    RecordKind.SESSION: _parse_submission,
    RecordKind.DELIVERY: _parse_delivery,
    RecordKind.ACCESS: _parse_access,
    RecordKind.ALARM: _parse_alarm,
    RecordKind.ORDER_DETAILS: _parse_order_details,
    RecordKind.RULES: _parse_event,
    RecordKind.ROSTER: _parse_event,
    RecordKind.ADMISSION: _parse_event,
    RecordKind.REVIEW: _parse_event,
    RecordKind.FILE: _parse_event,
    RecordKind.SUPERVISION: _parse_event,
    RecordKind.MATTER: _parse_event,
}
_ENCODERS: dict[type[Record], Callable[[Any], bytes]] = {
    Submission: encode_submission,
    Delivery: encode_delivery,
    Access: encode_access,
    Alarm: encode_alarm,
    OrderDetails: encode_order_details,
    Event: encode_event,
}


def _encode_fields(record: OrderDetails) -> bytes:
    return encode_header({each.name: getattr(record, each.name) for each in fields(record)})


def _encode_act(record: Alarm | Event) -> bytes:
    return encode_header(
        {"name": record.name, "details": dict(sorted(record.details)), "at_ns": record.at_ns}
    )


def _parse_fields(made: type[Access | OrderDetails], header: dict[str, Any]) -> dict[str, Any]:
    return {each.name: _PARSERS_OF_FIELDS[each.type](header, each.name) for each in fields(made)}


_PARSERS_OF_FIELDS: dict[Any, Callable[[dict[str, Any], str], str | int]] = {str: take_text, int: take_number}
