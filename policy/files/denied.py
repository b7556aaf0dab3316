"""The list of files that are not sent: their SHA-256, as `sha256sum` writes them (docs/files.md)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policy.files.facts import FileMark
from policy.problems import ProblemsError

# With a name behind it, as sha256sum writes it: ` ` or `*` before the name, `\` before the line if the name is escaped.
_PLAIN = re.compile(r"\\?(?P<hash>[0-9A-Fa-f]+)(?:\s+(?:#.*|\*?\S.*))?")
_TAGGED = re.compile(r"\\?SHA256 \(.*\) = (?P<hash>[0-9A-Fa-f]+)")  # `sha256sum --tag`, and BSD's
_OTHER_TAGGED = re.compile(r"\\?[A-Z0-9-]+ \(.*\) = [0-9A-Fa-f]+")
_DIGITS = 64
_OTHER_HASHES = {32: "an MD5", 40: "a SHA-1", 56: "a SHA-224", 96: "a SHA-384", 128: "a SHA-512"}
_PROBLEMS_SHOWN = 20


class DeniedHashesError(ProblemsError):
    """The list cannot be used; `problems` has a line for each fault: its line, and what to do."""


@dataclass(frozen=True, slots=True)
class DeniedHashes:
    """The SHA-256 of files that are not sent, 32 bytes each."""

    hashes: frozenset[bytes] = frozenset()

    def find(self, sha256: bytes) -> FileMark | None:
        """Return the mark of a file that is on the list, by its content's SHA-256; None for another."""
        return FileMark.DENIED_HASH if sha256 in self.hashes else None


def parse_denied_hashes(text: str) -> DeniedHashes:
    """Parse a list of one SHA-256 a line, with names behind them or not; raises DeniedHashesError.

    Empty lines and comments (from `#` on) mean nothing.
    """
    found: set[bytes] = set()
    problems: list[str] = []
    for number, line in _lines(text):
        digits = _find_hash(line)
        if digits is None:
            problems.append(f"line {number}: {_explain(line)}")
        else:
            found.add(bytes.fromhex(digits))
    if problems:
        more = len(problems) - _PROBLEMS_SHOWN
        shown = problems[:_PROBLEMS_SHOWN] + ([f"and {more} more lines"] if more > 0 else [])
        raise DeniedHashesError(tuple(shown))
    return DeniedHashes(frozenset(found))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that says something, with its number from 1."""
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if (said := line.strip()) and not said.startswith("#"):
            yield number, said


def _find_hash(line: str) -> str | None:
    match = _TAGGED.fullmatch(line) or _PLAIN.fullmatch(line)
    return match["hash"] if match and len(match["hash"]) == _DIGITS else None


def _explain(line: str) -> str:
    if _OTHER_TAGGED.fullmatch(line) and not _TAGGED.fullmatch(line):
        return "is of another kind of hash; write the SHA-256 (sha256sum)"
    match = _TAGGED.fullmatch(line) or _PLAIN.fullmatch(line)
    if match is None:
        return "does not begin with a SHA-256; write one a line, as sha256sum does, and `#` before a comment"
    digits = len(match["hash"])
    if kind := _OTHER_HASHES.get(digits):
        return f"is {kind}; write the SHA-256 (sha256sum)"
    return f"has {digits} hexadecimal digits; a SHA-256 has {_DIGITS}"
