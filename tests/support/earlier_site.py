"""Makes an archive for tests/vectors/sites: a small whole site as the present version leaves it.

`python -m tests.support.earlier_site NAME` makes `tests/vectors/sites/NAME.tar.gz`, and prints the number of records of
each log, for `RECORDS` of tests/e2e/test_earlier_versions.py. It is run once for a version whose formats shall stay
readable, and its archive is never made again. Its keys are of a demonstration: they open nothing else.
"""

import asyncio
import json
import re
import shutil
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from components.link.client import TraderClient
from components.settings.site import SiteFile
from components.site.init import init_site
from tests.support.process import wait_until
from tests.support.site import ROOT, RunningSite, run_steelyard

SITES = ROOT / "tests" / "vectors" / "sites"
ALICE, BOB = "alice@metals.example", "bob@metals.example"
HELD = "an insider tip on tin"
HELD_FOR_S = 60.0

# Made anew by `init` and `up`, or by nobody: what processes said. The index is half a megabyte that no other version
# reads, as it is made anew from the logs; the archive of 0.1.0 has one.
_MADE_ANEW = ("certs", "logs", "up.lock", "archive/readers")
_MADE_ANEW_BY_NAME = ("archive/index.db*", "archive/*-shm", "run/*.status.json")
_KEPT_OF_SERVER = "data"


async def make(name: str, work: Path) -> Path:
    """Make a site, let people and auditors use it, stop it, and pack what it leaves."""
    folder = work / f"site-{name}"
    init_site(folder / "site.toml", demo=True)
    _set(folder / "site.toml")
    async with RunningSite(folder, "--demo"):
        await _hold_a_message(folder)
        _use_as_auditor(folder)
    return pack(name, folder)


def pack(name: str, folder: Path) -> Path:
    """Take out what is made anew, and pack the rest."""
    _strip(folder)
    archive = SITES / f"{name}.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=9) as packed:
        packed.add(folder, folder.name, filter=_of_nobody)
    return archive


def _set(site_toml: Path) -> None:
    """Take the table of five weeks' made-up talk out, which is large, and let what is held be due at the next start."""
    text = site_toml.read_text()
    site_toml.write_text(text[: text.index("\n[history]") + 1] + f"\n[review]\ndeadline_s = {HELD_FOR_S}\n")


async def _hold_a_message(folder: Path) -> None:
    passwords = tomllib.loads((folder / "keys" / "accounts.toml").read_text())
    server = SiteFile(folder / "site.toml").prosody
    alice = TraderClient(
        ALICE, passwords[ALICE], "127.0.0.1", server.c2s_port, server.certificates / "ca.crt"
    )
    await alice.connect()
    alice.write(BOB, HELD)
    assert await wait_until(lambda: bool(json.loads(_run(folder, "review", "list", "--json"))["held"]))
    await alice.close()


def _use_as_auditor(folder: Path) -> None:
    _run(folder, "audit", "search", "copper from:alice", "--reason", "for the record")
    _run(folder, "audit", "matter", "open", "Copper at lunch", "--id", "M-1")
    _run(folder, "audit", "matter", "add-exhibit", "M-1", "gate/195", "--note", "the price")
    _run(folder, "audit", "index", "status")


def _run(folder: Path, *arguments: str) -> str:
    done = run_steelyard(*arguments, "--site", folder / "site.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _strip(folder: Path) -> None:
    for name in _MADE_ANEW:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in (folder / "prosody").iterdir():
        if path.name != _KEPT_OF_SERVER:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for pattern in _MADE_ANEW_BY_NAME:
        for path in folder.glob(pattern):
            path.unlink()


def _of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out who made it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return None if re.search(r"\.(sock|pid)$", entry.name) else entry


def main() -> int:
    """Make the archive that the command line names."""
    (name,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        archive = asyncio.run(make(name, Path(work)))
        logs = json.loads(_run(Path(work) / f"site-{name}", "verify", "--json"))["logs"]
    print(f"{archive}: {archive.stat().st_size:,} bytes", {each: logs[each]["size"] for each in logs})
    return 0


if __name__ == "__main__":
    sys.exit(main())
