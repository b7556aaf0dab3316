"""Checks what the transfer component asks about files: the virus scanner, and the list of those that are not sent."""

import asyncio
from collections.abc import Iterator

from components.process.status import read_status
from components.rules.denied_hashes import load_denied_hashes
from components.rules.load import RulesError
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.transfer.scan.probe import find_scanner_problems

_OUTCOMES = {"release": "let through", "hold": "held", "refuse": "refused"}


def find_file_problems(site: SiteFile) -> list[str]:
    """Return what is wrong, a line for each fault; nothing for a site that takes no files."""
    transfer = site.transfer
    if transfer is None:
        return []
    problems = asyncio.run(find_scanner_problems(transfer.clamd)) if transfer.clamd else []
    if transfer.denied_hashes:
        try:
            load_denied_hashes(transfer.denied_hashes)
        except RulesError as error:
            problems += error.problems
    return problems


def _describe_work(transfer: TransferSettings) -> Iterator[str]:
    """Yield what the component's status file says of files, while it writes one."""
    status, fault = read_status(transfer.status_file)
    files = status.get("files")
    if fault or not isinstance(files, dict):
        return
    counts = ", ".join(f"{files.get(action, 0):,} {word}" for action, word in _OUTCOMES.items())
    waiting = (
        f"{status.get('held', 0):,} wait for a reviewer"
        if status.get("held")
        else "none waits for a reviewer"
    )
    yield f"since it started: {counts}; {waiting}"


def describe_checks(site: SiteFile) -> Iterator[str]:
    """Yield a line for each check of files that a site has, if nothing is wrong."""
    transfer = site.transfer
    if transfer is None:
        yield "none are taken: there is no table [transfer] (docs/files.md)"
        return
    yield from _describe_work(transfer)
    if clamd := transfer.clamd:
        yield f"clamd knows the test file, and looks at files of up to {clamd.max_bytes >> 20} MiB"
    else:
        yield "no virus scanner (transfer.clamd, docs/files.md)"
    if file := transfer.denied_hashes:
        yield f"{len(load_denied_hashes(file).hashes):,} files in {file.name} are not sent"
