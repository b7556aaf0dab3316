"""What became of a scan."""

from dataclasses import dataclass
from enum import StrEnum

from policy.files.facts import FileMark


class Unscanned(StrEnum):
    """Why a file was not scanned."""

    TOO_LARGE = "too-large"
    """It is larger than `max_scan_mib`, or than what a remote clamd takes."""
    LIMITS = "limits"
    """clamd found that it, or what it unpacks to, is beyond its own limits."""
    ENCRYPTED = "encrypted"
    """clamd could not open it."""
    ERROR = "error"
    """clamd, or the file itself, could not be read."""
    SLOW = "slow"
    """clamd is there, and did not get to an end in time."""
    DOWN = "down"
    """clamd does not answer."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What became of a scan: a mark, unless the file is clean; of malware the `signature` that knows it."""

    mark: FileMark | None = None
    signature: str = ""
    why: Unscanned | None = None


NOTHING_FOUND = Scanned()
"""Of a clean file, or where nobody scans."""
