"""Tests share their process: what would change it for all the others is changed by few, who put it back."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[2]
CHANGES = re.compile(
    r"resource\.setrlimit|os\.(chdir|umask|putenv|nice|setpriority)|signal\.(signal|setitimer|alarm)"
    r"|locale\.setlocale|sys\.path\.(insert|append)|os\.environ(\.(update|pop|setdefault|clear))?|time\.tzset"
    r"|random\.seed|socket\.setdefaulttimeout|warnings\.(simplefilter|filterwarnings)|structlog\.configure"
)
PUT_BACK = {
    "fault/test_archive_writes.py",  # how long a file may be, around one call
    "unit/archive/blobs/test_blob_directory.py",  # the mask of new files, around one call
    "unit/archive/test_shared_log.py",
    "unit/site/attach/test_ejabberd_places.py",
    "unit/soak/test_gate.py",  # the handler of a signal that nobody else uses
}
OF_THEIR_OWN = {"soak/gate.py"}
"""Such are programs: a test runs them as processes of their own."""
FOR_ALL = {"support/surroundings.py"}
"""Before the first test, and the same for each."""


def changed(tree: ast.AST) -> Iterator[str]:
    """Yield what is called that changes the process, and `os.environ` where something is set or deleted in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func)
            if CHANGES.fullmatch(name):
                yield name
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            name = ast.unparse(node.value)
            if CHANGES.fullmatch(name):
                yield name


def test_what_changes_the_process_is_told_apart() -> None:
    code = "os.chdir('x'); os.environ['A'] = 'b'; del os.environ['A']; os.environ.pop('A'); resource.setrlimit(1, 2)"
    assert sorted(changed(ast.parse(code))) == [
        "os.chdir",
        "os.environ",
        "os.environ",
        "os.environ.pop",
        "resource.setrlimit",
    ]
    quiet = "os.environ['A']; dict(os.environ); monkeypatch.chdir('x'); monkeypatch.setattr(resource, 'setrlimit', f)"
    assert not list(changed(ast.parse(f"{quiet}; run('import os; os.chdir(1)')")))


def test_no_test_changes_its_process_for_the_others() -> None:
    found = {}
    for file in TESTS.rglob("*.py"):
        name, text = str(file.relative_to(TESTS)), file.read_text("utf-8")
        if name.startswith("bench/") or name in PUT_BACK | OF_THEIR_OWN | FOR_ALL or not CHANGES.search(text):
            continue
        if changes := sorted(set(changed(ast.parse(text)))):
            found[name] = changes
    assert found == {}
