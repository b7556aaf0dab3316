"""Go's own client of transparency logs, compiled once, and logs to show it."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.archive import VKEY
from tests.support.tiles import Published, publish

SOURCE = Path(__file__).with_name("logcheck")
DEBIAN_GO_SOURCES = Path("/usr/share/gocode")

Logcheck = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def logcheck(tmp_path_factory: pytest.TempPathFactory) -> Logcheck:
    """Runs `logcheck VERB VKEY ...`; gives what it prints."""
    folder = tmp_path_factory.mktemp("logcheck")
    environment = {
        **os.environ,
        "GO111MODULE": "off",  # no modules, no network: packages are those that Debian installed
        "GOPATH": str(DEBIAN_GO_SOURCES),
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
    }
    program = folder / "logcheck"
    built = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=SOURCE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert built.returncode == 0, built.stderr

    def run(verb: str, *arguments: object, vkey: str = VKEY) -> dict[str, Any]:
        command = [str(program), verb, vkey, *map(str, arguments)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        found: dict[str, Any] = json.loads(ran.stdout)
        assert (ran.returncode == 0) == found["ok"], ran.stderr
        return found

    return run


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A log of some 700 records, published five times; not to be changed."""
    return asyncio.run(publish(tmp_path_factory.mktemp("published"), (1, 2, 253, 44, 400)))


@pytest.fixture(scope="session")
def tall(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A log with tiles on three levels; not to be changed."""
    return asyncio.run(publish(tmp_path_factory.mktemp("tall"), (30_000, 36_500, 3_500)))
