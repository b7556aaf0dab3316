from pathlib import Path

import pytest

from components.archive.store.open import StoreName


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.programs)])
def store_name(request: pytest.FixtureRequest, tmp_path: Path) -> StoreName:
    """The name of a store in which there is no log yet, of either kind."""
    if request.param == "sqlite":
        return tmp_path / "gate.db"
    return f"{request.getfixturevalue('postgres_database')}#gate"
