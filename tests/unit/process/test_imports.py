"""What the processes of a site leave out, as it takes memory in each of them."""

import subprocess
import sys

import pytest

_CHECK = """
import sys
import components.transfer.assemble
import components.link.client
print(sorted({"rich", "pygments", "pyrage", "components.site", "cyclopts"} & sys.modules.keys()))
import pygments.lexers
import rich.traceback
"""
_CONSOLE = """
import sys
import components.audit.console.app
print(sorted({"fpdf", "fontTools", "uharfbuzz"} & sys.modules.keys()))
"""
_ONE_ARENA = """
import threading
from components.process.memory import use_one_arena
use_one_arena()
held = []
threads = [threading.Thread(target=lambda: held.append(b"x" * 100_000)) for _ in range(4)]
for each in threads: each.start()
for each in threads: each.join()
print(len(held))
"""
# As a file passes: what came, what it is joined to, what is sealed, over and over.
_REUSED = """
import resource
from components.process.memory import keep_freed_memory, use_one_arena
use_one_arena()
keep_freed_memory()
def pass_blocks():
    for _ in range(50):
        came = [bytes(bytearray(120_000)) for _ in range(5)]
        joined, sealed = b"".join(came), bytearray(600_000)
        del came, joined, sealed
pass_blocks()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
pass_blocks()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 500)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "said"),
    [(_CHECK, "[]\n"), (_CONSOLE, "[]\n"), (_ONE_ARENA, "4\n"), (_REUSED, "True\n")],
    ids=["lean", "console", "arena", "reused"],
)
def test_what_a_process_takes(program: str, said: str) -> None:
    """Libraries that write in colours where they can do without; who asks for the colours by name gets them.

    The console writes a PDF when somebody exports one, which few do. Memory that was freed is used again, without a
    page of it from the system for each.
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (said, "")
