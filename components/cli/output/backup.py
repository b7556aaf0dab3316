"""What the commands for backups print."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.archive.backup.blobs import SavedBlobs
from components.archive.last_signed import Loss
from components.site.backup import BackedUp, Restored


def describe_backup(result: BackedUp) -> dict[str, Any]:
    """Describe a backup for JSON."""
    logs = {
        name: {
            "records": saved.outline.records,
            "signed": saved.outline.checkpoint.size,
            "files_written": saved.written_pieces,
        }
        for name, saved in result.logs.items()
    }
    return {
        "logs": logs,
        "not_made_yet": list(result.missing),
        "gone": list(result.gone),
        "site_files": result.files,
        "blobs": result.blobs and asdict(result.blobs),
        "left_in_bucket": result.left_in_bucket or None,
        "without_server": result.without_server,
    }


def print_backup(result: BackedUp, folder: Path, *, with_keys: bool) -> None:
    """Print what a backup holds now."""
    for name, saved in result.logs.items():
        print(
            f"{name}: {saved.outline.records:,} records, verified;"
            f" {saved.written_pieces:,} of {saved.outline.pieces:,} files of records are new"
        )
    for name in result.missing:
        print(f"{name}: is not there yet")
    for name in result.gone:
        print(f"{name}: is gone, and records were signed in it (docs/backup.md, section 3)")
    print(f"site: {result.files} files")
    if result.blobs is not None:
        _print_blobs(result.blobs)
    if result.left_in_bucket:
        print(f"Files in the bucket {result.left_in_bucket} are not in it: replicate the bucket,")
        print("or back them up with --with-bucket (docs/backup.md, section 7).")
    if result.without_server:
        print("What the server keeps (accounts, rooms) is not in it (docs/ejabberd.md).")
    if with_keys:
        print(
            f"{folder} holds the site's private keys: anybody who has it can sign as this site. Lock it away."
        )
    else:
        print("The private keys are not in it: keep copies of them elsewhere (docs/keys.md).")


def _print_blobs(blobs: SavedBlobs) -> None:
    for problem in blobs.problems:
        print(f"files: {problem.detail}")
    if blobs.problem_count:
        print(f"files: {blobs.problem_count:,} are damaged or missing in the site; run `steelyard verify`")
    print(
        f"files: {blobs.blobs:,}, {blobs.written:,} of them new ({blobs.written_bytes:,} bytes);"
        f" {blobs.destroyed:,} destroyed"
    )


def describe_restored(result: Restored) -> dict[str, Any]:
    """Describe what was restored for JSON."""
    return {
        "records": result.records,
        "blobs": result.blobs,
        "files": [str(path) for path in result.files.made],
        "elsewhere": list(result.files.elsewhere),
        "unopened": list(result.files.unopened),
        "losses": {
            name: {"signed": loss.signed.size, "present": loss.size}
            for name, found in result.losses.items()
            for loss in found
            if isinstance(loss, Loss)
        },
        "unproved": {
            name: [str(each) for each in found if not isinstance(each, Loss)]
            for name, found in result.losses.items()
        },
    }


def print_restored(result: Restored, *, accepted: bool) -> None:
    """Print what was put back, and what is missing."""
    for path in result.files.made:
        print(f"put back {path}")
    for name in result.files.elsewhere:
        print(f"belongs outside the site's folder, move it there: {name}")
    for name in result.files.unopened:
        print(f"not put back, because no auditor's key here opens it: {name}")
    for name, records in result.records.items():
        print(f"{name}: {records:,} records, verified")
    if result.blobs:
        print(f"files: {result.blobs:,} put back")
    for name, found in result.losses.items():
        for each in found:
            print(f"{name}: {each}")
    if result.losses and accepted:
        print("Accepted. The log records this when it is next written to.")
    elif result.losses:
        print("If there is no newer backup, accept it: steelyard restore --accept-loss")
