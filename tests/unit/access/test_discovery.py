"""What clients find out about the component (XEP-0030): its commands, for whoever may use them."""

from xml.etree import ElementTree as ET

import pytest

from components.access.adhoc import NODE, encode_answer
from components.access.adhoc import XMLNS as COMMANDS
from components.access.discovery import Discovery
from components.access.form import XMLNS as DATA
from components.link.entity import XMLNS_DISCO_INFO as INFO
from components.link.entity import XMLNS_DISCO_ITEMS as ITEMS
from components.link.entity import Request, XmppError

ALICE, HANNA = "alice@metals.example/desk", "hanna@metals.example/desk"
JID = "access.metals.example"


def commands_of(person: str) -> dict[str, str]:
    own = {f"{NODE}request": "Ask to be admitted"}
    return own | ({f"{NODE}approve": "Approve"} if person == HANNA else {})


def request(xmlns: str, node: str = "", sender: str = ALICE, to: str = JID) -> Request:
    payload = ET.Element(f"{{{xmlns}}}query", {"node": node} if node else {})
    return Request(sender, to, "1", "get", payload)


async def info(node: str = "", sender: str = ALICE, to: str = JID) -> ET.Element:
    return await Discovery(commands_of).answer_info(request(INFO, node, sender, to))


def features(query: ET.Element) -> list[str | None]:
    return [each.get("var") for each in query.iter(f"{{{INFO}}}feature")]


def identities(query: ET.Element) -> list[dict[str, str]]:
    return [each.attrib for each in query.iter(f"{{{INFO}}}identity")]


async def test_the_component_says_what_it_is_and_that_it_has_commands() -> None:
    query = await info()
    assert identities(query) == [
        {"category": "component", "type": "generic", "name": "Access to the recorded line"}
    ]
    assert features(query) == sorted([INFO, ITEMS, COMMANDS])
    assert query.get("node") is None


async def test_its_account_with_which_people_talk_is_a_bot() -> None:
    query = await info(to=f"line@{JID}")
    assert identities(query) == [{"category": "client", "type": "bot", "name": "The recorded line"}]


async def test_the_list_of_commands_is_a_node_of_its_own() -> None:
    query = await info(COMMANDS)
    assert query.get("node") == COMMANDS
    assert identities(query) == [{"category": "automation", "type": "command-list"}]


async def test_a_command_says_its_name_and_that_it_has_forms() -> None:
    node = f"{NODE}approve"
    query = await info(node, HANNA)
    assert query.get("node") == node
    assert identities(query) == [{"category": "automation", "type": "command-node", "name": "Approve"}]
    assert features(query) == sorted([COMMANDS, DATA])


@pytest.mark.parametrize("node", ["nothing", NODE, f"{NODE}approve", f"{NODE}approve "])
async def test_what_is_not_there_for_somebody_is_not_found(node: str) -> None:
    """A command of others looks like one that does not exist."""
    with pytest.raises(XmppError) as raised:
        await info(node)
    assert raised.value.condition == "item-not-found"


@pytest.mark.parametrize(
    ("sender", "nodes"), [(ALICE, [f"{NODE}request"]), (HANNA, [f"{NODE}request", f"{NODE}approve"])]
)
async def test_each_sees_the_commands_that_they_may_use(sender: str, nodes: list[str]) -> None:
    query = await Discovery(commands_of).answer_items(request(ITEMS, COMMANDS, sender))
    items = list(query.iter(f"{{{ITEMS}}}item"))
    assert [each.get("node") for each in items] == nodes
    assert {each.get("jid") for each in items} == {JID}
    assert [each.get("name") for each in items] == list(commands_of(sender).values())


@pytest.mark.parametrize("node", ["", "nothing", f"{NODE}request"])
async def test_there_is_nothing_below_other_nodes(node: str) -> None:
    query = await Discovery(commands_of).answer_items(request(ITEMS, node))
    assert (query.get("node") or "", len(query)) == (node, 0)


def test_an_answer_offers_the_next_steps_the_last_of_them_by_default() -> None:
    form = ET.Element(f"{{{DATA}}}x")
    answer = encode_answer("s1", "approve", "executing", form, actions=("prev", "complete"))
    assert answer.attrib == {"node": f"{NODE}approve", "sessionid": "s1", "status": "executing"}
    (actions,) = answer.iter(f"{{{COMMANDS}}}actions")
    assert actions.get("execute") == "complete"
    assert [each.tag for each in actions] == [f"{{{COMMANDS}}}prev", f"{{{COMMANDS}}}complete"]
    assert answer.find(f"{{{DATA}}}x") is form


def test_an_answer_without_steps_has_a_note_alone() -> None:
    answer = encode_answer("s1", "request", "completed", note=("info", "You are admitted."))
    (note,) = answer
    assert (note.tag, note.get("type"), note.text) == (f"{{{COMMANDS}}}note", "info", "You are admitted.")
