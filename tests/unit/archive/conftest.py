import asyncio
from pathlib import Path

import pytest

from components.archive.store.open import StoreName
from tests.support.archive import copy_log, write_log
from tests.support.archive_orders import write_ordered_log


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of 600 records, made once and never changed."""
    return asyncio.run(write_log(tmp_path_factory.mktemp("log") / "gate.db"))


@pytest.fixture
def log(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything with."""
    return copy_log(pristine, tmp_path / "gate.db")


@pytest.fixture(params=["sqlite", "postgres"])
def store_name(request: pytest.FixtureRequest, tmp_path: Path) -> StoreName:
    """The name of a store in which there is no log yet, of either kind."""
    if request.param == "sqlite":
        return tmp_path / "gate.db"
    return f"{request.getfixturevalue('postgres_database')}#gate"


@pytest.fixture(scope="session")
def pristine_ordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log with orders, made once and never changed."""
    return asyncio.run(write_ordered_log(tmp_path_factory.mktemp("ordered") / "gate.db"))


@pytest.fixture
def ordered_log(pristine_ordered: Path, tmp_path: Path) -> Path:
    """A copy of it to do anything with."""
    return copy_log(pristine_ordered, tmp_path / "gate.db")
