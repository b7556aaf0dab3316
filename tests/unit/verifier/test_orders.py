"""Holds, expiry and erasure as the verifier sees them, orders and tombstones being made by hand."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from components.archive.log.note import Signer, encode_verifier_key, make_signer, sign_note
from components.archive.record import RecordKind
from components.archive.seal import SegmentKeys, seal_segment_keys
from components.archive.writer import Entry
from components.verifier.log import verify_log
from components.verifier.report import Range, Report
from components.verifier.verify import main
from tests.support.archive import ORIGIN, RECIPIENTS, VKEY, tamper
from tests.support.archive_orders import (
    ALPHA,
    ANNA,
    APPROVERS,
    BEN,
    BETA,
    DESTRUCTION,
    DETAILS,
    EVE,
    NEW_ENVELOPES,
    ORDERS,
    TOMBSTONES,
    order_entries,
    order_text,
    tombstone_entry,
    write_spoken,
)
from tests.support.verified import found, states

TWICE_ANNA = make_signer("approver/hanna", ANNA.private_key)
EXPIRE, ERASE = ORDERS["expire-1"], ORDERS["erase-1"]
EXPIRED, ERASED = TOMBSTONES["expire-1"], TOMBSTONES["erase-1"]
NO_HOLD = [line if line != "considered hold-1" else "considered" for line in EXPIRE]


async def write(path: Path, batches: Sequence[Sequence[Entry]], destroy: Sequence[str] = ()) -> Path:
    """Write the log of archive_orders.py (records 0 to 34) with these batches behind it (the first at 36)."""
    writer = await write_spoken(path)
    for batch in batches:
        await writer.append(batch)
        await writer.sign()
    await writer.close()
    tamper(path, *destroy)
    return path


def verify(path: Path, approvers: Sequence[str] = APPROVERS) -> Report:
    return verify_log(path, VKEY, approver_vkeys=approvers)


def test_what_a_log_with_orders_is(ordered_log: Path) -> None:
    report = verify(ordered_log)
    assert (report.problems, report.unchecked) == ((), ())
    assert states(report) == {"VALID": 35, "HELD": 6, "SHREDDED": 11}
    held = [Range("HELD", 1, index, index, 1, "hold-1") for index in (2, 6, 10, 14, 18)]
    assert sorted(report.ranges, key=lambda each: each.first) == [
        held[0],
        Range("SHREDDED", 2, 3, 21, 10, "expire-1"),
        Range("SHREDDED", 1, 4, 4, 1, "erase-1"),
        *held[1:],
        Range("HELD", 1, 28, 28, 1, "hold-3"),
    ]


def test_without_approvers_signatures_are_unchecked_and_not_wrong(ordered_log: Path) -> None:
    report = verify(ordered_log, ())
    assert report.problems == ()
    assert report.unchecked == ("the signatures of 6 orders, as no approver's key was given",)


async def test_a_hold_that_names_no_records_is_of_whole_segments(tmp_path: Path) -> None:
    hold = order_entries(order_text("all", "act hold", "segments 2"))
    report = verify(await write(tmp_path / "gate.db", [hold]))
    assert report.problems == ()
    assert report.ranges == (Range("HELD", 2, 3, 21, 10, "all"),)


SIGNERS = [
    ("one approver", [ANNA], APPROVERS),
    ("one approver twice", [ANNA, ANNA], APPROVERS),
    ("one approver's key under two names", [ANNA, TWICE_ANNA], APPROVERS),
    (
        "one approver's key under two names that are both known",
        [ANNA, TWICE_ANNA],
        [encode_verifier_key(each.verifier_key) for each in (ANNA, TWICE_ANNA)],
    ),
    ("an approver and somebody else", [ANNA, EVE], APPROVERS),
    (
        "an approver and the same name with another key",
        [ANNA, make_signer("approver/ben", EVE.private_key)],
        APPROVERS,
    ),
    ("one signature, and no approver known", [ANNA], ()),
]


@pytest.mark.parametrize(
    ("signers", "approvers"), [case[1:] for case in SIGNERS], ids=[case[0] for case in SIGNERS]
)
async def test_an_order_that_two_approvers_have_not_signed(
    signers: Sequence[Signer], approvers: Sequence[str], tmp_path: Path
) -> None:
    order = order_entries(order_text("expire-1", *NO_HOLD), signers)
    report = verify(
        await write(tmp_path / "gate.db", [order, [tombstone_entry(EXPIRED)]], DESTRUCTION[:2]), approvers
    )
    assert found(report) == [
        ["order-invalid", 36],
        ["order-invalid", 38],
        ["keys-missing", 1],
        ["payload-missing", 3],
    ]
    assert states(report)["MISSING"] == 10


async def test_a_wrong_signature_beside_two_right_ones(tmp_path: Path) -> None:
    text = order_text("expire-1", *NO_HOLD)
    note = sign_note(text, ANNA, BEN, EVE).replace("— approver/eve", "— approver/anna")
    wrong = sign_note(text.replace("expire-1", "expire-2"), ANNA).split("\n")[-2]
    orders = [note, sign_note(text, ANNA, BEN) + wrong + "\n"]
    for number, each in enumerate(orders):
        order = [Entry(RecordKind.ORDER, each.encode()), Entry(RecordKind.ORDER_DETAILS, DETAILS, 255)]
        report = verify(await write(tmp_path / f"{number}.db", [order]))
        assert [kind for kind, _ in found(report)] == [
            "order-invalid"
        ] * number  # anna's name and another id: unknown


TEXTS: list[tuple[str, Callable[[str], str]]] = [
    ("no order", lambda text: text.replace("steelyard-order/1", "steelyard-order/2")),
    ("another log's", lambda text: text.replace("log steelyard", "log staalhof")),
    ("no id", lambda text: text.replace("id erase-1", "id ")),
    ("no such act", lambda text: text.replace("act erase", "act efface")),
    ("lines in another order", lambda text: text.replace("segments 1\nindexes 4", "indexes 4\nsegments 1")),
    ("a space behind", lambda text: text.replace("segments 1", "segments 1 ")),
    ("two lines in one", lambda text: text.replace("segments 1\n", "segments;").replace("indexes 4", "x 4")),
    ("a line twice", lambda text: text.replace("indexes 4", "indexes 4\nindexes 4")),
    ("a line too many", lambda text: text.replace("details", "more\ndetails")),
    ("a line behind", lambda text: text + "more\n"),
    ("a line missing", lambda text: text.replace("considered hold-1\n", "")),
    ("no segment", lambda text: text.replace("segments 1", "segments")),
    ("no record", lambda text: text.replace("indexes 4", "indexes")),
    ("numbers that do not ascend", lambda text: text.replace("indexes 4", "indexes 4 4")),
    ("a number with a zero", lambda text: text.replace("indexes 4", "indexes 04")),
    ("two spaces", lambda text: text.replace("indexes 4", "indexes 4  6")),
    ("a record of another segment", lambda text: text.replace("indexes 4", "indexes 4 5")),
    ("a record that is not there", lambda text: text.replace("indexes 4", "indexes 4 4000")),
    ("keys of another segment", lambda text: text.replace("keys 1", "keys 2")),
    ("keys that are none", lambda text: text.replace("keys 1 ", "keys 1 x")),
    ("keys twice", lambda text: text.replace("keys 1", f"keys 1 {'0' * 64}\nkeys 1")),
    ("no keys", lambda text: "".join(line for line in text.splitlines(True) if not line.startswith("keys"))),
    ("details that are none", lambda text: text.replace("details ", "details 0")),
    ("a hold that it did not consider", lambda text: text.replace("considered hold-1", "considered")),
    ("a hold that there is not", lambda text: text.replace("considered hold-1", "considered hold-1 hold-2")),
    ("a hold considered twice", lambda text: text.replace("considered hold-1", "considered hold-1 hold-1")),
    ("an id used before", lambda text: text.replace("id erase-1", "id hold-1")),
]


@pytest.mark.parametrize("change", [case[1] for case in TEXTS], ids=[case[0] for case in TEXTS])
async def test_an_order_that_is_none(change: Callable[[str], str], tmp_path: Path) -> None:
    text = order_text("erase-1", *ERASE)
    assert change(text) != text
    hold = order_entries(order_text("hold-1", *ORDERS["hold-1"]))
    report = verify(await write(tmp_path / "gate.db", [hold, order_entries(change(text))]))
    assert found(report) == [["order-invalid", 38]]


async def test_an_order_without_its_details(tmp_path: Path) -> None:
    order, details = order_entries(order_text("hold-1", *ORDERS["hold-1"]))
    for number, batch in enumerate(
        [
            [order],
            [order, Entry(RecordKind.STANZA, DETAILS, 255)],
            [order, details._replace(retention_class=1)],
        ]
    ):
        report = verify(await write(tmp_path / f"{number}.db", [batch]))
        assert [kind for kind, _ in found(report)] == ["order-invalid"]


STONES: list[tuple[str, dict[str, object]]] = [
    ("of no order", ERASED | {"order": "erase-2"}),
    ("of an order that destroys nothing", ERASED | {"order": "hold-1"}),
    ("of a segment that was not ordered", ERASED | {"segment": 3}),
    ("of another position", ERASED | {"positions": [2]}),
    ("of a position more", ERASED | {"positions": [1, 2], "count": 2}),
    ("of no position", ERASED | {"positions": [], "count": 0}),
    ("of a position twice", ERASED | {"positions": [1, 1], "count": 2}),
    ("of another count", ERASED | {"count": 2}),
    ("of other keys", ERASED | {"keys_sha256": sha256(b"").hexdigest()}),
    ("of no count", {name: value for name, value in ERASED.items() if name != "count"}),
    ("with a text as count", ERASED | {"count": "1"}),
]


@pytest.mark.parametrize("stone", [case[1] for case in STONES], ids=[case[0] for case in STONES])
async def test_a_tombstone_that_is_none(stone: dict[str, object], tmp_path: Path) -> None:
    orders = [order_entries(order_text(name, *ORDERS[name])) for name in ("hold-1", "erase-1")]
    report = verify(await write(tmp_path / "gate.db", [*orders, [tombstone_entry(stone)]], DESTRUCTION[2:]))
    assert found(report) == [["order-invalid", 40], ["keys-altered", 0], ["payload-missing", 4]]


@pytest.mark.parametrize("stone", [EXPIRED | {"positions": [1]}, EXPIRED | {"keys_sha256": "00"}])
async def test_a_tombstone_of_an_expiry_names_nothing_single(
    stone: dict[str, object], tmp_path: Path
) -> None:
    order = order_entries(order_text("expire-1", *NO_HOLD))
    report = verify(await write(tmp_path / "gate.db", [order, [tombstone_entry(stone)]]))
    assert found(report) == [["order-invalid", 38]]


@pytest.mark.parametrize("count", [9, 11])
async def test_an_expiry_that_destroyed_another_number(count: int, tmp_path: Path) -> None:
    order = order_entries(order_text("expire-1", *NO_HOLD))
    batches = [order, [tombstone_entry(EXPIRED | {"count": count})]]
    report = verify(await write(tmp_path / "gate.db", batches, DESTRUCTION[:2]))
    assert found(report) == [["order-invalid", 38]]


async def test_an_expiry_in_two_steps(tmp_path: Path) -> None:
    order = order_entries(order_text("expire-1", *NO_HOLD))
    stones = [[tombstone_entry(EXPIRED | {"count": count})] for count in (4, 6)]
    assert verify(await write(tmp_path / "gate.db", [order, *stones], DESTRUCTION[:2])).ok


async def test_an_expiry_after_an_erasure_destroys_the_rest(tmp_path: Path) -> None:
    erase = [line if line != "considered hold-1" else "considered" for line in ERASE]
    batches = [
        order_entries(order_text("erase-1", *erase)),
        [tombstone_entry(ERASED)],
        order_entries(order_text("expire-2", "act expire", "segments 1", "considered")),
        [
            tombstone_entry(
                {"segment": 1, "order": "expire-2", "count": 9, "positions": [], "keys_sha256": ""}
            )
        ],
    ]
    gone = ["UPDATE record SET payload = NULL WHERE idx BETWEEN 2 AND 20 AND idx % 2 = 0"]
    gone.append("UPDATE segment SET keys = NULL WHERE number = 1")
    report = verify(await write(tmp_path / "gate.db", batches, gone))
    assert report.problems == ()
    assert states(report)["SHREDDED"] == 10


async def test_an_erasure_may_name_again_what_is_gone(tmp_path: Path) -> None:
    newer = seal_segment_keys(SegmentKeys(4, bytes(32), {}), ORIGIN, 1, RECIPIENTS)
    digest = sha256(newer).hexdigest()
    erase = [line if line != "considered hold-1" else "considered" for line in ERASE]
    again = ["act erase", "segments 1", "indexes 4 8", "considered", f"keys 1 {digest}"]
    stone = {"segment": 1, "order": "erase-2", "count": 1, "positions": [3], "keys_sha256": digest}
    batches = [
        order_entries(order_text("erase-1", *erase)),
        [tombstone_entry(ERASED)],
        order_entries(order_text("erase-2", *again)),
        [tombstone_entry(stone)],
    ]
    path = await write(
        tmp_path / "gate.db", batches, ["UPDATE record SET payload = NULL WHERE idx IN (4, 8)"]
    )
    tamper(path, f"UPDATE segment SET keys = x'{newer.hex()}' WHERE number = 1")
    assert verify(path).problems == ()
    tamper(path, f"UPDATE segment SET keys = x'{NEW_ENVELOPES.hex()}' WHERE number = 1")
    assert found(verify(path)) == [["not-destroyed", 0]]  # these open what the second erasure destroyed


async def test_what_was_ordered_and_not_destroyed_is_found(tmp_path: Path) -> None:
    orders = [order_entries(order_text(name, *ORDERS[name])) for name in ("hold-1", "expire-1", "erase-1")]
    stones = [[tombstone_entry(stone)] for stone in (EXPIRED, ERASED)]
    report = verify(await write(tmp_path / "gate.db", [*orders, *stones]))
    assert found(report) == [
        ["not-destroyed", 0],
        ["not-destroyed", 1],
        ["not-destroyed", 4],
        ["not-destroyed", 3],
    ]
    assert states(report) == {"VALID": 41, "HELD": 5}


async def test_an_order_that_was_not_carried_out_yet_is_no_problem(tmp_path: Path) -> None:
    orders = [order_entries(order_text(name, *ORDERS[name])) for name in ("hold-1", "expire-1", "erase-1")]
    assert verify(await write(tmp_path / "gate.db", orders)).ok


HOLDS = [
    ("of a record", ["segments 2", "indexes 7"], 1),
    ("of a conversation", ["segments", f"conversations {ALPHA.hex()} {BETA.hex()}"], 10),
    ("of a conversation, beside a record", ["segments 1", f"conversations {BETA.hex()}", "indexes 2"], 10),
    ("of a conversation, beside its segment", ["segments 2", f"conversations {ALPHA.hex()}"], 10),
    ("of a segment", ["segments 1 2"], 10),
    ("of another record", ["segments 2", "indexes 8"], 0),
    ("of another conversation", ["segments 1", f"conversations {ALPHA.hex()}"], 0),
    ("of another segment", ["segments 1 3"], 0),
]


@pytest.mark.parametrize(("lines", "broken"), [case[1:] for case in HOLDS], ids=[case[0] for case in HOLDS])
async def test_a_hold_that_was_broken_is_found(lines: list[str], broken: int, tmp_path: Path) -> None:
    """Two approvers can sign what they must not: the hold is in the log all the same."""
    batches = [
        order_entries(order_text("hold-1", "act hold", *lines)),
        order_entries(order_text("expire-1", *EXPIRE)),
        [tombstone_entry(EXPIRED)],
    ]
    report = verify(await write(tmp_path / "gate.db", batches, DESTRUCTION[:2]))
    assert [kind for kind, _ in found(report)] == ["hold-broken"] * bool(broken)
    if broken == 10:
        assert "10 records" in report.problems[0].detail
    assert states(report)["SHREDDED"] == 10


async def test_a_hold_that_was_released_before_is_not_broken(tmp_path: Path) -> None:
    batches = [
        order_entries(order_text("hold-1", "act hold", "segments 2")),
        order_entries(order_text("release-1", "act release", "hold hold-1")),
        order_entries(order_text("expire-1", *NO_HOLD)),
        [tombstone_entry(EXPIRED)],
        order_entries(order_text("hold-2", "act hold", "segments 2")),
    ]
    report = verify(await write(tmp_path / "gate.db", batches, DESTRUCTION[:2]))
    assert report.problems == ()


@pytest.mark.parametrize("hold", ["hold-2", "release-1", ""])
async def test_a_release_of_no_hold(hold: str, tmp_path: Path) -> None:
    batches = [
        order_entries(order_text("hold-1", *ORDERS["hold-1"])),
        order_entries(order_text("release-1", "act release", f"hold {hold}")),
    ]
    assert found(verify(await write(tmp_path / "gate.db", batches))) == [["order-invalid", 38]]


async def test_a_released_hold_cannot_be_released_again(tmp_path: Path) -> None:
    batches = [order_entries(order_text("hold-1", *ORDERS["hold-1"]))]
    batches += [order_entries(order_text(f"release-{n}", "act release", "hold hold-1")) for n in (1, 2)]
    assert found(verify(await write(tmp_path / "gate.db", batches))) == [["order-invalid", 40]]


async def test_a_destruction_that_no_checkpoint_covers_yet(tmp_path: Path) -> None:
    writer = await write_spoken(tmp_path / "gate.db")
    await writer.sign()
    await writer.append(order_entries(order_text("expire-1", *NO_HOLD)))
    await writer.append([tombstone_entry(EXPIRED)])
    tamper(tmp_path / "gate.db", DESTRUCTION[1], "UPDATE record SET payload = NULL WHERE idx IN (3, 5)")
    begun = verify(tmp_path / "gate.db")
    tamper(tmp_path / "gate.db", DESTRUCTION[0])
    done = verify(tmp_path / "gate.db")
    await writer.close()
    assert (begun.problems, begun.pending) == (done.problems, done.pending) == ((), 4)
    assert states(begun) == {"VALID": 33, "SHREDDED": 2}  # in pieces, of which some are to come
    assert states(done) == {"VALID": 25, "SHREDDED": 10}


def test_the_command_takes_approvers(
    ordered_log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "log.pub").write_text(VKEY + "\n")
    (tmp_path / "anna.pub").write_text(APPROVERS[0] + "\n")
    command = [str(ordered_log), "--key", str(tmp_path / "log.pub"), "--approver", str(tmp_path / "anna.pub")]
    assert main(command) == 1
    assert "order-invalid: record 36" in capsys.readouterr().out
    assert main([*command, "--approver", APPROVERS[1]]) == 0
    output = capsys.readouterr().out
    assert "35 VALID, 6 HELD, 11 SHREDDED" in output
    assert "SHREDDED: 10 records from 3 to 21, by order expire-1" in output
    assert main(command[:3]) == 0
    assert "Not checked: the signatures of 6 orders" in capsys.readouterr().out
