"""Reads the list of files that are not sent, and follows it while it changes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from components.rules.fingerprint import fingerprint_file
from components.rules.load import RulesError
from policy.files.denied import DeniedHashes, DeniedHashesError, parse_denied_hashes

_INTERVAL_S = 0.2

log = structlog.get_logger("denied hashes")


def load_denied_hashes(file: Path) -> DeniedHashes:
    """Read a list of SHA-256; raises RulesError with all mistakes in it."""
    try:
        return parse_denied_hashes(file.read_text(encoding="utf-8"))
    except DeniedHashesError as error:
        raise RulesError(tuple(f"{file.name}: {problem}" for problem in error.problems)) from None
    except UnicodeDecodeError as error:
        raise RulesError((f"{file.name} is no UTF-8 text: byte {error.start} is wrong",)) from None
    except OSError as error:
        raise RulesError((f"{file}: cannot be read: {error.strerror}",)) from None


class DeniedHashesFollower:
    """Keeps the list in force in `denied`, and what is wrong with the file in `problems`.

    Raises RulesError if the file is wrong at the start. Later, the list stays as it is until the file is right again.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        # Taken before the file is read, so the next round sees what changes meanwhile.
        self._seen = fingerprint_file(file)
        self.denied = load_denied_hashes(file)
        self.problems: tuple[str, ...] = ()

    async def follow(self) -> AsyncIterator[tuple[str, ...]]:
        """Follow until cancelled; yield the problems each time that the file was read."""
        while True:
            await asyncio.sleep(_INTERVAL_S)
            seen = await asyncio.to_thread(fingerprint_file, self._file)
            if seen == self._seen:
                continue
            self._seen = seen
            try:
                self.denied = await asyncio.to_thread(load_denied_hashes, self._file)
                self.problems = ()
            except RulesError as error:
                self.problems = error.problems
            yield self.problems

    async def run(self) -> None:
        """Follow until cancelled, and log each change."""
        async for problems in self.follow():
            if problems:
                log.error("denied hashes not taken", problems=problems, in_force=len(self.denied.hashes))
            else:
                log.info("denied hashes taken", count=len(self.denied.hashes), digest=_digest(self.denied))


def _digest(denied: DeniedHashes) -> str:
    """Return a name of a list: the beginning of the SHA-256 of its sorted hashes."""
    return hashlib.sha256(b"".join(sorted(denied.hashes))).hexdigest()[:16]
