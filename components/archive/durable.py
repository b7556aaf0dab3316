"""Writes small files so that a crash leaves the old or the new content, never half of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PUBLIC = 0o644
PRIVATE = 0o600
PRIVATE_FOLDER = 0o700


GROUP_READS = 0o640
GROUP_ENTERS = 0o750


def may_group_read(folder: Path) -> bool:
    """Return whether a folder is open to its group and shut to others; raises OSError.

    Somebody chose that, for processes that are users of their own (docs/install.md): what is sealed in it is then made
    so that the group reads it, too. In other folders it is its owner's.
    """
    return folder.stat().st_mode & 0o057 == 0o050


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """Name the file in an error of the system that names none: which disk is full is what somebody has to know."""
    try:
        yield
    except OSError as err:
        err.filename = err.filename or str(path)
        raise


def replace_durably(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Write or replace a file; raises OSError, and then the whole old file or the whole new file is there."""
    write_whole(path, content, mode)
    # Killed here: after a power failure it may be either; after a kill alone it is the new one.
    sync_folder(path.parent)


def write_whole(path: Path, content: bytes, mode: int = PUBLIC) -> None:
    """Write a file as `replace_durably` does, and leave it to the caller to sync its folder; raises OSError."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    # Made with its mode, so that other users can never read a secret.
    with (
        errors_named(draft),
        os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file,
    ):
        file.write(content)
        file.flush()
        # Killed before the next line: a draft is left, which nobody reads and the next write replaces.
        os.fsync(file.fileno())
    draft.replace(path)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder, and those above it, durably; do nothing if it exists. Raises OSError."""
    if path.is_dir():
        return
    make_folder(path.parent, mode)
    path.mkdir(mode=mode, exist_ok=True)
    sync_folder(path.parent)


def make_folder_alike(path: Path) -> None:
    """Make a folder, and those above it, as `make_folder` does: its owner's, and its group's where the one above is."""
    if path.is_dir():
        return
    make_folder_alike(path.parent)
    path.mkdir(mode=GROUP_ENTERS if may_group_read(path.parent) else PRIVATE_FOLDER, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that its list of files is durable; raises OSError."""
    sync_path(folder)


def sync_path(path: Path) -> None:
    """Sync a file that is closed, or a folder; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
