"""Going all paths at once: what a sender is answered, and what others hear, path by path."""

import asyncio
import copy
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policy.address import domain_of
from policy.facts import Way
from policy.paths import Path, PathEnds, render_stanza
from tests.support.stream import Element, XmppStream

_VARYING = ("id", "queryid", "stamp", "since", "ver")
_RECEIPT = "{urn:xmpp:sid:0}stanza-id"
_OWN_ID = re.compile(r"s\d+|went\..*")  # of XmppStream.request, and of the pings between paths
_PING = "<ping xmlns='urn:xmpp:ping'/>"

# What goes from client to client, past the archive, is closed to everybody (docs/policy.md, section 4).
PAST_THE_ARCHIVE = frozenset({"byte-stream", "call", "call-offer", "file-link", "file-offer", "stream-data"})

# What only servers and rooms say is closed to people, whomever they say it to (section 4, `forged-origin`).
ANOTHERS_WORD = frozenset({"archived", "carbon", "forged-invite", "node-event", "roster-of-target"})


@dataclass(frozen=True, slots=True)
class Walk:
    """What came of each path, by its id: to the sender, and to each other session that listened.

    `rest` is what bears no id of a stanza of any path: what the server made. All is in the same words for other ends.
    """

    answers: dict[str, list[str]]
    heard: dict[str, list[str]]
    rest: list[str]


async def walk(
    sender: XmppStream,
    ends: PathEnds,
    listeners: Sequence[XmppStream],
    paths: Iterable[Path],
    domains: Iterable[str],
) -> Walk:
    """Send each stanza of each path that clients can go, and tell what came until all `domains` had done with them."""
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
    await sender.expect(lambda element: element.get("id") == f"went.{went[-1].id}")
    await settle([sender, *listeners], domains)
    found = Walk({path.id: [] for path in went}, {path.id: [] for path in went}, [])
    for stream, first in zip((sender, *listeners), (begin, *begins), strict=True):
        for element in stream.received[first:]:
            if _is_ping(element):
                continue
            name, line = _path_of(element), normalise(element, ends)
            if not name:
                found.rest.append(f"{stream.jid.partition('/')[0]} {line}")
            elif stream is sender:
                found.answers[name].append(line)
            else:
                found.heard[name].append(f"{stream.jid} {line}")
    for lines in (*found.answers.values(), *found.heard.values(), found.rest):
        lines.sort()
    return found


async def settle(streams: Sequence[XmppStream], domains: Iterable[str] = ()) -> None:
    """Wait until all servers have done, and sent, what they had to: pings, also of other servers, find nothing new."""
    before = -1
    while (now := sum(not _is_ping(each) for stream in streams for each in stream.received)) != before:
        before = now
        for _ in range(2):
            await asyncio.gather(
                *(
                    stream.request("get", _PING, to=domain)
                    for stream in streams
                    for domain in (stream.domain, *domains)
                )
            )


def _is_ping(element: Element) -> bool:
    """Tell the answers to pings from all else; who has left gets an error for one."""
    return element.tag.endswith("}iq") and _OWN_ID.fullmatch(element.get("id") or "") is not None


def normalise(element: Element, ends: PathEnds) -> str:
    """Write a stanza such that it is the same for other ends, ids, times and with or without a receipt."""
    element = copy.deepcopy(element)
    for receipt in element.findall(f".//{_RECEIPT}"):
        if (receipt.get("by") or "").startswith("gate.") and (parent := receipt.getparent()) is not None:
            parent.remove(receipt)
    for each in element.iter():
        for name in _VARYING:
            if name in each.attrib and not (each.get(name) or "").startswith("try."):
                each.set(name, "*")
        if isinstance(each.tag, str) and each.tag.endswith(("}first", "}last", "}utc", "}unique")):
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
    text = _show_sorted(element)
    for place in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w@.-]){re.escape(place)}(?![\w@.-])", names[place], text)
    return text


def _show_sorted(element: Element) -> str:
    """Write an element with attributes and children in one order: servers keep them in hash tables."""
    children = "".join(sorted(_show_sorted(child) for child in element))
    given = {str(name): str(value) for name, value in element.attrib.items()}
    attributes = "".join(f" {name}='{value}'" for name, value in sorted(given.items()))
    return f"<{element.tag}{attributes}>{element.text or ''}{children}"


def _path_of(element: Element) -> str:
    id_ = element.get("id") or ""
    return id_.split(".")[1] if id_.startswith("try.") else ""
