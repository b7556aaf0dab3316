"""What there is to see of a demonstration, scene by scene; `steelyard up --demo` shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Heading:
    """What follows."""

    title: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The line told somebody something: `sender` wrote `body` to `to`."""

    sender: str
    to: str
    body: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Somebody answered yes to the notice of the recording, and the line thanked with `thanks`."""

    jid: str
    thanks: str


@dataclass(frozen=True, slots=True)
class Contacts:
    """Whom somebody finds in their contact list without having added anybody, by JID."""

    owner: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """A message was recorded as `record`, then delivered; `is_correction`: it corrects an earlier one."""

    sender: str
    to: str
    body: str
    record: str
    is_correction: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A message was refused with a stanza error's condition and text."""

    sender: str
    to: str
    body: str
    condition: str
    text: str


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who can log in: passwords by JID, the server's host and port, and the file of the authority to trust."""

    passwords: Mapping[str, str]
    host: str
    port: int
    authority: Path


@dataclass(frozen=True, slots=True)
class Command:
    """The arguments of a `steelyard` command on this site; what it prints comes right after."""

    arguments: tuple[str, ...]
    site: Path


@dataclass(frozen=True, slots=True)
class Failed:
    """The demonstration ended early: the line did something other than what it promises."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """All went as it should: so many messages were recorded, then delivered, and so many refused."""

    delivered: int
    refused: int


Scene = Heading | Notice | Acknowledged | Contacts | Said | Refused | Accounts | Command | Failed | Finished
Show = Callable[[Scene], None]
