"""What clamd says of a file, read strictly (clamd(8), COMMANDS). Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

REPLY_MAX_BYTES = 4096
"""No reply is longer."""
PONG = b"PONG\0"

_LIMITS = "Heuristics.Limits."
_ENCRYPTED = "Heuristics.Encrypted."
_STREAM_TOO_LONG = "INSTREAM size limit exceeded."
# Names of signatures hold no blanks. With ExtendedDetectionInfo, a hash and a size follow in brackets.
_REPLY = re.compile(
    r"(?:fd\[\d{1,9}\]|stream): "
    r"(?:(?P<clean>OK)|(?P<name>[\x21-\x7e]{1,512}) FOUND|(?P<error>[\x20-\x7e]{1,1024}) ERROR)"
)


class GarbledReply(ValueError):  # noqa: N818 - what came
    """What answered does not speak as clamd does."""


class Found(StrEnum):
    """What clamd's answer says of a file."""

    CLEAN = "clean"
    MALWARE = "malware"
    LIMITS = "limits"
    """The file, or what it unpacks to, is beyond a limit of clamd's: it was not looked at as a whole."""
    ENCRYPTED = "encrypted"
    """It could not be opened."""
    ERROR = "error"
    """clamd could not look at it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """clamd's answer for a file; `text` is the signature's name, or the reason of an error."""

    found: Found
    text: str = ""


def parse_reply(reply: bytes) -> Reply:
    """Parse the whole answer to FILDES or INSTREAM, with the NUL that ends it; raises GarbledReply.

    What only says that clamd did not look (`Heuristics.Limits.`, `Heuristics.Encrypted.`) is no virus.
    """
    if not reply.endswith(b"\0") or reply.count(b"\0") != 1 or not reply.isascii():
        raise GarbledReply(f"an answer of {len(reply)} bytes that is not one line")
    text = reply[:-1].decode("ascii")
    if text == f"{_STREAM_TOO_LONG} ERROR":
        return Reply(Found.LIMITS, _STREAM_TOO_LONG)
    match = _REPLY.fullmatch(text)
    if match is None:
        raise GarbledReply("an answer that is none of clamd's")
    if match["clean"]:
        return Reply(Found.CLEAN)
    if match["error"]:
        return Reply(Found.ERROR, match["error"])
    return Reply(_kind_of(match["name"]), match["name"])


def _kind_of(name: str) -> Found:
    if name.startswith(_LIMITS):
        return Found.LIMITS
    return Found.ENCRYPTED if name.startswith(_ENCRYPTED) else Found.MALWARE
