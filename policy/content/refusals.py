"""What is told of a stanza that the archive could not read, whatever the site's own rules are (docs/policy.md, 4)."""

from policy.decision import Decision, refuse


def _unreadable(rule: str, text: str) -> Decision:
    return refuse(rule, "modify", "policy-violation", text)  # RFC 6120, 8.3.3.12


OMEMO = _unreadable(
    "encrypted-omemo",
    "This line is recorded, so OMEMO encryption is not possible. "
    "Turn off OMEMO for this conversation (in Conversations: the padlock > Unencrypted) and send again.",
)
OPENPGP = _unreadable(
    "encrypted-openpgp",
    "This line is recorded, so OpenPGP (OX) encryption is not possible. "
    "Turn off OpenPGP for this conversation and send again.",
)
PGP = _unreadable(
    "encrypted-pgp",
    "This line is recorded, so PGP encryption is not possible. Turn off PGP for this contact and send again.",
)
SMIME = _unreadable(
    "encrypted-smime",
    "This line is recorded, so S/MIME encryption is not possible. "
    "Turn off S/MIME for this conversation and send again.",
)
SESSION = _unreadable(
    "encrypted-session",
    "This line is recorded, so encrypted sessions are not possible. "
    "End the encrypted session with this contact and send again.",
)
FILE = _unreadable(
    "encrypted-file",
    "This line is recorded, so encrypted files are not possible. "
    "Turn off encryption for this conversation and send the file again.",
)
ENVELOPE = _unreadable(
    "encrypted-envelope",
    "This line is recorded, so encrypted content is not possible. "
    "Turn off encryption for this conversation and send again.",
)
SIGNED = _unreadable(
    "signed-envelope",
    "This line is recorded as readable text, so a message wrapped into its signature is not possible. "
    "Turn off message signing and send again.",
)
OTR = _unreadable(
    "encrypted-otr",
    "This line is recorded, so OTR encryption is not possible. "
    "End the private conversation, turn off OTR in your client's settings and send again.",
)
ARMOUR = _unreadable(
    "encrypted-armour",
    "This line is recorded, so encrypted text (PGP, age, S/MIME) is not possible. "
    "Send the text itself, without encrypting it first.",
)
LINK = _unreadable(
    "encrypted-link",
    "This line is recorded, so links to encrypted files (aesgcm) are not possible. "
    "Turn off encryption for this conversation and send the file again.",
)
MARKER = _unreadable(
    "encrypted-marker",
    "Your client marks this message as encrypted, which is not possible on a recorded line. "
    "Turn off encryption for this conversation and send again.",
)
MIXED = refuse(
    "mixed-text",
    "modify",
    "policy-violation",
    "Your client put markup into the plain text of this message, so that others would not all read the same. "
    "Send it as plain text.",
)
PIECES = _unreadable(
    "text-in-pieces",
    "Your client sends what you write letter by letter, which cannot be read on a recorded line. "
    "Turn off real-time text in your client's settings and send the message as a whole.",
)
DIRECT_FILE = _unreadable(
    "direct-file",
    "Files cannot be sent this way on a recorded line, from client to client. "
    "Turn off direct file transfer in your client's settings and send the file again.",
)
DIRECT_CALL = _unreadable(
    "direct-call",
    "This line is recorded, so calls and screen sharing, which go from client to client, are not possible. "
    "Write a message instead.",
)
DIRECT_SESSION = _unreadable(
    "direct-session",
    "This line is recorded, so direct connections between clients are not possible. Write a message instead.",
)
FORGED = _unreadable(
    "forged-origin",
    "Your client sends this as servers and rooms do: as a copy, a notice or an invitation that comes from somebody "
    "else. Write a message of your own instead.",
)
REFUSALS = (
    OMEMO,
    OPENPGP,
    PGP,
    SMIME,
    SESSION,
    FILE,
    ENVELOPE,
    SIGNED,
    OTR,
    ARMOUR,
    LINK,
    MARKER,
    DIRECT_FILE,
    DIRECT_CALL,
    DIRECT_SESSION,
    PIECES,
    MIXED,
    FORGED,
)
