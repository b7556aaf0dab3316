"""Libraries of the Prosody adapter alone, with stand-ins for the server: the tests are the *_spec.lua beside this."""

import re
import subprocess
from pathlib import Path

import pytest

from components.site.prosody import ADAPTER_FILE

FOLDER = Path(__file__).parent
TESTS = [
    (spec.name, name)
    for spec in sorted(FOLDER.glob("*_spec.lua"))
    for name in re.findall(r'^t\.test\("([^"]+)"', spec.read_text(), re.MULTILINE)
]

# Debian's Prosody brings this interpreter, and the utilities that the libraries use.
pytestmark = pytest.mark.programs


@pytest.mark.parametrize(("spec", "name"), TESTS)
def test_library(spec: str, name: str) -> None:
    command: list[str | Path] = ["lua5.4", FOLDER / "harness.lua", ADAPTER_FILE.parent, FOLDER / spec, name]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_every_test_of_a_spec_is_run_and_has_a_name_of_its_own() -> None:
    written = sum(spec.read_text().count("t.test(") for spec in FOLDER.glob("*_spec.lua"))
    assert written == len(set(TESTS)) > 0
