"""Who can open the segments of a log (docs/archive-format.md, section 5): whose keys their envelopes name."""

import re
from collections.abc import Sequence
from hashlib import sha256

from components.verifier.format import read_json
from components.verifier.note import decode_base64
from components.verifier.report import Findings, SealedTo, UsageError

KEY_LINE = re.compile(r"RECIPIENT\+[^\s+]+\+([0-9a-f]{16})\+(\S+)")


def parse_recipients(texts: Sequence[str]) -> frozenset[str]:
    """Return the ids of recipients' public keys, a line for each; raises UsageError."""
    ids = set()
    for line in "\n".join(texts).split():
        found = KEY_LINE.fullmatch(line)
        if found is None or found[1] != _id_of(found[2]):
            raise UsageError(f"not a recipient's public key: {line[:40]}")
        ids.add(found[1])
    return frozenset(ids)


def _id_of(key: str) -> str:
    try:
        return sha256(b"steelyard-recipient/1\n" + decode_base64(key)).hexdigest()[:16]
    except ValueError:
        return ""


class Recipients:
    """Counts the segments that are sealed to each key. If some are known, each further one is a problem, once."""

    def __init__(self, known: frozenset[str], findings: Findings) -> None:
        self._known = known
        self._findings = findings
        self._found: dict[str, SealedTo] = {}

    def look_at(self, segment: int, index: int, envelopes: bytes) -> None:
        """Take the envelopes of a segment, which are those that the log names."""
        try:
            named = [(str(each["key_id"]), str(each["name"])) for each in read_json(envelopes)]
        except (ValueError, KeyError, TypeError):
            named = []
        if not named:
            detail = f"to whom segment {segment} is sealed cannot be read"
            self._findings.add("recipient-unknown", index, detail)
            return
        for key_id, name in named:
            before = self._found.get(key_id)
            if before is None and self._known and key_id not in self._known:
                told = f"is sealed to {name!r} (key {key_id}), too, who was not named"
                self._findings.add("recipient-unknown", index, f"segment {segment} {told}")
            first, count = (before.first, before.segments) if before else (segment, 0)
            self._found[key_id] = SealedTo(name, key_id, count + 1, first, segment)

    def found(self) -> tuple[SealedTo, ...]:
        """Return all of them, in the order of their first segments."""
        return tuple(self._found.values())
