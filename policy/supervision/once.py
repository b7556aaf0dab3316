"""Signed acts count once, and only if they are recorded soon after they were signed."""

from dataclasses import dataclass, field

CLOCK_SLACK_S = 900
"""How far the time of an act may be from that of its record: enough time to sign it elsewhere."""

REPEATED = "this act is recorded already"

_NS_PER_S = 1_000_000_000


@dataclass(slots=True)
class Once:
    """The acts of a log so far, by their digests, also those that were not allowed: repeated later, they might be."""

    _seen: set[str] = field(default_factory=set)

    def find_problem(self, digest: str, signed_at_s: int, recorded_at_ns: int) -> str:
        """Return why an act that was signed and recorded at these times (Unix) does not count, or nothing."""
        if digest in self._seen:
            return REPEATED
        if abs(signed_at_s - recorded_at_ns // _NS_PER_S) > CLOCK_SLACK_S:
            return "it was signed at another time than it was recorded"
        return ""

    def add(self, digest: str) -> None:
        """Take an act as recorded."""
        self._seen.add(digest)
