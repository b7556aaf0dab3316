"""The scene that exports are made of."""

from pathlib import Path

import pytest

from tests.support.export_site import Said, make_scene


@pytest.fixture
def site_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
async def said(site_folder: Path) -> Said:
    return await make_scene(site_folder)
