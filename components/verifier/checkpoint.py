"""Checkpoints (C2SP tlog-checkpoint), signed by the log's keys one after the other."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from components.verifier.format import HASH_SIZE_BYTES
from components.verifier.note import Key, Note, decode_base64, is_signed, parse_key, parse_keys, parse_note
from components.verifier.report import Findings, UsageError


class Head(NamedTuple):
    """A checkpoint whose signature is right; `label` names it in a report.

    It is stored under the `second` of its last record's time; one that was kept elsewhere has none.
    """

    size: int
    root: bytes
    text: str
    label: str
    second: int | None = None


class KeyChain:
    """The keys of a log, from the first to the last; a log key record changes from one to the next.

    A verifier with one key can follow to the later ones, but not back. It ignores checkpoints of an earlier key that
    was not given, and counts them in `unknown`. With `any_key`, if log key records cannot be read, each of the given
    keys may have signed any checkpoint.
    """

    def __init__(self, keys: Sequence[Key], *, any_key: bool = False) -> None:
        self.origin = keys[0].name
        self.unknown = 0
        self._given = list(keys)
        self._any_key = any_key
        self._handed_over: list[tuple[int, Note, Key]] = []
        self._successions: list[tuple[int, Key]] = []
        self._first: Key | None = keys[0]

    def add(self, index: int, payload: bytes) -> None:
        """Take a log key record of the tree; raises ValueError if it is not a valid change of the key."""
        note = parse_note(payload)
        match = re.fullmatch(r"steelyard-log-key/1\n([^\n]+)\n([^\n]+)\n", note.text)
        if match is None or match[1] != self.origin:
            raise ValueError("not a log key record of this log")
        try:
            key = parse_key(match[2])
        except UsageError as error:
            raise ValueError(str(error)) from None
        if key.name != self.origin or not is_signed(note, key):
            raise ValueError("the new key is not the log's, or did not sign")
        self._handed_over.append((index, note, key))

    def settle(self, findings: Findings) -> None:
        """Put the keys in order, after all records have been taken."""
        later = {key[:3] for _, _, key in self._handed_over}
        self._first = before = next((key for key in self._given if key[:3] not in later), None)
        for index, note, key in self._handed_over:
            try:
                followed = before is None or is_signed(note, before)
            except ValueError:
                followed = False
            if not followed:
                findings.add("log-key-invalid", index, "the key before did not sign")
                continue
            self._successions.append((index, key))
            before = key

    def parse_head(self, note: bytes, label: str, second: int | None = None) -> Head | None:
        """Parse a checkpoint and verify its signature; raises ValueError. Returns None if the key is unknown."""
        parsed = parse_note(note)
        match = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n(?:[^\n]+\n)*", parsed.text)
        root = decode_base64(match[3]) if match else b""
        if match is None or len(root) != HASH_SIZE_BYTES:
            raise ValueError("not a checkpoint")
        if match[1] != self.origin:
            raise ValueError(f"a checkpoint of {match[1]!r}")
        head = Head(int(match[2]), root, parsed.text, label, second)
        known = [*self._given, *(key for _, key in self._successions)]
        signers = {key[:3] for key in known if is_signed(parsed, key)}
        key = self._key_at(head.size)
        if key is None and not self._any_key:
            self.unknown += 1
            return None
        if not signers or (key is not None and key[:3] not in signers and not self._any_key):
            raise ValueError("not signed by the log's key")
        return head

    def _key_at(self, size: int) -> Key | None:
        covered = [key for index, key in self._successions if index < size]
        return covered[-1] if covered else self._first


def parse_log_keys(vkeys: str) -> list[Key]:
    """Parse the log's keys, one a line, all of one name; raises UsageError."""
    keys = parse_keys(vkeys)
    if len({key.name for key in keys}) > 1:
        raise UsageError("the verifier keys are of more than one log")
    return keys
