"""Finds which witnesses cosigned which checkpoints (C2SP tlog-cosignature)."""

import struct
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature

from components.verifier.checkpoint import Head
from components.verifier.note import COSIGNATURE, COSIGNATURE_ML_DSA, Key, Note, parse_keys, parse_note
from components.verifier.report import Findings, Witnessed


class Witnesses:
    """The cosignatures of each witness; a witness may have several keys under its name."""

    def __init__(self, keys: Sequence[Key], findings: Findings) -> None:
        self._keys = keys
        self._findings = findings
        self._seen = {key.name: Witnessed(key.name, 0, 0, 0) for key in keys}

    def look_at(self, note: bytes, head: Head) -> None:
        """Verify the cosignatures on a checkpoint."""
        if not self._keys:
            return
        parsed = parse_note(note)
        times_s: dict[str, int] = {}
        for key in self._keys:
            try:
                time_s = verify_cosignature(parsed, head, key)
            except ValueError as error:
                self._findings.add("cosignature-wrong", None, f"{head.label}: {error}")
                continue
            if time_s is not None:
                times_s[key.name] = max(time_s, times_s.get(key.name, 0))
        for name, time_s in times_s.items():
            seen = self._seen[name]
            newest = max((seen.size, seen.time_s), (head.size, time_s))
            self._seen[name] = Witnessed(name, seen.count + 1, *newest)

    def finish(self, *, may_be_missing: bool) -> tuple[Witnessed, ...]:
        """Return what each cosigned."""
        for seen in self._seen.values():
            if not seen.count and not may_be_missing:
                detail = f"no checkpoint has a right cosignature of {seen.name}"
                self._findings.add("cosignature-missing", None, detail)
        return tuple(self._seen.values())


def parse_witnesses(vkeys: Sequence[str]) -> list[Key]:
    """Parse the keys of witnesses; raises UsageError."""
    return [key for text in vkeys for key in parse_keys(text, (COSIGNATURE, COSIGNATURE_ML_DSA))]


def verify_cosignature(note: Note, head: Head, witness: Key) -> int | None:
    """Return the Unix time at which a witness cosigned, None if it did not; raises ValueError if that is wrong."""
    time_s = None
    for name, key_id, signature in note.signatures:
        if (name, key_id) != witness[:2]:
            continue
        time_s = int.from_bytes(signature[:8], "big")
        if witness.type_ == COSIGNATURE:
            message = f"cosignature/v1\ntime {time_s}\n{note.text}".encode()
        else:
            message = (
                b"subtree/v1\n\0" + _prefixed(name) + signature[:8] + _prefixed(head.text.split("\n")[0])
            )
            message += struct.pack(">QQ", 0, head.size) + head.root
        try:
            witness.public_key.verify(signature[8:], message)
        except InvalidSignature:
            raise ValueError(f"the cosignature of {name} does not fit the checkpoint") from None
    return time_s


def _prefixed(text: str) -> bytes:
    """Encode a text behind a byte that says its length."""
    data = text.encode()
    return bytes([len(data)]) + data
