"""What the gate sends, as elements (docs/gate-protocol.md, section 4); pure, no I/O."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from components.link.codec import XMLNS, XMLNS_FORWARD, XMLNS_STANZA_ERRORS
from components.link.limits import PART_MAX_BYTES
from policy.decision import Action, Decision, StanzaError


@dataclass(frozen=True, slots=True)
class Answering:
    """Who gets the verdicts (the adapter of `host`), and where the submissions are recorded (the log `log`)."""

    gate: str
    host: str
    epoch: str
    log: str


def encode_verdicts(
    answering: Answering,
    seq: int,
    first: int,
    decisions: Sequence[Decision],
    *,
    bounced: Collection[int] = (),
    one_each: bool = False,
) -> list[bytes]:
    """Encode the verdicts (section 4.2) for consecutive submissions, recorded at consecutive indexes.

    The first decision is the one on `seq`, recorded at index `first`. Stanzas that are released unchanged are not
    named. It is one verdict, unless this would be larger than a part (section 5.5). `one_each` begins a new verdict
    with each exception. The submissions in `bounced` are returned to their senders, whatever the decision was.
    """
    verdicts: list[bytes] = []
    begin, named, size_bytes = 0, list[str](), 0
    for offset, decision in enumerate(decisions):
        if seq + offset in bounced:
            exception = f"<bounce seq='{seq + offset}'/>"
        elif decision.action is Action.RELEASE:
            continue
        else:
            exception = _EXCEPTIONS[decision.action](seq + offset, decision)
        exception_bytes = len(exception.encode())
        if offset > begin and (one_each or (named and size_bytes + exception_bytes > PART_MAX_BYTES)):
            verdicts.append(_encode_verdict(answering, seq + begin, seq + offset - 1, first + begin, named))
            begin, named, size_bytes = offset, [], 0
        named.append(exception)
        size_bytes += exception_bytes
    verdicts.append(_encode_verdict(answering, seq + begin, seq + len(decisions) - 1, first + begin, named))
    return verdicts


def _message(gate: str, host: str, content: str) -> bytes:
    return f"<message from={quoteattr(gate)} to={quoteattr(host)}>{content}</message>".encode()


def _encode_verdict(answering: Answering, seq: int, through: int, first: int, named: Sequence[str]) -> bytes:
    verdict = (
        f"<verdict xmlns='{XMLNS}' epoch={quoteattr(answering.epoch)} seq='{seq}' through='{through}' "
        f"log={quoteattr(answering.log)} first='{first}'>{''.join(named)}</verdict>"
    )
    return _message(answering.gate, answering.host, verdict)


def encode_unread(gate: str, seq: int) -> bytes:
    """Encode at which submission the gate could not read on (section 5.10)."""
    # The server's own domain is not known before it has said something; the adapter takes what comes on this stream.
    return _message(gate, gate, f"<unread xmlns='{XMLNS}' seq='{seq}'/>")


def encode_noted(gate: str, host: str, number: int) -> bytes:
    """Encode the answer to a status (section 4.3): its content is durable."""
    return _message(gate, host, f"<noted xmlns='{XMLNS}' n='{number}'/>")


def encode_canary(gate: str, host: str, id_: str) -> bytes:
    """Encode the request for a canary (section 4.4)."""
    return _message(gate, host, f"<canary xmlns='{XMLNS}' id={quoteattr(id_)}/>")


def encode_inject(gate: str, host: str, id_: str, stanza: bytes) -> bytes:
    """Encode the request to hold and submit a stanza that the gate made (section 4.7)."""
    forwarded = f"<forwarded xmlns='{XMLNS_FORWARD}'>{stanza.decode()}</forwarded>"
    return _message(gate, host, f"<inject xmlns='{XMLNS}' id={quoteattr(id_)}>{forwarded}</inject>")


def _encode_refuse(seq: int, decision: Decision) -> str:
    error = decision.error
    if error is None:
        return _encode_keep(seq, decision)
    return f"<refuse seq='{seq}'>{_encode_error(error)}</refuse>"


def _encode_amend(seq: int, decision: Decision) -> str:
    return f"<amend seq='{seq}'><forwarded xmlns='{XMLNS_FORWARD}'>{decision.amended.decode()}</forwarded></amend>"


def _encode_keep(seq: int, decision: Decision) -> str:
    if decision.error is None:
        return f"<keep seq='{seq}'/>"
    return f"<keep seq='{seq}'>{_encode_error(decision.error)}</keep>"


def _encode_error(error: StanzaError) -> str:
    return (
        f"<error type={quoteattr(error.type)}><{error.condition} xmlns='{XMLNS_STANZA_ERRORS}'/>"
        f"<text xmlns='{XMLNS_STANZA_ERRORS}' xml:lang='en'>{escape(error.text)}</text></error>"
    )


_EXCEPTIONS: dict[Action, Callable[[int, Decision], str]] = {
    Action.REFUSE: _encode_refuse,
    Action.AMEND: _encode_amend,
    Action.HOLD: _encode_keep,
}
