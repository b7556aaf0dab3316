"""What an order is about as a person names it, its file, and how far an auditor of some enterprises may order."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from components.archive.conversation import ConversationHash
from components.archive.keys import create_conversation_key, load_conversation_key
from components.archive.orders.order import Order, OrderAct
from components.archive.record import OrderDetails
from components.audit.index.index import Index
from components.audit.orders.file import read_order_file, write_order_file
from components.audit.orders.limits import Limits
from components.audit.orders.orders import OrderState, OrderView, hold_query
from components.audit.orders.scope import Scope, read_scope
from components.audit.query.parser import parse_query
from components.audit.query.tree import And, format_query
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from tests.support.orders import ANNA, BEN, make_request

ALICE, BOB, ROOM = "alice@metals.example", "bob@metals.example", "desk@rooms.metals.example"
LOG = cast(LogSettings, SimpleNamespace(name="gate"))


@pytest.fixture
def settings(tmp_path: Path) -> SiteFile:
    """Return what of a site's settings a scope needs: where the key of conversations is."""
    file = tmp_path / "conversation.key"
    create_conversation_key(file)
    return cast(SiteFile, SimpleNamespace(archive=SimpleNamespace(conversation_key_file=file)))


def scope(
    settings: SiteFile,
    *records: str,
    custodian: str = "",
    conversations: tuple[str, ...] = (),
    query: str = "",
) -> Scope:
    return read_scope(settings, LOG, records, custodian, conversations, query)


def test_records_are_named_by_their_ids(settings: SiteFile) -> None:
    assert scope(settings, "gate/7", "gate/100042", "gate/7") == Scope(indexes=frozenset({7, 100_042}))


@pytest.mark.parametrize(
    "record", ["7", "audit/7", "gate/", "gate/x", "gate/-1", "london:gate/7", "gate/7/8", "gate/٣"]
)
def test_what_is_no_record_of_the_log_says_what_one_looks_like(record: str, settings: SiteFile) -> None:
    with pytest.raises(SiteError, match="is no record of this log: one looks like gate/100042"):
        scope(settings, record)


def test_a_custodian_is_a_person_and_may_stand_with_a_query(settings: SiteFile) -> None:
    assert scope(settings, custodian=ALICE) == Scope(custodian=ALICE, named=(ALICE,))
    assert scope(settings, custodian=ALICE, query="copper") == Scope(
        custodian=ALICE, query="copper", named=(ALICE,)
    )
    assert scope(settings, query="copper") == Scope(query="copper")
    with pytest.raises(SiteError, match="write"):
        scope(settings, custodian="Alice@Metals.example")


def test_a_conversation_is_found_by_its_hash_and_by_its_parties(settings: SiteFile) -> None:
    hashes = ConversationHash(load_conversation_key(settings.archive.conversation_key_file))
    found = scope(settings, conversations=(f"{ALICE}, {BOB}", ROOM))
    assert found.conversations == {hashes.of_people(BOB, ALICE), hashes.of_room(ROOM)}
    assert found.named == (ALICE, BOB, ROOM)
    wanted = f"(from:{ALICE} AND to:{BOB}) OR (from:{BOB} AND to:{ALICE}) OR with:{ROOM}"
    assert parse_query(found.query, 0) == parse_query(wanted, 0)


@pytest.mark.parametrize("text", [f"{ALICE},{BOB},{ROOM}", f"{ALICE},", "", "alice", f"{ALICE}/desk"])
def test_what_is_no_conversation_is_told(text: str, settings: SiteFile) -> None:
    with pytest.raises(SiteError):
        scope(settings, conversations=(text,))


def test_without_the_key_no_conversation_can_be_named(settings: SiteFile) -> None:
    settings.archive.conversation_key_file.unlink()
    with pytest.raises(SiteError, match=r"conversation\.key"):
        scope(settings, conversations=(ROOM,))


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"records": ("gate/7",), "query": "copper"},
        {"records": ("gate/7",), "conversations": (ROOM,)},
        {"conversations": (ROOM,), "custodian": ALICE},
        {"records": ("gate/7",), "custodian": ALICE},
    ],
)
def test_an_order_is_about_one_of_three_things(named: dict[str, Any], settings: SiteFile) -> None:
    with pytest.raises(SiteError, match="name records, or conversations, or a custodian and a query"):
        scope(settings, *named.pop("records", ()), **named)


@pytest.mark.parametrize(
    ("custodian", "query", "means"),
    [
        ("", "", None),
        (ALICE, "", f"with:{ALICE}"),
        ("", "copper OR tin", "copper OR tin"),
        (ALICE, "copper OR tin", f"(copper OR tin) AND with:{ALICE}"),
    ],
)
def test_a_hold_goes_on_finding_what_it_names(custodian: str, query: str, means: str | None) -> None:
    details = OrderDetails("hold", "h1", "M-1", custodian, query, "")
    assert hold_query(details, 0) == (None if means is None else parse_query(means, 0))


def test_an_orders_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    request = make_request(OrderAct.HOLD, "h1", segments=(3,), indexes=(7,))
    path = tmp_path / "h1.order"
    write_order_file(path, request)
    assert path.stat().st_mode & 0o077 == 0
    found = read_order_file(path)
    assert (found.request, found.order.id, found.order.indexes) == (request, "h1", (7,))
    assert found.signed_by == (ANNA.verifier_key.name, BEN.verifier_key.name)
    assert found.details.reason == "for a test"
    write_order_file(path, make_request(OrderAct.HOLD, "h1", signers=(), segments=(3,)))
    assert read_order_file(path).signed_by == ()


