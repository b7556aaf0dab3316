"""Checks a site's logs as far as their writers do when they start; `steelyard verify` checks all of them."""

import time
from pathlib import Path

from components.archive.errors import LogDamaged, LogError, LogMissing
from components.archive.head import load_head
from components.archive.keys import KeyFileError, load_log_key, load_verifier_key
from components.archive.keys.private import is_kept
from components.archive.keys.reference import last_signed_file, next_key
from components.archive.last_signed import LastSigned
from components.archive.log.checkpoint import CheckpointError, verify_checkpoint
from components.archive.log.note import NoteError, Signer
from components.archive.opening import Departure, find_departures
from components.archive.reader import LogReader
from components.archive.store import LogSource
from components.archive.store.open import find_standby_problem, store_label
from components.archive.tail import TailKey
from components.process.errors import SiteError
from components.settings.log import LogSettings

CLOCK_SLACK_S = 5.0


async def check_log(log: LogSettings, *, is_copy: bool = False) -> str:
    """Return what there is of a log; raises SiteError with what its writer would refuse, and what to do.

    Nothing was signed here in a copy: the follower compares each checkpoint with the one before.
    """
    path = store_label(log.store)
    try:
        signer = None if is_copy else _load_signer(log)
        last = None if is_copy else LastSigned(last_signed_file(log.key_file))
        try:
            reader = await LogReader.open(log.store)
        except LogMissing:
            _require_none(f"{path} is gone", await find_departures(None, last, None))
            return f"{path} is not there yet"
        try:
            _require_none(path, await find_departures(reader.source, last, None))
            size = await _check_newest(path, log, reader)
            if signer is not None:
                _require_none(path, await _read_as_writer(reader.source, signer))
            if problem := await find_standby_problem(log.store):
                raise SiteError(f"{path}: {problem}")
            return f"{path}: {size:,} records under a good checkpoint"
        finally:
            await reader.close()
    except (LogError, KeyFileError, NoteError, CheckpointError) as err:
        raise SiteError(f"{path}: {err}; `steelyard verify` tells more") from None


async def _read_as_writer(source: LogSource, signer: Signer) -> list[Departure]:
    """Read the newest state as a writer does that starts; return what it would have to be told to accept.

    Raises LogDamaged. If a writer signs meanwhile, what was read is of two states, and says nothing: the writer knows.
    """
    signed = await source.fetch_newest_checkpoint()
    found: list[Departure] = []
    try:
        await load_head(source, signer.verifier_key)
        found = await find_departures(source, None, TailKey.of(signer))
    except LogDamaged:
        if await source.fetch_newest_checkpoint() == signed:
            raise
    return found if await source.fetch_newest_checkpoint() == signed else []


def _load_signer(log: LogSettings) -> Signer | None:
    """Return what signs for a log, if that is in a file here; raises KeyFileError if readers know it by another key."""
    # A token, or age, may open to the log's process alone. Of a rotation that waits, the next start knows which it is.
    if not isinstance(log.key_file, Path) or not log.key_file.exists() or is_kept(next_key(log.key_file)):
        return None
    signer = load_log_key(log.key_file)
    if signer.verifier_key != load_verifier_key(log.verifier_key_file):
        raise KeyFileError(
            f"{log.key_file}: is another key than {log.verifier_key_file.name}; put both back from one backup"
        )
    return signer


def _require_none(path: str, found: list[Departure]) -> None:
    if found:
        raise SiteError(f"{path}: {found[0]}; docs/backup.md, section 3, says what to do")


async def _check_newest(path: str, log: LogSettings, reader: LogReader) -> int:
    key = load_verifier_key(log.verifier_key_file)
    size = verify_checkpoint((await reader.checkpoint()).decode(), key).size
    newest = await reader.fetch(size - 1, 1) if size else []
    if size and not (newest and newest[0].is_intact()):
        raise SiteError(f"{path}: its newest record is not what was recorded; run `steelyard verify`")
    if newest and (ahead_s := newest[0].leaf.time_ns / 1e9 - time.time()) > CLOCK_SLACK_S:
        raise SiteError(
            f"{path}: the newest record is {ahead_s:.0f} s in the future; set this machine's clock"
        )
    return size
