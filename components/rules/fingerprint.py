"""Cheap fingerprints of files: what has another one is read again."""

from pathlib import Path


def fingerprint_file(file: Path) -> tuple[int, ...]:
    """Return a fingerprint of a file's state on the disk; it is empty if there is none."""
    try:
        stat = file.stat()
    except OSError:
        return ()
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
