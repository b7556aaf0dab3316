"""What is told instead where the line has a file upload: the refusals of files that go another way name it."""

from policy.content.refusals import DIRECT_FILE, DIRECT_SESSION, FILE, LINK
from policy.decision import Decision, refuse

_TEXTS = {
    DIRECT_FILE: "Files cannot be sent this way on a recorded line, from client to client. "
    "Use your client's file upload instead.",
    DIRECT_SESSION: "This line is recorded, so direct connections between clients are not possible. "
    "To send a file, use your client's file upload instead.",
    FILE: "This line is recorded, so encrypted files are not possible. "
    "Turn off encryption for this conversation, and use your client's file upload instead.",
    LINK: "This line is recorded, so links to encrypted files (aesgcm) are not possible. "
    "Turn off encryption for this conversation, and use your client's file upload instead.",
}
_INSTEAD = {
    decision.rules: refuse(decision.rules[0], "modify", "policy-violation", text)
    for decision, text in _TEXTS.items()
}
REFUSALS = tuple(_INSTEAD.values())


def name_upload(refusal: Decision) -> Decision:
    """Return a refusal with a text that names the file upload, if it is about files; another as it is."""
    return _INSTEAD.get(refusal.rules, refusal)
