"""What a record of a file says, in a line: for each event of the transfer component."""

import pytest

from components.archive.record import Event, RecordKind
from components.cli.output.file_event import tell_file_event


@pytest.mark.parametrize(
    ("name", "details", "told"),
    [
        (
            "received",
            {"action": "release", "media_type": "a/b", "found_type": "a/b"},
            "received, let through",
        ),
        (
            "received",
            {"action": "hold", "media_type": "a/b", "found_type": "c/d", "marks": "encrypted unscannable"},
            "received, held; content: c/d; marks: encrypted, unscannable",
        ),
        (
            "refused",
            {"action": "refuse", "marks": "malware", "signature": "Eicar Test", "rules": "one two"},
            "refused; marks: malware; virus: Eicar Test; rules: one, two",
        ),
        ("refused", {"action": "refuse", "unscanned": "down"}, "refused; not scanned: down"),
        ("cut-off", {"media_type": "a/b"}, "cut-off"),
        (
            "fetched",
            {"address": "192.0.2.7", "first_byte": 0, "end_byte": 19_244},
            "fetched from 192.0.2.7, bytes 0 to 19,244",
        ),
        ("fetched", {}, "fetched from ?, all of it"),
        ("later-kind", {"action": "else"}, "later-kind"),
    ],
)
def test_it_is_told_in_a_line(name: str, details: dict[str, str | int], told: str) -> None:
    assert tell_file_event(Event(RecordKind.FILE, name, tuple(details.items()), 0)) == told
