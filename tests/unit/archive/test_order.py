"""Orders: one encoding, and two approvers."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from components.archive.log.note import Signer, make_signer, sign_note
from components.archive.orders.order import (
    Order,
    OrderAct,
    OrderError,
    approve_order,
    encode_order,
    parse_order,
    verify_order,
)


def approver(name: str, seed: int) -> Signer:
    return make_signer(f"approver/{name}", Ed25519PrivateKey.from_private_bytes(bytes([seed] * 32)))


ANNA, BEN, CARL = approver("anna", 1), approver("ben", 2), approver("carl", 3)
APPROVERS = [ANNA.verifier_key, BEN.verifier_key]

DIGEST, DIGEST_2 = "5b" * 32, "77" * 32
HOLD = Order("steelyard.example/gate", "20261120T090000Z-11aa", OrderAct.HOLD, DIGEST, segments=(7,))
ERASE = Order(
    "steelyard.example/gate",
    "20261124T101500Z-3f2a",
    OrderAct.ERASE,
    DIGEST_2,
    segments=(7,),
    indexes=(100042,),
    considered=("20261120T090000Z-11aa",),
    keys={7: DIGEST},
)
EXPIRE = replace(ERASE, act=OrderAct.EXPIRE, indexes=(), keys={})
RELEASE = Order("steelyard.example/gate", "r1", OrderAct.RELEASE, DIGEST, hold="20261120T090000Z-11aa")
ORDERS = {
    "hold": HOLD,
    "hold of nothing yet": replace(HOLD, segments=()),
    "hold of records": replace(HOLD, indexes=(3, 5)),
    "hold of a conversation": replace(HOLD, conversations=(b"\1" * 16, b"\2" * 16)),
    "release": RELEASE,
    "expire": EXPIRE,
    "expire without holds": replace(EXPIRE, considered=()),
    "erase": ERASE,
    "erase in two segments": replace(ERASE, segments=(7, 9), indexes=(3, 5), keys={7: DIGEST, 9: DIGEST_2}),
}


def test_the_example_of_the_format() -> None:
    assert encode_order(ERASE).splitlines() == [
        "steelyard-order/1",
        "log steelyard.example/gate",
        "id 20261124T101500Z-3f2a",
        "act erase",
        "segments 7",
        "indexes 100042",
        "considered 20261120T090000Z-11aa",
        f"keys 7 {DIGEST}",
        f"details {DIGEST_2}",
    ]
    assert "\nconsidered\n" in encode_order(replace(EXPIRE, considered=()))


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_round_trip(order: Order) -> None:
    assert parse_order(encode_order(order)) == order


WRONG = {
    "an id with a space": replace(HOLD, id="a b"),
    "no id": replace(HOLD, id=""),
    "no log": replace(HOLD, log=""),
    "a log with a newline": replace(HOLD, log="a\nact erase"),
    "a digest in capitals": replace(HOLD, details="AB" * 32),
    "segments that do not ascend": replace(HOLD, segments=(8, 7)),
    "a segment twice": replace(HOLD, segments=(7, 7)),
    "segment 0": replace(HOLD, segments=(0,)),
    "a conversation of zeros": replace(HOLD, conversations=(bytes(16),)),
    "a conversation of 15 bytes": replace(HOLD, conversations=(b"\1" * 15,)),
    "a hold that releases": replace(HOLD, hold="h"),
    "a hold that considers": replace(HOLD, considered=("h",)),
    "a hold with keys": replace(HOLD, keys={7: DIGEST}),
    "a release of nothing": replace(RELEASE, hold=""),
    "a release of segments": replace(RELEASE, segments=(7,)),
    "an expiry of nothing": replace(EXPIRE, segments=()),
    "an expiry of records": replace(EXPIRE, indexes=(3,)),
    "an expiry with keys": replace(EXPIRE, keys={7: DIGEST}),
    "an expiry of a conversation": replace(EXPIRE, conversations=(b"\1" * 16,)),
    "an erasure of no record": replace(ERASE, indexes=()),
    "an erasure without keys": replace(ERASE, keys={}),
    "an erasure with keys of another segment": replace(ERASE, keys={8: DIGEST}),
}


@pytest.mark.parametrize("order", WRONG.values(), ids=WRONG)
def test_what_is_no_order(order: Order) -> None:
    with pytest.raises(OrderError):
        encode_order(order)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("steelyard-order/1", "steelyard-order/2"),
        ("act erase", "act burn"),
        ("segments 7", "segments  7"),
        ("segments 7", "segments 07"),
        ("segments 7", "segments 7 "),
        ("segments 7\n", ""),
        ("indexes 100042", "indexes 100042\nindexes 100042"),
        ("indexes 100042\n", "indexes 100042\nreason none\n"),
        (
            "log steelyard.example/gate\nid 20261124T101500Z-3f2a",
            "id 20261124T101500Z-3f2a\nlog steelyard.example/gate",
        ),
        (f"keys 7 {DIGEST}\n", f"keys 7 {DIGEST}\nkeys 7 {DIGEST}\n"),
        (f"details {DIGEST_2}\n", f"details {DIGEST_2}"),
        (f"details {DIGEST_2}\n", f"details {DIGEST_2}\n\n"),
    ],
)
def test_another_encoding(old: str, new: str) -> None:
    text = encode_order(ERASE)
    assert old in text
    with pytest.raises(OrderError):
        parse_order(text.replace(old, new))


def approved(order: Order, *signers: Signer) -> str:
    note = encode_order(order)
    for signer in signers:
        note = approve_order(note, signer)
    return note


def test_two_approvers() -> None:
    assert verify_order(approved(ERASE, ANNA, BEN), APPROVERS) == ERASE
    assert verify_order(approved(ERASE, CARL, BEN, ANNA), APPROVERS) == ERASE
    assert approved(ERASE, ANNA, BEN) == sign_note(encode_order(ERASE), ANNA, BEN)


ANNA_AGAIN = approver("anna", 4)
ANNA_AS_BEN = approver("ben", 1)


@pytest.mark.parametrize(
    ("signers", "configured"),
    [
        ([ANNA], [ANNA, BEN]),
        ([ANNA, CARL], [ANNA, BEN]),
        ([CARL, ANNA_AGAIN], [ANNA, BEN]),
        ([ANNA, BEN], [ANNA]),
        ([ANNA, BEN], [ANNA, ANNA]),
        ([ANNA, BEN], []),
        ([ANNA, ANNA_AS_BEN], [ANNA, ANNA_AS_BEN]),
    ],
)
def test_not_enough_approvers(signers: Sequence[Signer], configured: Sequence[Signer]) -> None:
    with pytest.raises(OrderError, match="needs 2"):
        verify_order(approved(ERASE, *signers), [signer.verifier_key for signer in configured])


def test_two_keys_of_one_person_are_one_approver() -> None:
    note = sign_note(encode_order(ERASE), ANNA, ANNA_AGAIN)
    with pytest.raises(OrderError, match="needs 2"):
        verify_order(note, [ANNA.verifier_key, ANNA_AGAIN.verifier_key])


def test_nobody_approves_twice() -> None:
    with pytest.raises(OrderError, match="another approver"):
        approved(ERASE, ANNA, ANNA)
    with pytest.raises(OrderError, match="another approver"):
        approved(ERASE, ANNA, ANNA_AGAIN)
    note = approved(ERASE, ANNA)
    (line,) = re.findall("(?m)^— .*\n", note)
    with pytest.raises(OrderError, match="needs 2"):
        verify_order(note + line, APPROVERS)


@pytest.mark.parametrize("line", range(9))
def test_an_altered_line(line: int) -> None:
    lines = approved(ERASE, ANNA, BEN).split("\n")
    lines[line] = lines[line][:-1] + ("0" if lines[line][-1] != "0" else "1")
    with pytest.raises(OrderError, match="signature of approver/anna is wrong"):
        verify_order("\n".join(lines), APPROVERS)


def test_what_is_signed_and_no_order() -> None:
    with pytest.raises(OrderError):
        verify_order(sign_note("steelyard-log-key/1\nx\n", ANNA, BEN), APPROVERS)
    with pytest.raises(OrderError):
        verify_order(encode_order(ERASE), APPROVERS)
    with pytest.raises(OrderError):
        approve_order("anything\n", ANNA)
