"""Going all paths at once: what a sender is answered, and what others hear, path by path."""

import asyncio
import copy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policy.address import domain_of
from policy.facts import Way
from policy.paths import PATHS, Ends, Path, render_stanza
from tests.support.stream import Element, XmppStream, show

_VARYING = ("id", "queryid", "stamp", "since", "ver")
_RECEIPT = "{urn:xmpp:sid:0}stanza-id"
_PING = "<ping xmlns='urn:xmpp:ping'/>"


@dataclass(frozen=True, slots=True)
class Walk:
    """What came of each path, by its id: to the sender, and to each other session that listened.

    All in the same words for other ends: addresses and ids are replaced.
    """

    answers: dict[str, list[str]]
    heard: dict[str, list[str]]
    unasked: list[str]


async def walk(
    sender: XmppStream, ends: Ends, listeners: Sequence[XmppStream] = (), paths: Iterable[Path] = PATHS
) -> Walk:
    """Send each stanza of each path that clients can go, and tell what came until the servers had done with them.

    What somebody hears that bears no id of a stanza of these is `unasked`.
    """
    places = ends.places()
    begin = len(sender.received)
    begins = [len(listener.received) for listener in listeners]
    went = [path for path in paths if Way.C2S in path.ways]
    for path in went:
        for number, template in enumerate(path.templates):
            if template.needs <= places.keys():
                sender.send(render_stanza(template, places, f"try.{path.id}.{number}"))
        sender.send(f"<iq type='get' id='went.{path.id}' to='{sender.domain}'>{_PING}</iq>")
        await asyncio.sleep(0)
    await sender.expect(lambda element: element.get("id") == f"went.{went[-1].id}", 20.0)
    await settle([sender, *listeners])
    answers = _split(sender.received[begin:], ends)
    heard: dict[str, list[str]] = {path.id: [] for path in went}
    unasked: list[str] = []
    for listener, first in zip(listeners, begins, strict=True):
        for element in listener.received[first:]:
            if element.get("from") == listener.domain and element.tag.endswith("}iq"):
                continue  # the answers to its own pings, which nobody who has left even gets
            name = _path_of(element)
            (heard[name] if name else unasked).append(f"{listener.jid}: {normalise(element, ends)}")
    return Walk(answers, heard, unasked)


async def settle(streams: Sequence[XmppStream]) -> None:
    """Wait until all servers have done, and sent, what they had to: pings of each."""
    for _ in range(2):
        await asyncio.gather(*(stream.ping(20.0) for stream in streams))


def normalise(element: Element, ends: Ends) -> str:
    """Write a stanza such that it is the same for other ends, ids, times and with or without a receipt."""
    element = copy.deepcopy(element)
    for receipt in element.findall(_RECEIPT):
        if (receipt.get("by") or "").startswith("gate."):
            element.remove(receipt)
    for each in element.iter():
        for name in _VARYING:
            if name in each.attrib and not (each.get(name) or "").startswith("try."):
                each.set(name, "*")
        if isinstance(each.tag, str) and each.tag.endswith(("}first", "}last")):
            each.text = "*"
    domain = domain_of(ends.target)
    names = {
        ends.target: "T",
        f"rooms.{domain}": "ROOMS",
        ends.target.partition("@")[0]: "NAME",
        ends.room: "ROOM",
    }
    if domain != domain_of(ends.sender):
        names[domain] = "DOMAIN"
    text = show(element)
    for place in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w@.-]){re.escape(place)}(?![\w@.-])", names[place], text)
    return text


def _split(received: Iterable[Element], ends: Ends) -> dict[str, list[str]]:
    """Sort what a sender received by the pings between the paths; answers from elsewhere come when they come."""
    answers: dict[str, list[str]] = {}
    since: list[str] = []
    for element in received:
        id_ = element.get("id") or ""
        if id_.startswith("went."):
            answers.setdefault(id_.removeprefix("went."), []).extend(since)
            since = []
        elif name := _path_of(element):
            answers.setdefault(name, []).append(normalise(element, ends))
        else:
            since.append(normalise(element, ends))
    return answers


def _path_of(element: Element) -> str:
    id_ = element.get("id") or ""
    return id_.split(".")[1] if id_.startswith("try.") else ""
