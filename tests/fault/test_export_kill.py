"""An export is killed at each of its durable steps, or its disk is full: `--resume` gives the same bytes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.export_site import make_scene

ROOT = Path(__file__).parents[2]
FORMATS = ("jsonl", "csv", "eml", "html")

# Forks for each run, so that nothing is imported anew. A child kills itself before its durable step number N.
_WORKER = """
import asyncio, json, os, shutil, signal, sqlite3, sys
from hashlib import sha256
from pathlib import Path
from components.audit.export import collect
from components.audit.export.formats import FORMATS
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.verifier.export import verify_export
from tests.support.audit_site import Site
from tests.support.export_site import export_to, resume_to

site = Site(Path(sys.argv[1]), SiteFile(Path(sys.argv[1])))
out, name = Path(sys.argv[2]), sys.argv[3]
collect._PLACES_AT_ONCE = 7

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
while True:  # until it can be gone on with
    spool = sqlite3.connect(begun / ".spool.db")
    noted = spool.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'about'").fetchone()[0]
    started = noted and spool.execute("SELECT count(*) FROM about WHERE key = 'started'").fetchone()[0]
    spool.close()
    if started:
        break
    shutil.rmtree(begun)
    last += 1
    run(begun, export_to, last)
shutil.copytree(begun, out / "right")
assert run(out / "right", resume_to)
right, step, killed = digests(out / "right"), 1, 0
while True:
    shutil.copytree(begun, out / "killed")
    is_done = run(out / "killed", resume_to, step)
    killed += not is_done
    if (out / "killed/.spool.db").exists():
        assert run(out / "killed", resume_to), step
    differs = sorted(set(right.items()) ^ set(digests(out / "killed").items()))
    print(json.dumps({"step": step, "differs": differs, "problems": problems(out / "killed")}), flush=True)
    shutil.rmtree(out / "killed")
    if is_done:
        break
    step += 2
print(json.dumps({"killed": killed}))
"""

_FULL = """
ballast, failures = out / "ballast", 0
folder = out / "full"
while True:
    try:
        asyncio.run((resume_to if folder.exists() else export_to)(site, folder, *([] if folder.exists() else [name])))
        break
    except SiteError as error:
        failures += 1
        told = ("full", "No space", "before it began", "no export to go on with")
        assert any(each in str(error) for each in told), error
        if "before it began" in str(error) or "no export to go on" in str(error):
            shutil.rmtree(folder)
    size = ballast.stat().st_size
    os.truncate(ballast, max(0, size - 65536))
ballast.unlink()
assert run(out / "right", export_to)
same = [each for each in ("matched.txt", "exceptions.jsonl", "records/gate.jsonl", FORMATS[name].one_file)]
differs = [each for each in same if (folder / each).read_bytes() != (out / "right" / each).read_bytes()]
print(json.dumps({"failures": failures, "differs": differs, "problems": problems(folder)}))
"""


def run(script: str, *arguments: object, before: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    command = [*before, sys.executable, "-c", _WORKER + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False, timeout=500)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", FORMATS)
async def test_killed_at_each_step_it_goes_on_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    said = await make_scene(tmp_path)
    *steps, last = run(_AT_EACH_STEP, said.site.path, tmp_path / "out", name)
    assert last["killed"] > 10
    assert [each for each in steps if each["differs"] or each["problems"]] == []


async def test_a_disk_that_is_full_and_has_room_again(tmp_path: Path) -> None:
    """The export's folder is on a file system of its own, in a mount namespace that ends with it."""
    said = await make_scene(tmp_path)
    (tmp_path / "small").mkdir()
    mounted = (
        f"mount -t tmpfs -o size=2m none '{tmp_path}/small' && head -c 2000000 /dev/zero >'{tmp_path}/small/ballast'"
        ' && exec "$@"'
    )
    namespace = ("unshare", "--map-root-user", "--mount", "sh", "-c", mounted, "sh")
    (found,) = run(_FULL, said.site.path, tmp_path / "small", "jsonl", before=namespace)
    assert found["failures"] > 2
    assert (found["differs"], found["problems"]) == ([], [])
