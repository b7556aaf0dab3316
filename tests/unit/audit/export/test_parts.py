"""The files that the messages of an export are divided into: by conversation, day, number and length."""

from datetime import UTC

import pytest

from components.audit.export import parts
from components.audit.export.eml import Eml
from components.audit.export.format import Format, Shelf, Shelved
from components.audit.export.message import Entry, ExportMessage
from components.audit.export.parts import split_parts
from components.audit.export.pdf import Pdf
from components.audit.export.xep0227 import Xep0227

SHELVES = (Shelf(1, "a", (), 0, 0), Shelf(2, "b", (), 0, 0))
DAY_NS = 86_400 * 10**9


def message(number: int, stanza: str = "x", day: int = 0) -> ExportMessage:
    return ExportMessage(f"gate/{number}", day * DAY_NS, "message", "message", "a", "", "", "", stanza)


def divide(format_: Format, *entries: Shelved) -> list[tuple[int, list[str]]]:
    return [
        (part.number, [each.entry.message.record for each in held])
        for part, held in split_parts(entries, format_, UTC)
    ]


def said(number: int, stanza: str = "x", shelf: int = 0, day: int = 0) -> Shelved:
    return Shelved(SHELVES[shelf], Entry(message(number, stanza, day)))


def test_a_file_is_full_where_its_stanzas_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_TEXT_IN_PART", 10)
    entries = [said(1, "x" * 6), said(2, "x" * 4), said(3, "x"), said(4, "x" * 50), said(5, "x")]
    expected = [(0, ["gate/1", "gate/2"]), (1, ["gate/3"]), (2, ["gate/4"]), (3, ["gate/5"])]
    assert divide(Eml(), *entries) == expected
    assert divide(Pdf(), *entries) == expected
    # A format of one file for an account is written piece by piece, and never divided.
    assert len(divide(Xep0227(), *entries)) == 1


def test_what_was_done_to_a_message_counts_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_TEXT_IN_PART", 10)
    edited = Shelved(SHELVES[0], Entry(message(1), (message(2, "x" * 9),)))
    assert divide(Eml(), edited, said(2)) == [(0, ["gate/1"]), (1, ["gate/2"])]


def test_a_file_is_full_by_number_and_ends_with_its_day_and_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Eml, "most_in_part", 2)
    monkeypatch.setattr(Pdf, "most_in_part", 3)
    entries = [said(1), said(2), said(3), said(4, day=1), said(5, shelf=1, day=1)]
    assert divide(Eml(), *entries) == [
        (0, ["gate/1", "gate/2"]),
        (1, ["gate/3"]),
        (2, ["gate/4"]),
        (0, ["gate/5"]),
    ]
    assert divide(Pdf(), *entries) == [(0, ["gate/1", "gate/2", "gate/3"]), (1, ["gate/4", "gate/5"])]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("alice@metals.example bob@metals.example", "alice@metals.example and bob@metals.example"),
        ("desk@rooms.metals.example", "desk@rooms.metals.example"),
        ("steelyard up --demo", "steelyard up --demo"),
        ("", "Acts on the line"),
    ],
)
def test_a_title_names_both_parties(name: str, title: str) -> None:
    assert Shelf(1, name, (), 0, 0).title == title
