"""What acts make of a matter: the fold alone, without a log."""

from typing import Any

import pytest

from components.archive.record import Event, RecordKind
from components.audit.matter.fold import Folded, apply_deed, fold_deeds
from components.audit.matter.record import make_event, read_deed
from components.audit.matter.values import Deed, Matter, MatterAct, MatterError

OPENED = Deed(MatterAct.OPEN, "M-1", "erin", 1, {"title": "Copper", "enterprises": "metals"}, "audit/1")


def do(act: MatterAct, at: int = 2, /, by: str = "erin", **details: Any) -> Deed:
    return Deed(act, "M-1", by, at, details, f"audit/{at}")


def fold(*deeds: Deed) -> Folded:
    return fold_deeds((OPENED, *deeds))


def matter_of(*deeds: Deed) -> Matter:
    folded = fold(*deeds)
    assert not folded.refused
    return folded.matters["M-1"]


def test_a_matter_as_it_is_opened() -> None:
    assert matter_of() == Matter(
        "M-1", "Copper", "erin", 1, frozenset({"metals"}), ("erin",), changed_at_ns=1
    )
    whole = Deed(MatterAct.OPEN, "M-2", "erin", 1, {"title": "All", "enterprises": "*"})
    assert fold_deeds([whole]).matters["M-2"].enterprises is None


def test_exhibits_keep_their_numbers() -> None:
    made = matter_of(
        do(MatterAct.ADD_EXHIBIT, 2, exhibit="gate/7", title="the offer", said_at_ns=50, payload_sha256="ab"),
        do(MatterAct.ADD_EXHIBIT, 3, exhibit="gate/3", note="says when", said_at_ns=40),
        do(MatterAct.WITHDRAW_EXHIBIT, 4, number=1, reason="another Alice"),
        do(MatterAct.ADD_EXHIBIT, 5, exhibit="gate/7", said_at_ns=50),
    )
    assert [(each.number, each.record_id, each.withdrawn) for each in made.exhibits] == [
        (1, "gate/7", "another Alice"),
        (2, "gate/3", ""),
        (3, "gate/7", ""),
    ]
    assert made.exhibits[0].payload_sha256 == "ab"


def test_notes_are_about_a_time() -> None:
    made = matter_of(
        do(MatterAct.ADD_EXHIBIT, 2, exhibit="gate/7", said_at_ns=50),
        do(MatterAct.NOTE, 60, text="on the matter"),
        do(MatterAct.NOTE, 61, text="on the exhibit", number=1),
        do(MatterAct.NOTE, 62, text="of before", about_ns=5),
    )
    assert [(each.exhibit, each.about_ns) for each in made.notes] == [(0, 60), (1, 50), (0, 5)]


def test_people_and_custodians_come_and_go() -> None:
    made = matter_of(
        do(MatterAct.ADD_PERSON, 2, who="li"),
        do(MatterAct.ADD_CUSTODIAN, 3, by="li", who="alice@metals.example"),
        do(MatterAct.ADD_CUSTODIAN, 4, who="bob@metals.example"),
        do(MatterAct.REMOVE_CUSTODIAN, 5, who="alice@metals.example"),
        do(MatterAct.REMOVE_PERSON, 6, by="li", who="erin"),
        do(MatterAct.CLOSE, 7, by="li", reason="done"),
    )
    assert made.people == ("li",)
    assert [each.jid for each in made.custodians] == ["bob@metals.example"]
    assert not made.is_open
    assert made.changed_at_ns == 7


CLOSED = do(MatterAct.CLOSE, 2, reason="done")
WITH_EXHIBIT = do(MatterAct.ADD_EXHIBIT, 2, exhibit="gate/7")


@pytest.mark.parametrize(
    ("before", "wrong", "says"),
    [
        ((), do(MatterAct.NOTE, by="mallory", text="x"), "there is no matter M-1"),
        ((), do(MatterAct.ADD_PERSON, by="mallory", who="mallory"), "there is no matter M-1"),
        ((), Deed(MatterAct.NOTE, "M-9", "erin", 2, {"text": "x"}), "there is no matter M-9"),
        ((), do(MatterAct.OPEN, by="mallory", title="x", enterprises="*"), "is taken"),
        ((), do(MatterAct.NOTE, text="  "), "text is empty"),
        ((), do(MatterAct.REOPEN), "is open"),
        ((), do(MatterAct.REMOVE_PERSON, who="erin"), "is the last"),
        ((), do(MatterAct.REMOVE_PERSON, who="li"), "does not work"),
        ((), do(MatterAct.ADD_PERSON, who="erin"), "already"),
        ((), do(MatterAct.REMOVE_CUSTODIAN, who="alice@metals.example"), "is no custodian"),
        ((), do(MatterAct.SAVE, query="x"), "result_digest is empty"),
        ((), do(MatterAct.WITHDRAW_EXHIBIT, number=1, reason="x"), "has no exhibit 1"),
        ((WITH_EXHIBIT,), do(MatterAct.WITHDRAW_EXHIBIT, 3, number=1), "reason is empty"),
        ((WITH_EXHIBIT,), do(MatterAct.ADD_EXHIBIT, 3, exhibit="gate/7"), "exhibit 1 of M-1 already"),
        ((WITH_EXHIBIT,), do(MatterAct.NOTE, 3, text="x", number=2), "has no exhibit 2"),
        ((WITH_EXHIBIT,), do(MatterAct.NOTE, 3, text="x", number=-1), "has no exhibit -1"),
        ((CLOSED,), do(MatterAct.NOTE, 3, text="x"), "is closed"),
        ((CLOSED,), do(MatterAct.ADD_EXHIBIT, 3, exhibit="gate/7"), "is closed"),
        ((CLOSED,), do(MatterAct.CLOSE, 3, reason="x"), "is closed"),
    ],
)
def test_what_does_not_fit_changes_nothing(before: tuple[Deed, ...], wrong: Deed, says: str) -> None:
    folded = fold(*before, wrong)
    assert folded.matters == fold(*before).matters
    assert says in folded.refused[wrong.record].why


def test_a_lead_adds_somebody_to_a_matter_of_others() -> None:
    made = matter_of(do(MatterAct.ADD_PERSON, by="lena", who="li", **{"as": "lead"}))
    assert made.people == ("erin", "li")


def test_who_sees_a_matter() -> None:
    made, whole = matter_of(), Matter("M-2", "All", "erin", 1, None, ("erin",))
    assert made.is_seen_by("erin", None)
    assert made.is_seen_by("erin", frozenset({"metals", "grain"}))
    assert not made.is_seen_by("erin", frozenset({"grain"}))
    assert not made.is_seen_by("li", None)
    assert whole.is_seen_by("erin", None)
    assert not whole.is_seen_by("erin", frozenset({"metals"}))


def test_ids_are_plain() -> None:
    for id_ in ("", "../x", "a b", "x" * 65, "M\n1"):
        with pytest.raises(MatterError):
            apply_deed(None, Deed(MatterAct.OPEN, id_, "erin", 1, {"title": "x", "enterprises": "*"}))


def test_an_act_is_an_event_and_back() -> None:
    deed = do(MatterAct.ADD_EXHIBIT, exhibit="gate/7", said_at_ns=50)
    event = make_event(deed)
    assert event.kind is RecordKind.MATTER
    assert read_deed(event, deed.record) == deed
    assert read_deed(Event(RecordKind.MATTER, "sung", (), 1), "audit/1") is None
