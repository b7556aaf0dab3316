"""The notice of the recording: sent on each login, acknowledged once by answering it."""

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

from components.link.entity import XMLNS
from components.settings.gate import OBSERVING
from policy.access.admission import DAY_S, Admission, AdmissionState
from policy.directory.enterprise import EnterpriseId

XMLNS_SID = "urn:xmpp:sid:0"  # XEP-0359
XMLNS_COMPONENT = "jabber:component:accept"  # XEP-0114
_XMLNS_CARBONS = "urn:xmpp:carbons:2"  # XEP-0280
_XMLNS_HINTS = "urn:xmpp:hints"  # XEP-0334
_XMLNS_QUICK_RESPONSE = "urn:xmpp:tmp:quick-response"  # XEP-0439

ASK = "Please answer with the word yes. Until then you can write to nobody."
YES = "yes"
THANKS = "Thank you. You can write to your colleagues now."
KNOWN = "You have acknowledged that this line is recorded. Nobody reads what you write here as a message."
_ENDS_SOON_S = 14 * DAY_S
_AGREES = frozenset({"yes", "yes.", "y", "ok", "ja", "oui", "si", "sì", "sí", "是", "好"})


def make_message(
    sender: str, to: str, body: str, id_: str = "", *, answers: Mapping[str, str] | None = None
) -> ET.Element:
    """Return a message that every client shows: `chat`, for this session alone, and kept in no message archive.

    Clients that know XEP-0439 show `answers` as buttons: the text that is sent, and the button's label.
    """
    message = ET.Element("message", {"from": sender, "to": to, "type": "chat"})
    if id_:
        message.set("id", id_)
    ET.SubElement(message, f"{{{XMLNS_COMPONENT}}}body").text = body
    ET.SubElement(message, f"{{{_XMLNS_CARBONS}}}private")
    for hint in ("no-copy", "no-permanent-store"):
        ET.SubElement(message, f"{{{_XMLNS_HINTS}}}{hint}")
    for value, label in (answers or {}).items():
        ET.SubElement(message, f"{{{_XMLNS_QUICK_RESPONSE}}}response", value=value, label=label)
    return message


def describe_login(notice: str, duties: str, *, observes: bool) -> str:
    """Return what a person is told at a login: the notice, whether the rules are in force, an approver's duties."""
    return "\n".join(line for line in (notice, OBSERVING if observes else "", duties) if line)


def read_body(message: ET.Element) -> str:
    """Return the text of a message; empty for errors and for messages without a body."""
    if message.get("type") in ("error", "groupchat"):
        return ""
    # On a component's stream the children are in its namespace (XEP-0114, section 3).
    found = (message.findtext(f"{{{namespace}}}body") for namespace in (XMLNS, XMLNS_COMPONENT))
    return next((body.strip() for body in found if body), "")


def is_agreement(body: str) -> bool:
    """Return whether an answer acknowledges the notice; ignore the text that it quotes (XEP-0461, 3)."""
    own = [line for line in body.splitlines() if line.strip() and not line.startswith(">")]
    return len(own) == 1 and own[0].strip().lower().rstrip("!") in _AGREES


def read_receipt(message: ET.Element, gate: str) -> str:
    """Return the id of a message's record (`gate/100042`) from the gate's receipt; empty if there is none."""
    found = (each for each in message.findall(f"{{{XMLNS_SID}}}stanza-id") if each.get("by") == gate)
    return next((each.get("id", "") for each in found), "")


def describe_duties(admissions: Iterable[Admission], enterprise: EnterpriseId | None, now_s: float) -> str:
    """Return what waits for an approver of an enterprise; empty for other people, and if nothing waits."""
    own = [each for each in admissions if each.request and each.request.enterprise == enterprise]
    waiting = sum(each.state is AdmissionState.REQUESTED for each in own)
    ending = sum(
        each.state is AdmissionState.ADMITTED
        and each.ends_s is not None
        and each.ends_s < now_s + _ENDS_SOON_S
        for each in own
    )
    if not waiting and not ending:
        return ""
    return f"For approvers: requests that wait: {waiting}; grants that end within two weeks: {ending}."
