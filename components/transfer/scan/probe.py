"""Tries a site's clamd: whether it knows malware, and whether it says when it did not look at all of a file."""

import asyncio
import io
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from components.settings.clamd import ClamdTable
from components.transfer.scan.clamd import ClamdDown
from components.transfer.scan.reply import Found, Reply
from components.transfer.scan.scanner import open_clamd

# What every scanner finds, and what harms nobody (eicar.org). In two halves, or a scanner would find this file.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
# clamd's MaxRecursion can be 100 at most.
_DEEP = 120


@dataclass(frozen=True, slots=True)
class _Probe:
    """A file that is sent to clamd: its content, followed by zeros up to a size."""

    content: bytes
    size_bytes: int = 0


async def find_scanner_problems(table: ClamdTable) -> list[str]:
    """Return what is wrong with a site's clamd, a line for each fault: what it is, and what to do.

    It is sent three files: the EICAR test file; the same within more zip archives than it opens; and zeros, as large
    as the settings let a file be for it to be asked.
    """
    try:
        known = await _ask(table, _Probe(EICAR))
        if known.found is Found.ERROR:
            return [f"clamd cannot read what it is handed ({known.text}); see its log, and AppArmor's"]
        unseen = await _ask(table, _Probe(_wrap(EICAR)))
        large = await _ask(table, _Probe(b"", table.max_bytes))
    except ClamdDown as down:
        return [f"{down}; start clamd, or set transfer.clamd to where it listens"]
    except TimeoutError:
        return [f"clamd gives no answer in {table.timeout_s:g} s (transfer.clamd.timeout_s); see its log"]
    return [
        problem
        for problem in (_judge_known(known), _judge_unseen(unseen), _judge_large(large, table))
        if problem
    ]


def _judge_known(reply: Reply) -> str:
    if reply.found is Found.MALWARE:
        return ""
    return "clamd does not know the EICAR test file, so it has no signatures; run freshclam, and see its log"


def _judge_unseen(reply: Reply) -> str:
    if reply.found is not Found.CLEAN:
        return ""
    return (
        "clamd calls a file clean that is beyond its limits, and at which it did not look; "
        "write `AlertExceedsMax yes` in clamd.conf, and start it again"
    )


def _judge_large(reply: Reply, table: ClamdTable) -> str:
    if reply.found is Found.CLEAN:
        return ""
    of_stream = f", and `StreamMaxLength {table.stream_max_mib}M`" if table.socket is None else ""
    return (
        f"clamd does not look at a file of {table.max_bytes >> 20} MiB ({reply.text}); write `MaxFileSize` and "
        f"`MaxScanSize` of at least {table.max_scan_mib}M in clamd.conf{of_stream}, or make "
        "transfer.clamd.max_scan_mib smaller"
    )


async def _ask(table: ClamdTable, probe: _Probe) -> Reply:
    """Return clamd's answer for a file; raises ClamdDown, TimeoutError, OSError."""
    fd = await asyncio.to_thread(_open, probe)
    try:
        async with asyncio.timeout(table.timeout_s):
            return await open_clamd(table).scan(fd)
    finally:
        os.close(fd)


def _open(probe: _Probe) -> int:
    """Return the descriptor of a file without a name, as those that people send are handed over."""
    fd, name = tempfile.mkstemp(prefix="steelyard-")
    Path(name).unlink()
    os.write(fd, probe.content)
    os.truncate(fd, max(probe.size_bytes, len(probe.content)))
    return fd


def _wrap(content: bytes) -> bytes:
    """Return content within as many archives as no clamd opens."""
    for _ in range(_DEEP):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a", content)
        content = file.getvalue()
    return content
