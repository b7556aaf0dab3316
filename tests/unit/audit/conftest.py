"""The site whose records these tests look into."""

from pathlib import Path

import pytest

from tests.support.audit_site import Site, make_site


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return await make_site(tmp_path)
