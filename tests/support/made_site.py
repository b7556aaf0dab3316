"""Fixtures: a demonstration's site, made and not started."""

import shutil
from pathlib import Path

import pytest

from components.site.init import init_site


@pytest.fixture(scope="session")
def made_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demonstration site; not to be changed."""
    folder = tmp_path_factory.mktemp("made")
    init_site(folder / "site.toml", demo=True)
    return folder


@pytest.fixture
def site(made_site: Path, tmp_path: Path) -> Path:
    """The site.toml of a site of the test's own."""
    shutil.copytree(made_site, tmp_path / "site")
    return tmp_path / "site" / "site.toml"
