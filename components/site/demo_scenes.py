"""The scenes of a demonstration, which `steelyard up --demo` shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Heading:
    """A title for the next scenes."""

    title: str


@dataclass(frozen=True, slots=True)
class Said:
    """Something that somebody, or the line itself, said to somebody."""

    sender: str
    to: str


@dataclass(frozen=True, slots=True)
class Notice(Said):
    """The line told somebody something; `thanks` is its answer to their yes, if it asked for one."""

    body: str
    thanks: str = ""


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts that a person finds without having added anybody, by JID."""

    owner: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Online:
    """Somebody sees that these contacts are there, by JID; the names are those of the contact list."""

    owner: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Message(Said):
    """A message that was recorded as `record`, then delivered; or that was refused with this condition and text.

    `is_correction`: it corrects an earlier one.
    """

    body: str
    record: str = ""
    condition: str = ""
    text: str = ""
    is_correction: bool = False


@dataclass(frozen=True, slots=True)
class File(Said):
    """A file that was kept, then sent with a message that was recorded as `record`, and fetched.

    Or it was refused with this `text` when it was uploaded.
    """

    name: str
    media_type: str
    size_bytes: int
    record: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who can log in: passwords by JID, the server's host and port, and the file of the authority to trust."""

    passwords: Mapping[str, str]
    host: str
    port: int
    authority: Path


@dataclass(frozen=True, slots=True)
class ChatLink:
    """A link to the chat page, good until the demonstration stops; with a `fault` nobody can chat there."""

    link: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ConsoleLink:
    """A link that logs an auditor into the console once; the browser warns until it trusts `authority`."""

    link: str
    authority: Path


@dataclass(frozen=True, slots=True)
class Command:
    """The arguments of a `steelyard` command on this site; what it prints comes right after."""

    arguments: tuple[str, ...]
    site: Path


@dataclass(frozen=True, slots=True)
class End:
    """How many messages were recorded and delivered, how many of them with a file, and how many refused.

    `refused_files` were refused when they were uploaded. With a `fault` it ended early.
    """

    delivered: int = 0
    refused: int = 0
    files: int = 0
    refused_files: int = 0
    fault: str = ""


Scene = (
    Heading | Notice | Contacts | Online | Message | File | Accounts | ChatLink | ConsoleLink | Command | End
)
Show = Callable[[Scene], None]
