"""The last signed checkpoint of a log, kept apart from it: so a log that was set back is not written to.

Whoever restores an older state and goes on from there signs two stories under one key. The file lies beside the log's
key (`keys/log-gate.last`), and is written after each signed checkpoint.
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
    """What was signed and is not in the log any more, which then has `size` signed records."""

    signed: Checkpoint
    size: int

    def alarm(self, at_ns: int) -> Alarm:
        """Return the alarm to record when the log goes on without it (docs/alarms.md)."""
        details = (
            ("signed_root", self.signed.root.hex()),
            ("signed_size", self.signed.size),
            ("size", self.size),
        )
        return Alarm("records-lost", details, at_ns)


@dataclass(frozen=True, slots=True)
class LastSigned:
    """The file `path`: a checkpoint as it was signed. Its signature is not verified, only compared with the log."""

    path: Path

    @property
    def _accepted(self) -> Path:
        return self.path.with_suffix(".loss-accepted")

    def keep(self, note: str) -> None:
        """Keep a checkpoint as the last one, durably; raises LogUnavailable."""
        try:
            write_key_file(self.path, note.encode(), PUBLIC)
            # Killed here: what was accepted is another checkpoint's loss, and counts no more.
            self._accepted.unlink(missing_ok=True)
        except KeyFileError as error:
            raise LogUnavailable(str(error)) from error
        except OSError as error:
            raise LogUnavailable(f"{self._accepted}: cannot be removed ({error.strerror})") from error

    def accept_loss(self) -> None:
        """Let the next writer go on with a log that lacks what was signed; raises KeyFileError."""
        write_key_file(self._accepted, self._read(), PUBLIC)

    async def find_loss(self, source: LogSource | None) -> Loss | None:
        """Compare with the log, which is already checked, or None if there is none; returns None for no loss."""
        note = self._read()
        if not note:
            return None
        signed = self._parse(note)
        row = None if source is None else await source.fetch_newest_checkpoint()
        size = 0 if row is None else row.size
        if source is not None and size >= signed.size and await _root_at(source, signed.size) == signed.root:
            return None
        return None if source is None and not signed.size else Loss(signed, size)

    async def require_no_loss(self, source: LogSource | None) -> Loss | None:
        """Do as `find_loss`, but raise LogDamaged, which says what to do, unless the loss was accepted."""
        loss = await self.find_loss(source)
        if loss is None or self._is_accepted():
            return loss
        if loss.size < loss.signed.size:
            what = f"it is an older state: {loss.signed.size} records were signed, and it has {loss.size} of them"
        else:
            what = f"it is another log than the {loss.signed.size} records that were signed"
        raise LogDamaged(
            f"{loss.signed.origin}: {what} ({self.path}). Restore the newest state (`steelyard restore`); if there"
            " is none, `steelyard restore --accept-loss` lets it go on, and records the loss"
        )

    def _is_accepted(self) -> bool:
        try:
            return self._accepted.read_bytes() == self._read()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise LogUnavailable(f"{self._accepted}: cannot be read ({error.strerror})") from error

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


async def _root_at(source: LogSource, size: int) -> bytes | None:
    """Return the root over the first `size` records, from the tiles; None when those do not give one."""
    if not size:
        return EMPTY_ROOT
    spans = [Span(0, size)]
    try:
        return hash_spans(spans, await source.fetch_tiles(tiles_of_spans(spans)))[0]
    except TileError:
        return None
