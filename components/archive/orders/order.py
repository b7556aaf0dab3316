"""Orders to keep or destroy, signed by two approvers (docs/archive-format.md, section 7)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from components.archive.log.leaf import NO_CONVERSATION
from components.archive.log.note import NoteError, NoteSigner, VerifierKey, sign_note, verify_signatures
from policy.one_encoding import parse_only, require_all

APPROVERS_NEEDED = 2

_HEADER = "steelyard-order/1"
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONVERSATION_SIZE_BYTES = len(NO_CONVERSATION)


class OrderError(ValueError):
    """The text is not an order in its only encoding, or not enough approvers signed it."""


class OrderAct(StrEnum):
    """The act of an order."""

    HOLD = "hold"
    RELEASE = "release"
    EXPIRE = "expire"
    ERASE = "erase"

    @property
    def destroys(self) -> bool:
        """Whether it destroys payloads."""
        return self in (OrderAct.EXPIRE, OrderAct.ERASE)


@dataclass(frozen=True, slots=True)
class Order:
    """What two approvers sign about the log with the origin `log`; the format says which fields an act has.

    `keys` gives each segment of an erasure the SHA-256 (hex) of its new envelopes, `details` is that of the details'
    payload, `hold` the id of the hold that is released, `considered` those of all holds that were looked at.
    """

    log: str
    id: str
    act: OrderAct
    details: str
    segments: tuple[int, ...] = ()
    conversations: tuple[bytes, ...] = ()
    indexes: tuple[int, ...] = ()
    hold: str = ""
    considered: tuple[str, ...] = ()
    keys: Mapping[int, str] = field(default_factory=dict)


def encode_order(order: Order) -> str:
    """Encode the text that is signed; raises OrderError when a field does not belong to the act, or is malformed."""
    _require_valid(order)
    lines = [_HEADER, f"log {order.log}", f"id {order.id}", f"act {order.act}"]
    if order.act is not OrderAct.RELEASE:
        lines.append(_line("segments", order.segments))
    if order.conversations:
        lines.append(_line("conversations", [each.hex() for each in order.conversations]))
    if order.indexes:
        lines.append(_line("indexes", order.indexes))
    if order.act is OrderAct.RELEASE:
        lines.append(f"hold {order.hold}")
    if order.act.destroys:
        lines.append(_line("considered", order.considered))
    lines += [f"keys {segment} {digest}" for segment, digest in sorted(order.keys.items())]
    return "".join(f"{line}\n" for line in [*lines, f"details {order.details}"])


def parse_order(text: str) -> Order:
    """Parse the text of an order; raises OrderError unless it is in its one encoding."""
    words: dict[str, str] = {}
    keys: dict[int, str] = {}
    header, *lines = text.split("\n")
    if header != _HEADER or not lines or lines.pop() != "":
        raise OrderError(f"not an order: it begins with {_HEADER} and ends in a newline")
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "keys":
            segment, _, digest = rest.partition(" ")
            keys[_number(segment)] = digest
        else:
            words[word] = rest
    return parse_only(text, lambda: _build(words, keys), encode_order, _no_order)


def approve_order(note: str, signer: NoteSigner) -> str:
    """Add an approver's signature to an order, which has none yet or is a note; returns the whole note.

    Raises OrderError if it is not an order, or if this approver has already signed it.
    """
    text = order_text(note)
    parse_order(text)
    signed = sign_note(text, signer)
    name = signer.verifier_key.name
    if f"\n— {name} " in note.removeprefix(text):
        raise OrderError(f"{name} approved this order already; it needs another approver")
    return note + signed.removeprefix(f"{text}\n") if note != text else signed


def order_text(note: str) -> str:
    """Return the text of an order, signed or not; nothing is verified."""
    text, blank, _signatures = note.rpartition("\n\n")
    return f"{text}\n" if blank else note


def verify_order(note: str, approvers: Sequence[VerifierKey]) -> Order:
    """Parse an order that two of `approvers` signed: two names, and two keys.

    Raises OrderError, also for one signature, for two of one approver, and for a wrong one of any of them.
    """
    try:
        text, signers = verify_signatures(note, approvers)
    except NoteError as error:
        raise OrderError(str(error)) from None
    order = parse_order(text)
    # One person may have two keys, and one key two names: as many of each make as many who signed.
    count = min(
        len({key.name for key in signers}), len({key.public_key.public_bytes_raw() for key in signers})
    )
    if count < APPROVERS_NEEDED:
        names = ", ".join(sorted({key.name for key in signers})) or "nobody"
        raise OrderError(f"{names} of the site's approvers signed this order; it needs {APPROVERS_NEEDED}")
    return order


def require_approver(key: VerifierKey, approvers: Sequence[VerifierKey]) -> None:
    """Raise OrderError, which says what to do, unless the key is one of `approvers`: its signature would not count."""
    if (key.name, key.key_id) in {(each.name, each.key_id) for each in approvers}:
        return
    same_name = any(each.name == key.name for each in approvers)
    what = "is another key than that" if same_name else "is none of the keys"
    raise OrderError(
        f"{key.name} {what} of archive.approvers, so its signature would not count; sign with an approver's key,"
        " or name its .pub file there"
    )


def _build(words: Mapping[str, str], keys: Mapping[int, str]) -> Order:
    return Order(
        words["log"],
        words["id"],
        OrderAct(words["act"]),
        words["details"],
        tuple(map(_number, words.get("segments", "").split())),
        tuple(map(bytes.fromhex, words.get("conversations", "").split())),
        tuple(map(_number, words.get("indexes", "").split())),
        words.get("hold", ""),
        tuple(words.get("considered", "").split()),
        dict(keys),
    )


def _require_valid(order: Order) -> None:
    """Refuse lines that do not belong to the act, so that nobody signs a meaningless line."""
    act = order.act
    ids = (order.id, *order.considered, *([order.hold] if act is OrderAct.RELEASE else []))
    digests = (order.details, *order.keys.values())
    conversations_ok = all(
        len(each) == _CONVERSATION_SIZE_BYTES and each != NO_CONVERSATION for each in order.conversations
    )
    checks = (
        (all(map(_ID.fullmatch, ids)), "an id has letters, digits, dots, - and _, at most 64"),
        (order.log and not re.search(r"\s", order.log), "an order names the log by its origin"),
        (all(map(_SHA256.fullmatch, digests)), "a digest is 64 small hexadecimal digits"),
        (_ascending(order.segments) and _ascending(order.indexes), "numbers ascend, each of them once"),
        (_ascending(order.conversations) and _ascending(order.considered), "lists ascend, each entry once"),
        (conversations_ok, "a conversation is a keyed hash of 16 bytes"),
        (not any(number < 1 for number in order.segments), "segments are numbered from 1"),
        (act is not OrderAct.RELEASE or not order.segments, "a release names a hold only"),
        (
            bool(order.hold) == (act is OrderAct.RELEASE),
            "a release, and nothing else, names the hold that ends",
        ),
        (act is OrderAct.HOLD or not order.conversations, "conversations belong to a hold"),
        (act.destroys or not order.considered, "considered holds belong to an expiry or erasure"),
        (
            act in (OrderAct.HOLD, OrderAct.ERASE) or not order.indexes,
            "records belong to a hold or an erasure",
        ),
        (act is not OrderAct.ERASE or order.indexes, "an erasure names records"),
        (not act.destroys or order.segments, "an expiry or erasure names segments"),
        (
            tuple(sorted(order.keys)) == (order.segments if act is OrderAct.ERASE else ()),
            "keys are of an erasure's segments",
        ),
    )
    require_all(checks, _no_order)


def _no_order(problem: str) -> OrderError:
    return OrderError(f"not an order: {problem}")


def _ascending(values: Sequence[Any]) -> bool:
    return list(values) == sorted(set(values))


def _line(word: str, values: Sequence[object]) -> str:
    return " ".join([word, *map(str, values)])


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise _no_order("a number in it is malformed")
    return int(text)
