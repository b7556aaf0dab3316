"""Backs a site up and restores it: its logs, its settings, and on request its keys (docs/backup.md)."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.archive.backup.back_up import Saved, back_up_log
from components.archive.backup.blobs import SavedBlobs, check_blobs, sweep_blobs
from components.archive.backup.copy import UNFINISHED, copy_log
from components.archive.backup.folder import BackupFolder, open_backup
from components.archive.backup.saved_log import SavedLog, check_saved, saved_names
from components.archive.blobs.errors import BlobError
from components.archive.errors import LogError, LogMissing
from components.archive.keys import KeyFileError, load_log_key, load_verifier_key
from components.archive.keys.private import is_kept
from components.archive.keys.reference import last_signed_file
from components.archive.last_signed import LastSigned
from components.archive.opening import Departure, find_departures
from components.archive.store import LogStore
from components.archive.store.open import log_file, open_source, open_store, store_label
from components.archive.tail import TailKey
from components.process.errors import SiteError
from components.process.progress import Bars, Progress
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from components.site.backup_blobs import back_up_files_kept, find_left_bucket, restore_files_kept
from components.site.backup_files import PutBack, keeps_server, put_back_files, save_files
from components.site.lock import hold_site
from components.site.validate import read_site

# More are not needed, but where the clock was set back: then each blob seems to be destroyed just now.
_MOST_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds now: logs by name, and the number of the site's files; `missing` logs do not exist yet.

    In logs that are `gone`, something was signed: they are not there, and nobody can back them up any more. It is
    `without_server` where what the server keeps (accounts, rooms) is not in it.

    `blobs` is None if the site keeps no files, or they are `left_in_bucket`.
    """

    logs: dict[str, Saved]
    missing: tuple[str, ...]
    files: int
    blobs: SavedBlobs | None = None
    left_in_bucket: str = ""
    gone: tuple[str, ...] = ()
    without_server: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore put back: records by log, the site's files, and how many blobs.

    `losses` are of logs that lack records signed after the backup, or have records that their writer did not leave.
    """

    records: dict[str, int]
    files: PutBack
    losses: dict[str, Sequence[Departure]]
    blobs: int = 0


@dataclass(frozen=True, slots=True)
class BackupChoice:
    """What a backup also has: private keys, the files of a bucket; `thorough`: all of it is read again afterwards."""

    with_keys: bool = False
    with_bucket: bool = False
    thorough: bool = False


def back_up_site(site_toml: Path, path: Path, choice: BackupChoice, bars: Bars) -> BackedUp:
    """Bring the backup in `path` up to date, while the site runs.

    If interrupted, it leaves the earlier backup. Raises SettingsError, SiteError, OSError.
    """
    settings = read_site(site_toml)
    with _errors_as_site_errors(), open_backup(path, make=True) as folder:
        logs, blobs = _back_up_logs_and_blobs(settings, folder, choice, bars)
        if lost := set(saved_names(folder)) - set(logs):
            raise SiteError(
                f"{path} holds a log that is not there any more ({', '.join(sorted(lost))}); restore it,"
                " or make the next backup in a new folder"
            )
        outlines = {name: saved.outline for name, saved in logs.items()}
        files = save_files(folder, settings, outlines, with_keys=choice.with_keys)
        folder.complete()
        # Killed here: data of destroyed blobs are there without their keys; the next run deletes them.
        sweep_blobs(folder)
        if choice.thorough:
            _check_all(folder, bars)
    absent = [log for log in settings.logs if log.name not in logs]
    missing = tuple(log.name for log in absent if not log.is_begun)
    gone = tuple(log.name for log in absent if log.is_begun)
    bucket = find_left_bucket(settings, with_bucket=choice.with_bucket)
    return BackedUp(logs, missing, files, blobs, bucket, gone, not keeps_server(settings))


def _back_up_logs_and_blobs(
    settings: SiteFile, folder: BackupFolder, choice: BackupChoice, bars: Bars
) -> tuple[dict[str, Saved], SavedBlobs | None]:
    """Back up the logs, and the blobs after them: whatever a record refers to is there.

    If a blob was destroyed meanwhile, the logs follow once more: no record is there whose blob is destroyed.
    """
    for _ in range(_MOST_ROUNDS):
        begun_ns = time.time_ns()
        logs: dict[str, Saved] = {}
        for log in settings.logs:
            with bars(f"Backing up {log.name}", "records") as progress:
                saved = asyncio.run(_back_up(log, folder, progress))
            if saved is not None:
                logs[log.name] = saved
        blobs = back_up_files_kept(settings, folder, bars, with_bucket=choice.with_bucket)
        if blobs is None or blobs.newest_destroyed_ns < begun_ns:
            break
    return logs, blobs


async def _back_up(log: LogSettings, folder: BackupFolder, progress: Progress) -> Saved | None:
    try:
        source = await open_source(log.store)
    except LogMissing:
        return None
    try:
        key = load_verifier_key(log.verifier_key_file)
        return await back_up_log(source, folder, log.name, key, progress)
    finally:
        await source.close()


def _check_all(folder: BackupFolder, bars: Bars) -> None:
    for name in folder.sums:
        folder.read(name)
    for name in saved_names(folder):
        log = SavedLog.of(folder, name)
        with bars(f"Checking {name}", "records") as progress:
            asyncio.run(check_saved(log, log.verifier_key(), progress))
    with bars("Checking files", "groups") as progress:
        check_blobs(folder, progress)


def restore_site(site_toml: Path, path: Path, *, accept_loss: bool, bars: Bars) -> Restored:
    """Put back the files and logs that the site lacks from the backup in `path`; overwrite nothing.

    If interrupted, it leaves unfinished logs, which no writer and no reader accepts, and continues them the next time.
    With `accept_loss` the logs' next writers go on without records signed after the backup. Raises SettingsError,
    SiteError, OSError.
    """
    site_toml = site_toml.resolve()
    site_toml.parent.mkdir(parents=True, exist_ok=True)
    with _errors_as_site_errors(), open_backup(path) as folder, hold_site(site_toml.parent):
        files = put_back_files(folder, site_toml)
        settings = read_site(site_toml)
        logs = {log.name: log for log in settings.logs}
        if unknown := set(saved_names(folder)) - set(logs):
            raise SiteError(
                f"the backup has the log {min(unknown)}, and {site_toml} names {' and '.join(logs)}"
            )
        records: dict[str, int] = {}
        losses: dict[str, Sequence[Departure]] = {}
        for name in saved_names(folder):
            with bars(f"Restoring {name}", "records") as progress:
                records[name] = asyncio.run(_restore(logs[name], SavedLog.of(folder, name), progress))
            if found := asyncio.run(_find_losses(logs[name], accept_loss=accept_loss)):
                losses[name] = found
        blobs = restore_files_kept(settings, folder, bars)
    return Restored(records, files, losses, blobs)


async def _restore(log: LogSettings, saved: SavedLog, progress: Progress) -> int:
    file = log_file(log.store)
    if file is not None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    public = log.verifier_key_file
    key = load_verifier_key(public) if public.exists() else saved.verifier_key()
    store = await open_store(log.store)
    try:
        await _require_no_log(store, store_label(log.store))
        await copy_log(saved, store, key, progress)
    finally:
        await store.close()
    return saved.outline.records


async def _require_no_log(store: LogStore, label: str) -> None:
    meta = await store.fetch_meta()
    if meta and meta.get("format") != UNFINISHED:
        raise SiteError(f"{label}: there is a log already, and nothing is overwritten; move it away first")


def accept_losses(site_toml: Path) -> Restored:
    """Let logs go on that lack signed records, and return what they lack. Raises what `restore_site` raises."""
    settings = read_site(site_toml)
    with _errors_as_site_errors(), hold_site(settings.folder):
        found = {log.name: asyncio.run(_find_losses(log, accept_loss=True)) for log in settings.logs}
    return Restored({}, PutBack((), (), ()), {name: losses for name, losses in found.items() if losses})


async def _find_losses(log: LogSettings, *, accept_loss: bool) -> Sequence[Departure]:
    last = LastSigned(last_signed_file(log.key_file))
    try:
        source = await open_source(log.store)
    except LogMissing:
        source = None
    try:
        found = await find_departures(source, last, _find_tail_key(log))
        if found and accept_loss:
            await last.accept(source)
    finally:
        if source is not None:
            await source.close()
    return found


def _find_tail_key(log: LogSettings) -> TailKey | None:
    """Return the key that proves a log's unsigned records, None if the log's key is not here."""
    try:
        return TailKey.of(load_log_key(log.key_file)) if is_kept(log.key_file) else None
    except KeyFileError:
        return None


@contextmanager
def _errors_as_site_errors() -> Iterator[None]:
    try:
        yield
    except (LogError, KeyFileError, BlobError) as error:
        raise SiteError(str(error)) from error
