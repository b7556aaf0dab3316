"""An export is killed at each of its durable steps, or its disk is full: `--resume` gives the same bytes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from components.audit.export.formats import FORMATS
from tests.support.export_site import FORMAT_NAMES, make_scene
from tests.support.rounds import STRIDE

ROOT = Path(__file__).parents[2]

_TIMES_STRIDE = {"pdf": 3}
"""Its pages take four times as long as any other format's files, whose steps are the same."""

# Forks for each run, so that nothing is imported anew. A child kills itself before its durable step number N.
_WORKER = """
import asyncio, json, os, shutil, signal, sqlite3, sys
from hashlib import sha256
from pathlib import Path
from components.audit.export import collect, pdf_pages, write
from components.audit.export.formats import FORMATS
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.verifier.export import verify_export
from tests.support.audit_site import Site
from tests.support.export_site import export_to, resume_to

site = Site(Path(sys.argv[1]), SiteFile(Path(sys.argv[1])))
out, name = Path(sys.argv[2]), sys.argv[3]
# Several of everything: batches that are collected, files of a format, files that are settled at once.
collect._PLACES_AT_ONCE, write._UNSETTLED = 7, 2
FORMATS[name].most_in_part = min(FORMATS[name].most_in_part, 20)

def kill_at(last):
    counted = 0
    def wrap(owner, attribute):
        original = getattr(owner, attribute)
        def counting(*given, **named):
            nonlocal counted
            counted += 1
            if counted == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*given, **named)
        setattr(owner, attribute, counting)
    for owner, attribute in ((os, "fsync"), (os, "fdatasync"), (Path, "replace"), (Path, "unlink"), (Path, "chmod")):
        wrap(owner, attribute)

def run(folder, work, last=0):
    child = os.fork()
    if child == 0:
        if last:
            kill_at(last)
        asyncio.run(work(site, folder, *([name] if work is export_to else [])))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WTERMSIG(status) == signal.SIGKILL, status
    return status == 0

def is_begun(folder):
    spool = sqlite3.connect(folder / ".spool.db")
    noted = spool.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'about'").fetchone()[0]
    started = noted and spool.execute("SELECT count(*) FROM about WHERE key = 'started'").fetchone()[0]
    spool.close()
    return bool(started)

def digests(folder):
    apart = ("manifest.record.json", "manifest.tlog-proof")
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in apart)
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in files}

def problems(folder):
    keys = [log.verifier_key_file.read_text() for log in (site.settings.gate_log, site.settings.audit_log)]
    return [each.kind for each in verify_export(folder, keys).problems]
"""

_AT_EACH_STEP = """
begun = out / "begun"
last = 3
while not run(begun, export_to, last) and not (begun / ".spool.db").exists():
    shutil.rmtree(begun, ignore_errors=True)
    last += 1
while not is_begun(begun):
    shutil.rmtree(begun)
    last += 1
    run(begun, export_to, last)
shutil.copytree(begun, out / "right")
assert run(out / "right", resume_to)
right, step, killed = digests(out / "right"), int(sys.argv[4]), 0
while True:
    shutil.copytree(begun, out / "killed")
    is_done = run(out / "killed", resume_to, step)
    killed += not is_done
    if not is_done and (out / "killed/.spool.db").exists():
        assert run(out / "killed", resume_to), step
    differs = sorted(set(right.items()) ^ set(digests(out / "killed").items()))
    print(json.dumps({"step": step, "differs": differs, "problems": problems(out / "killed")}), flush=True)
    shutil.rmtree(out / "killed")
    if is_done:
        break
    step += int(sys.argv[5])
print(json.dumps({"killed": killed}))
"""

_FULL = """
ballast, failures, begun = out / "ballast", 0, Path(sys.argv[4])
folder = out / "full"
while True:
    try:
        asyncio.run(resume_to(site, folder) if folder.exists() else export_to(site, folder, name))
        break
    except SiteError as error:
        failures += 1
        told = ("full", "No space", "before it began", "no export to go on with")
        assert any(each in str(error) for each in told), error
        if "before it began" in str(error) or "no export to go on" in str(error):
            shutil.rmtree(folder)
        elif not begun.exists() and is_begun(folder):
            shutil.copytree(folder, begun)
    size = ballast.stat().st_size
    os.truncate(ballast, max(0, size - 65536))
ballast.unlink()
assert run(begun, resume_to)
differs = sorted(set(digests(folder).items()) ^ set(digests(begun).items()))
print(json.dumps({"failures": failures, "differs": differs, "problems": problems(folder)}))
"""


def run(script: str, *arguments: object, before: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    command = [*before, sys.executable, "-c", _WORKER + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=500)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", FORMAT_NAMES)
async def test_killed_at_each_step_it_goes_on_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    """Each format begins at another step, so that together they are killed at all that they share."""
    said = await make_scene(tmp_path)
    first = 1 + list(FORMATS).index(name) % STRIDE
    stride = STRIDE * _TIMES_STRIDE.get(name, 1)
    *steps, last = run(_AT_EACH_STEP, said.site.path, tmp_path / "out", name, first, stride)
    assert last["killed"] > 40 // stride
    assert [each for each in steps if each["differs"] or each["problems"]] == []


@pytest.mark.parametrize("name", FORMAT_NAMES)
async def test_a_disk_that_is_full_and_has_room_again(name: str, tmp_path: Path) -> None:
    """The export's folder is on a file system of its own, in a mount namespace that ends with it."""
    said = await make_scene(tmp_path)
    (tmp_path / "small").mkdir()
    mounted = (
        f"mount -t tmpfs -o size=3m none '{tmp_path}/small' && head -c 3100000 /dev/zero >'{tmp_path}/small/ballast'"
        '; exec "$@"'
    )
    namespace = ("unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh")
    arguments = (said.site.path, tmp_path / "small", name, tmp_path / "begun")
    (found,) = run(_FULL, *arguments, before=namespace)
    assert found["failures"] > 2
    assert (found["differs"], found["problems"]) == ([], [])
