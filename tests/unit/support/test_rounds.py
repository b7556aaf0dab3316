"""What property tests draw is the same in each run, whatever was run before in the same process."""

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

STRANGE = (918_273_645_546, 918_273_645_547, 918_273_645_548)


@pytest.fixture
def one_more_module(tmp_path: Path) -> Iterator[None]:
    """Import a module of ours that has constants, as another test may have done before."""
    file = tmp_path / "strange.py"
    file.write_text(f"VALUES = {STRANGE}\n")
    spec = spec_from_file_location("strange", file)
    assert spec and spec.loader
    sys.modules["strange"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)
    yield
    del sys.modules["strange"]


def drawn() -> list[int]:
    found: list[int] = []

    @settings(max_examples=500, derandomize=True, database=None)
    @given(st.integers(STRANGE[0] - 10**9, STRANGE[0] + 10**9))
    def draw(number: int) -> None:
        found.append(number)

    draw()
    return found


@pytest.mark.slow
def test_what_is_loaded_changes_no_example(one_more_module: None) -> None:
    assert not set(STRANGE) & set(drawn())


@pytest.mark.slow
def test_the_same_is_drawn_again() -> None:
    first = drawn()
    assert len(set(first)) > 100
    assert drawn() == first
