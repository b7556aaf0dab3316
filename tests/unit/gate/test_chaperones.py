"""The gate carries along which chaperones are in their rooms."""

from components.link.codec import Held
from policy.facts import NamedJid, StanzaFacts, Way
from policy.rules import Rules
from tests.unit.gate.fakes import Bench, held
from tests.unit.policy.walls import WALLED

ROOM = "both@rooms.metals.example"
CLEO, TOM = "cleo@metals.example/desk", "tom@metals.example/desk"
MUC_USER = "{http://jabber.org/protocol/muc#user}"


def said(seq: int, epoch: str = "e1") -> Held:
    """Tom's word to the room: refused while no chaperone is present."""
    facts = StanzaFacts(Way.C2S, "message", "groupchat", TOM, ROOM, ("{jabber:client}body",), "Copper?")
    return held(seq, epoch=epoch)._replace(facts=facts)


def entered(seq: int, epoch: str = "e1") -> Held:
    facts = StanzaFacts(
        Way.SERVER, "presence", "", f"{ROOM}/cleo", CLEO, (f"{MUC_USER}x", f"{MUC_USER}status"), "", ("110",)
    )
    return held(seq, epoch=epoch)._replace(facts=facts)


def ended(seq: int) -> Held:
    named = NamedJid("{urn:steelyard:gate:0}unbind", CLEO)
    return held(seq, epoch="e1")._replace(facts=StanzaFacts(Way.SESSION, "unbind", "", "", "", jids=(named,)))


async def _answers(bench: Bench, *items: Held) -> list[str]:
    bench.take(*items)
    await bench.settle()
    return [action for _, (_, action) in sorted(bench.answers.answered().items())]


async def test_it_asks_who_is_there_and_takes_it_from_the_room(connected: Bench) -> None:
    connected.gate.use(Rules(WALLED))
    asked = [each.get("room") for each in connected.answers.elements() if each.tag.endswith("}occupants")]
    assert asked == sorted(WALLED.borders.chaperoned)
    answers = await _answers(connected, said(1), entered(2), said(3), ended(4), said(5))
    assert answers == ["refuse", "release", "release", "release", "refuse"]


async def test_another_life_of_the_server_has_empty_rooms(connected: Bench) -> None:
    connected.gate.use(Rules(WALLED))
    assert await _answers(connected, entered(1), said(2)) == ["release", "release"]
    assert await _answers(connected, said(3, epoch="e2")) == ["release", "release", "refuse"]
