"""A plugin of pytest: tests try the sources in their own process, where they can put something else in their place.

What they start as a process of its own runs what was compiled, as an installed Steelyard does. With
`STEELYARD_COMPILED=1` the tests try that in their own process, too.
"""

import os
import subprocess
import sys
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPILED = os.environ.get("STEELYARD_COMPILED") == "1"


def _prefer_sources() -> None:
    order = (SourceFileLoader, SOURCE_SUFFIXES), (ExtensionFileLoader, EXTENSION_SUFFIXES)
    hook = FileFinder.path_hook(*order)

    def for_ours(path: str) -> object:
        if not any(Path(path).is_relative_to(ROOT / folder) for folder in ("components", "policy")):
            raise ImportError
        return hook(path)

    sys.path_hooks.insert(0, for_ours)  # type: ignore[arg-type]  # what it gives is a finder
    sys.path_importer_cache.clear()


def pytest_configure(config: pytest.Config) -> None:
    """End the run if what was compiled is not what the sources say: then nothing that it found would be true."""
    is_worker = hasattr(config, "workerinput")
    if (
        not is_worker
        and subprocess.run([sys.executable, ROOT / ".ci/compile", "--is-stale"], check=False).returncode
    ):
        raise pytest.UsageError(
            "what was compiled is older than its sources: `make compile`, or `.ci/compile --stale`"
        )
    config.addinivalue_line("markers", "sources: puts something in the place of what is compiled otherwise")


if not COMPILED:
    _prefer_sources()
