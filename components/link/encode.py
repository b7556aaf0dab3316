"""What the gate says, as elements (docs/gate-protocol.md, section 4); pure, no I/O."""

from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape, quoteattr

from components.link.codec import XMLNS, XMLNS_FORWARD
from policy.decision import Action, Decision

_XMLNS_STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"


def encode_verdict(
    gate: str, host: str, epoch: str, seq: int, log: str, first: int, decisions: Sequence[Decision]
) -> bytes:
    """Encode one verdict (section 4.2) for consecutive submissions, recorded at consecutive indexes.

    The first decision is that on `seq`, recorded at index `first` of `log`; what is released unchanged is not named.
    """
    parts = [
        f"<message from={quoteattr(gate)} to={quoteattr(host)}><verdict xmlns='{XMLNS}' epoch={quoteattr(epoch)} "
        f"seq='{seq}' through='{seq + len(decisions) - 1}' log={quoteattr(log)} first='{first}'>"
    ]
    for offset, decision in enumerate(decisions):
        if decision.action is not Action.RELEASE:
            parts.append(_EXCEPTIONS[decision.action](seq + offset, decision))
    parts.append("</verdict></message>")
    return "".join(parts).encode()


def encode_noted(gate: str, host: str, number: int) -> bytes:
    """Encode the answer to a status (section 4.3): its content is durable."""
    return (
        f"<message from={quoteattr(gate)} to={quoteattr(host)}><noted xmlns='{XMLNS}' n='{number}'/></message>"
    ).encode()


def encode_canary(gate: str, host: str, id_: str) -> bytes:
    """Encode the request for a canary (section 4.4)."""
    return (
        f"<message from={quoteattr(gate)} to={quoteattr(host)}><canary xmlns='{XMLNS}' id={quoteattr(id_)}/></message>"
    ).encode()


def encode_inject(gate: str, host: str, id_: str, stanza: bytes) -> bytes:
    """Encode the request to hold and submit a stanza of the gate's making (section 4.7)."""
    return (
        f"<message from={quoteattr(gate)} to={quoteattr(host)}><inject xmlns='{XMLNS}' id={quoteattr(id_)}>"
        f"<forwarded xmlns='{XMLNS_FORWARD}'>{stanza.decode()}</forwarded></inject></message>"
    ).encode()


def _encode_refuse(seq: int, decision: Decision) -> str:
    error = decision.error
    if error is None:
        raise ValueError("a refusal needs an error")
    return (
        f"<refuse seq='{seq}'><error type={quoteattr(error.type)}><{error.condition} xmlns='{_XMLNS_STANZA_ERRORS}'/>"
        f"<text xmlns='{_XMLNS_STANZA_ERRORS}' xml:lang='en'>{escape(error.text)}</text></error></refuse>"
    )


def _encode_amend(seq: int, decision: Decision) -> str:
    return f"<amend seq='{seq}'><forwarded xmlns='{XMLNS_FORWARD}'>{decision.amended.decode()}</forwarded></amend>"


def _encode_keep(seq: int, _decision: Decision) -> str:
    return f"<keep seq='{seq}'/>"


_EXCEPTIONS: dict[Action, Callable[[int, Decision], str]] = {
    Action.REFUSE: _encode_refuse,
    Action.AMEND: _encode_amend,
    Action.HOLD: _encode_keep,
}
