"""What is known of a file when it is decided upon: what its sender says of it, and what its content shows."""

from dataclasses import dataclass
from enum import StrEnum

from policy.files.slot import Purpose


class FileMark(StrEnum):
    """Something that a look into a file found."""

    EXECUTABLE = "executable"
    """A program, a library, a script, an installer, or a shortcut that starts one."""
    DISGUISED = "disguised"
    """Its content is of another kind than its name or its media type says."""
    POLYGLOT = "polyglot"
    """It is a valid file of two kinds at once."""
    TRAILING_BYTES = "trailing-bytes"
    """Bytes follow behind the end of its format."""
    ENCRYPTED = "encrypted"
    """It, or a member of it, opens only with a password."""
    MACROS = "macros"
    """It holds macros, scripts or actions that run when it is opened."""
    ARCHIVE = "archive"
    """It holds other files."""
    BOMB = "bomb"
    """It unpacks to far more than it should: bytes, members, depth, or pixels."""
    UNSCANNABLE = "unscannable"
    """It could not be looked into: damaged, beyond a limit, of a kind that is not known, or the look took too long."""
    MALWARE = "malware"
    """The virus scanner knows it."""
    UNSCANNED = "unscanned"
    """The virus scanner was configured, and could not be asked."""
    DENIED_HASH = "denied-hash"
    """Its SHA-256 is on the list of those that are not sent."""
    LOCATION = "location"
    """A picture that says where it was taken."""


@dataclass(frozen=True, slots=True)
class ContentFacts:
    """What a file's content shows. `found_type` is its media type by content; pictures have a size in pixels.

    `member_names` are those of an archive, at any depth, as far as they were read.
    """

    found_type: str
    marks: frozenset[FileMark] = frozenset()
    member_names: tuple[str, ...] = ()
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file, as policy decides upon it. `owner` is the bare address of who sends it."""

    owner: str
    name: str
    claimed_type: str
    size_bytes: int
    sha256: bytes
    purpose: Purpose
    content: ContentFacts


@dataclass(frozen=True, slots=True)
class FileExample:
    """A file that a rule must match, or not, and the desks of who sends it and of who gets it, empty for nobody's."""

    facts: FileFacts
    desk: str = ""
    to_desk: str = ""
