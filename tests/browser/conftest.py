"""Every test here drives a browser."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them as tests that need other programs."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker("programs")
