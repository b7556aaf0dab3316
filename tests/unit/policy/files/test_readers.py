"""Who may fetch a file by the sessions at an address: its owner, and whoever was sent its link."""

import pytest

from policy.address import BareJid
from policy.files.readers import may_fetch
from tests.unit.policy.walls import WALLED

OWNER = BareJid("anna@metals.example")


def people(*names: str) -> frozenset[BareJid]:
    return frozenset(BareJid(name if "@" in name else f"{name}@metals.example") for name in names)


@pytest.mark.parametrize(
    ("there", "sent_to", "may"),
    [
        ((), (), False),
        ((), ("tom",), False),
        (("anna",), (), True),
        (("tom",), (), False),
        (("tom",), ("tom",), True),
        (("tina", "tom"), ("tom",), True),
        (("tina",), ("tom",), False),
        (("tom",), ("trading@rooms.metals.example",), True),
        (("rita",), ("trading@rooms.metals.example",), False),
        (("rita", "tina"), ("trading@rooms.metals.example", "dan"), True),
        (("gone",), ("gone",), False),
        (("zoe@elsewhere.example",), ("trading@rooms.metals.example",), False),
    ],
)
def test_who_may_fetch(there: tuple[str, ...], sent_to: tuple[str, ...], may: bool) -> None:
    assert may_fetch(WALLED, people(*there), OWNER, people(*sent_to)) is may
