"""Verifies a log: every record against the Merkle tree, the tree against every signed checkpoint.

As one file it is complete: it needs Python 3.11 and the package `cryptography`, shares no code with the writer of the
log, and may be given out together with the log:

    python verify.py LOG.db --key LOG.pub [--checkpoint NOTE] [--witness VKEY] [--approver VKEY] [--blobs FOLDER]
    python verify.py --from-url https://logs.example/gate --key LOG.pub
    python verify.py export FOLDER --key LOG.pub [--key AUDIT.pub] [--opened FILE]

It follows docs/archive-format.md, and by that RFC 6962 (2.1), C2SP signed-note, tlog-checkpoint, tlog-tiles and
tlog-cosignature. It opens nothing that is sealed. With `--blobs`, it also verifies files that people sent, as they are
stored (docs/blobs.md, section 8). No log can show by itself that the whole log was set back to an earlier state; a
checkpoint that was kept elsewhere (`--checkpoint`) shows this.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from components.verifier.export import ExportReport, render_export
from components.verifier.log import verify_log
from components.verifier.report import Report, UsageError, render_report
from components.verifier.sites import verify_any_export
from components.verifier.tiles import verify_tiles

_Report = TypeVar("_Report", Report, ExportReport)


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; return 0 if all is right, 1 if something is wrong, 2 if the call is wrong."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments[:1] == ["export"]:
        return run_export(arguments[1:])
    options = make_parser().parse_args(arguments)
    place = options.from_url or options.from_dir
    if (options.log is None) == (place is None):
        print("verify.py: name one of LOG, --from-url and --from-dir", file=sys.stderr)
        return 2
    return _tell(lambda: _verify(options, place), render_report, as_json=options.json)


def _verify(options: argparse.Namespace, place: str | Path | None) -> Report:
    progress = show_progress if sys.stderr.isatty() else None
    keys = "\n".join(path.read_text("utf-8") for path in options.key)
    known = [note for path in options.checkpoint for note in read_notes(path)]
    witnesses = [read_vkeys(each) for each in options.witness]
    approvers = [read_vkeys(each) for each in options.approver]
    if place is not None:
        return verify_tiles(place, keys, progress, known, witnesses)
    return verify_log(options.log, keys, progress, known, witnesses, approvers, blobs=options.blobs)


def _tell(verify: Callable[[], _Report], render: Callable[[_Report], str], *, as_json: bool) -> int:
    """Verify, print the report, and return the status as `main` does."""
    try:
        report = verify()
    except (UsageError, OSError, UnicodeDecodeError) as error:
        print(f"verify.py: {error}", file=sys.stderr)
        return 2
    print(json.dumps({"ok": report.ok, **asdict(report)}, indent=2) if as_json else render(report))
    return 0 if report.ok else 1


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a Steelyard log.")
    parser.add_argument("log", type=Path, nargs="?", help="the log's database, e.g. gate.db")
    parser.add_argument("--from-url", help="verify from the tiles at this http(s) URL instead")
    parser.add_argument("--from-dir", type=Path, help="verify from the tiles in this folder instead")
    repeated = (
        ("--key", Path, "file with the log's verifier key (.pub), the first that it had"),
        ("--checkpoint", Path, "a checkpoint kept elsewhere, or a folder of them"),
        ("--witness", str, "verifier key of a witness, or a file with it"),
        ("--approver", str, "verifier key of an approver of orders, or a file with it"),
    )
    for name, type_, text in repeated:
        parser.add_argument(
            name, type=type_, action="append", default=[], required=name == "--key", help=text
        )
    parser.add_argument("--blobs", type=Path, help="a folder with the files that records of LOG name")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def run_export(arguments: Sequence[str]) -> int:
    """Verify an export, and return the status as `main` does."""
    parser = argparse.ArgumentParser(
        prog="verify.py export", description="Verify an export of a Steelyard log."
    )
    parser.add_argument("folder", type=Path, help="the export's folder")
    text = "file with the verifier key (.pub) of a log: of each that has records in it, and of the audit log"
    parser.add_argument("--key", type=Path, action="append", required=True, help=text)
    parser.add_argument("--opened", type=Path, help="write what the records say to this file, as JSON Lines")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)

    def verify() -> ExportReport:
        keys = [path.read_text("utf-8") for path in options.key]
        return verify_any_export(options.folder, keys, options.opened)

    return _tell(verify, render_export, as_json=options.json)


def read_vkeys(place: str) -> str:
    """Return a verifier key that was given as text, or in a file."""
    return place if re.match(r"[^\s+]+\+[0-9a-f]{8}\+\S+$", place) else Path(place).read_text("utf-8")


def read_notes(path: Path) -> list[str]:
    """Return a checkpoint, or those in a folder and the folders below.

    These are all files whose names do not begin with a dot or end in `.tsr` (a time stamp).
    """
    if not path.is_dir():
        return [path.read_text("utf-8")]
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return [file.read_text("utf-8") for file in files if file.name[0] != "." and file.suffix != ".tsr"]


def show_progress(done: int, total: int) -> None:
    """Show the progress, on a terminal."""
    print(f"\r{done:,} of {total:,} records", end="\n" if done == total else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
