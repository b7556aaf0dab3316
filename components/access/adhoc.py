"""The component's ad-hoc commands (XEP-0050) as elements: their nodes, and the answers to their steps."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

XMLNS = "http://jabber.org/protocol/commands"
NODE = "urn:steelyard:access:0#"


def encode_answer(
    session_id: str,
    command: str,
    status: str,
    form: ET.Element | None = None,
    *,
    actions: Sequence[str] = (),
    note: tuple[str, str] | None = None,
) -> ET.Element:
    """Encode the answer to a step (XEP-0050, 3.1): `actions` may come next, the last of them by default."""
    element = ET.Element(f"{{{XMLNS}}}command", node=f"{NODE}{command}", sessionid=session_id, status=status)
    if actions:
        offered = ET.SubElement(element, f"{{{XMLNS}}}actions", execute=actions[-1])
        for action in actions:
            ET.SubElement(offered, f"{{{XMLNS}}}{action}")
    if note:
        ET.SubElement(element, f"{{{XMLNS}}}note", type=note[0]).text = note[1]
    if form is not None:
        element.append(form)
    return element
