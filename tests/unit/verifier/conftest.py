import asyncio
from pathlib import Path

import pytest

from tests.support.archive import copy_log
from tests.support.archive_orders import write_ordered_log


@pytest.fixture(scope="session")
def pristine_ordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log with orders, made once and never changed."""
    return asyncio.run(write_ordered_log(tmp_path_factory.mktemp("ordered") / "gate.db"))


@pytest.fixture
def ordered_log(pristine_ordered: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything with."""
    return copy_log(pristine_ordered, tmp_path / "gate.db")
