"""The last signed checkpoint of a log, outside the log, so that no writer continues a log that was set back.

A writer that continues an older state signs two histories under one key. The file lies beside the log's key
(`keys/log-gate.last`), and is written after each signed checkpoint.
"""

from dataclasses import dataclass
from pathlib import Path

from components.archive.durable import PUBLIC
from components.archive.errors import LogDamaged, LogUnavailable
from components.archive.keys.errors import KeyFileError
from components.archive.keys.files import write_key_file
from components.archive.log.checkpoint import Checkpoint, CheckpointError, parse_checkpoint
from components.archive.log.merkle import EMPTY_ROOT, Span
from components.archive.log.tile import TileError, hash_spans, tiles_of_spans
from components.archive.record import Alarm
from components.archive.store import LogSource


@dataclass(frozen=True, slots=True)
class Loss:
    """Signed records that are no longer in the log, which has `size` signed records now."""

    signed: Checkpoint
    size: int

    def alarm(self, at_ns: int) -> Alarm:
        """Return the alarm to record if the log goes on without them (docs/alarms.md)."""
        details = (
            ("signed_root", self.signed.root.hex()),
            ("signed_size", self.signed.size),
            ("size", self.size),
        )
        return Alarm("records-lost", details, at_ns)

    def __str__(self) -> str:
        """Say what is wrong."""
        if self.size < self.signed.size:
            return f"it is an older state: {self.signed.size} records were signed, and it has {self.size} of them"
        if not self.signed.size:
            return "it is gone"
        return f"it is another log than the {self.signed.size} records that were signed"


@dataclass(frozen=True, slots=True)
class LastSignedMissing:
    """The file `path` is gone, and the log has `size` signed records: nobody knows whether these are all."""

    path: Path
    size: int

    def alarm(self, at_ns: int) -> Alarm:
        """Return the alarm to record if the log goes on anyway (docs/alarms.md)."""
        return Alarm("last-signed-missing", (("size", self.size),), at_ns)

    def __str__(self) -> str:
        """Say what is wrong."""
        return f"{self.path} is gone; it says how much of the log was signed"


@dataclass(frozen=True, slots=True)
class LastSigned:
    """The file `path` with a signed checkpoint. It is compared with the log; its signature is not verified."""

    path: Path

    @property
    def _accepted(self) -> Path:
        return self.path.with_suffix(".loss-accepted")

    def keep(self, note: str) -> None:
        """Store a checkpoint as the last one, durably; raises LogUnavailable."""
        try:
            write_key_file(self.path, note.encode(), PUBLIC)
            # Killed here: the acceptance was for another checkpoint, and no longer counts.
            self._accepted.unlink(missing_ok=True)
        except KeyFileError as error:
            raise LogUnavailable(str(error)) from error
        except OSError as error:
            raise LogUnavailable(f"{self._accepted}: cannot be removed ({error.strerror})") from error

    async def accept(self, source: LogSource | None) -> None:
        """Accept that the next writer continues a log as it is, or begins one if there is none; raises KeyFileError.

        That ends with the next signature, and holds for this checkpoint only.
        """
        write_key_file(self._accepted, await self._describe_state(source), PUBLIC)

    async def is_accepted(self, source: LogSource | None) -> bool:
        """Return whether an operator has accepted the log as it is; raises LogUnavailable."""
        try:
            return self._accepted.read_bytes() == await self._describe_state(source)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise LogUnavailable(f"{self._accepted}: cannot be read ({error.strerror})") from error

    async def find_loss(self, source: LogSource | None) -> Loss | LastSignedMissing | None:
        """Compare with the log, which is already checked, or None if there is none; returns None for no loss."""
        note = self._read()
        if not note:
            # Killed just after a log was made, its writer has not come to keep the first one.
            if source is None or await source.fetch_bounds() is None:
                return None
            return LastSignedMissing(self.path, await _signed_size(source))
        signed = self._parse(note)
        size = await _signed_size(source)
        if source is not None and size >= signed.size and await _root_at(source, signed.size) == signed.root:
            return None
        return Loss(signed, size)

    async def _describe_state(self, source: LogSource | None) -> bytes:
        row = None if source is None else await source.fetch_newest_checkpoint()
        # A log that is made anew is what was accepted, too.
        return self._read() + (row.note.encode() if row is not None and row.size else b"")

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise LogUnavailable(f"{self.path}: cannot be read ({error.strerror})") from error

    def _parse(self, note: bytes) -> Checkpoint:
        try:
            return parse_checkpoint(note.decode().partition("\n\n")[0] + "\n")
        except (CheckpointError, UnicodeDecodeError):
            raise LogDamaged(
                f"{self.path}: not a checkpoint; put it back from a backup, or compare the log with a checkpoint"
                " kept elsewhere (`steelyard verify`) and delete this file"
            ) from None


async def _signed_size(source: LogSource | None) -> int:
    row = None if source is None else await source.fetch_newest_checkpoint()
    return 0 if row is None else row.size


async def _root_at(source: LogSource, size: int) -> bytes | None:
    """Return the root over the first `size` records, from the tiles; None when those do not give one."""
    if not size:
        return EMPTY_ROOT
    spans = [Span(0, size)]
    try:
        return hash_spans(spans, await source.fetch_tiles(tiles_of_spans(spans)))[0]
    except TileError:
        return None
