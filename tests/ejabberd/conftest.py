"""These tests start ejabberd, whatever STEELYARD_SERVER says: `make matrix` runs them, `make test` does not."""

from collections.abc import Iterator

import pytest

from tests.support import server
from tests.support.server import EJABBERD


@pytest.fixture(scope="package", autouse=True)
def ejabberd() -> Iterator[None]:
    """Have every line of these tests on ejabberd."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "SERVER", EJABBERD)
        yield
