"""`<borders/>` tells the adapter who may reach whom, and `<occupants/>` asks it who is in a room; pure.

docs/gate-protocol.md, sections 4.5 and 4.6.
"""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape, quoteattr

from components.link.codec import XMLNS
from components.link.limits import PART_MAX_BYTES
from policy.reach.partition import Partition


def encode_borders(gate: str, host: str, partition: Partition, *, is_open: bool = False) -> list[bytes]:
    """Encode a partition for the adapter: one or more elements, which take effect together when the last has come.

    If `is_open`, its borders stop nothing: they say who is listed.
    """
    parts = list(_pack([*_encode_classes(partition), *_encode_rooms(partition)]))
    open_ = " open='true'" if is_open else ""
    head = f"<message from={quoteattr(gate)} to={quoteattr(host)}><borders xmlns='{XMLNS}'{open_}"
    return [
        f"{head} part='{number}' of='{len(parts)}'>{part}</borders></message>".encode()
        for number, part in enumerate(parts, 1)
    ]


def encode_occupants(gate: str, host: str, room: str) -> bytes:
    """Encode the request to say who is in a room of the adapter's server (section 4.6)."""
    return (
        f"<message from={quoteattr(gate)} to={quoteattr(host)}>"
        f"<occupants xmlns='{XMLNS}' room={quoteattr(room)}/></message>"
    ).encode()


def _encode_classes(partition: Partition) -> Iterator[str]:
    for place, each in enumerate(partition.classes, 1):
        reaches = " ".join(str(other + 1) for other in sorted(each.reaches))
        for members in _split(each.members):
            yield f"<class id='{place}' reaches='{reaches}'>{members}</class>"


def _encode_rooms(partition: Partition) -> Iterator[str]:
    for room, people in sorted(partition.entrants.items()):
        for members in _split(sorted(people)):
            yield f"<room jid={quoteattr(room)}>{members}</room>"


def _split(members: Sequence[str]) -> Iterator[str]:
    """Write JIDs with a space between each two, in pieces that are smaller than a part."""
    text = escape(" ".join(members))
    if len(members) == 1 or len(text.encode()) <= PART_MAX_BYTES // 4:
        yield text
        return
    half = len(members) // 2
    yield from _split(members[:half])
    yield from _split(members[half:])


def _pack(elements: list[str]) -> Iterator[str]:
    part: list[str] = []
    size_bytes = 0
    for element in elements:
        if part and size_bytes + len(element.encode()) > PART_MAX_BYTES:
            yield "".join(part)
            part, size_bytes = [], 0
        part.append(element)
        size_bytes += len(element.encode())
    yield "".join(part)