def damage(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "nonsense"},
        {"order": ""},
        {"details": "{}"},
        {"details": ""},
        {"order": 7},
        {"details": None},
        {"envelopes": {"3": {"replaces": "00", "keys": "x"}}},
        {"envelopes": {"x": {}}},
        {"envelopes": []},
    ],
)
def test_a_file_whose_parts_do_not_belong_together_is_refused(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "h1.order"
    write_order_file(path, make_request(OrderAct.HOLD, "h1", segments=(3,)))
    damage(path, **changes)
    with pytest.raises(SiteError, match=r"h1\.order: "):
        read_order_file(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"order": "x"}']
)
def test_a_file_that_is_no_order_is_refused_in_a_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "h1.order"
    path.write_bytes(content)
    with pytest.raises(SiteError, match=r"h1\.order: ") as raised:
        read_order_file(path)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_and_one_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="no such file"):
        read_order_file(tmp_path / "none.order")
    with pytest.raises(SiteError, match="cannot be written"):
        write_order_file(tmp_path / "none" / "h1.order", make_request(OrderAct.HOLD, "h1", segments=(3,)))


METALS = parse_query("owner:metals", 0)
TWO_FIRMS = parse_query("owner:metals OR owner:grain", 0)


def limits(scope: Any = METALS) -> Limits:
    """Return the limits of an auditor of metals, for a log without an index."""
    return Limits(scope, lambda jid: jid.endswith("metals.example"), cast(Index, None), None, 0)


WHOLE = limits(None)


def test_who_sees_the_whole_site_has_no_limits() -> None:
    WHOLE.require_whole_site()
    WHOLE.require_records([1, 2])
    assert WHOLE.tell_scope() == ""
    assert WHOLE.narrow(METALS) == METALS


def test_a_query_of_an_auditor_of_some_enterprises_finds_what_is_theirs_alone() -> None:
    assert limits().narrow(parse_query("copper", 0)) == And((METALS, parse_query("copper", 0)))
    assert limits().tell_scope() == format_query(METALS)


def test_others_people_records_and_segments_are_not_theirs_to_order() -> None:
    limits().require_people([ALICE, ROOM])
    with pytest.raises(SiteError, match=r"gail@grain\.example is of no enterprise that you may see"):
        limits().require_people([ALICE, "gail@grain.example"])
    limits().require_records([])
    with pytest.raises(SiteError, match="record 3 is not there"):
        limits().require_records([9, 3])
    with pytest.raises(SiteError, match="who sees the whole site says what expires"):
        limits().require_whole_site()


def view(
    act: OrderAct = OrderAct.HOLD,
    custodian: str = "",
    query: str = "",
    *,
    indexes: tuple[int, ...] = (),
    conversations: tuple[bytes, ...] = (),
    id_: str = "h1",
    hold: str = "",
) -> OrderView:
    order = Order("x/gate", id_, act, "", indexes=indexes, conversations=conversations, hold=hold)
    return OrderView(1, order, OrderDetails(act, id_, "M-1", custodian, query, ""), OrderState.IN_FORCE)


TALK = (b"x" * 16,)
NARROW = format_query(limits().narrow(parse_query("copper", 0)))


@pytest.mark.parametrize(
    ("order", "is_theirs"),
    [
        (view(custodian=ALICE), True),
        (view(custodian="gail@grain.example"), False),
        (view(custodian="gail@grain.example", query=NARROW), False),
        (view(query=NARROW), True),
        (view(query="owner:metals"), True),
        (view(query="copper"), False),
        (view(query="copper OR owner:metals"), False),
        (view(query="NOT owner:metals"), False),
        (view(query="owner:grain AND copper"), False),
        (view(query=f'with:"{ROOM}"', conversations=TALK), True),
        (view(query='with:"corn@rooms.grain.example"', conversations=TALK), False),
        (view(query=f'(from:"{ALICE}" AND to:"gail@grain.example")', conversations=TALK), False),
        (view(OrderAct.ERASE, query=NARROW), True),
        (view(OrderAct.ERASE, query="copper"), False),
        (view(indexes=(7,)), False),  # in a log without an index nobody can tell whose it is
        (view(OrderAct.EXPIRE), False),
        (OrderView(1, view().order, None, OrderState.IN_FORCE), False),
    ],
)
def test_orders_are_theirs_by_what_they_say(order: OrderView, is_theirs: bool) -> None:
    assert limits().pick([order]) == ([order] if is_theirs else [])
    assert WHOLE.pick([order]) == [order]


def test_of_two_enterprises_a_query_may_be_about_either_or_both() -> None:
    both = limits(TWO_FIRMS)
    for query, is_theirs in (
        ("owner:grain", True),
        ("owner:grain OR owner:metals", True),
        ("(owner:metals OR owner:grain) AND tin", True),
        ("owner:metals OR owner:oil", False),
    ):
        assert bool(both.pick([view(query=query)])) is is_theirs, query


def test_a_release_is_whose_the_hold_is() -> None:
    theirs, others = view(custodian=ALICE, id_="h1"), view(query="copper", id_="h2")
    ends = [view(OrderAct.RELEASE, id_=f"r{number}", hold=f"h{number}") for number in (1, 2, 3)]
    assert limits().pick([theirs, others, *ends]) == [theirs, ends[0]]
