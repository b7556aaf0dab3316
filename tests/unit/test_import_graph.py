"""How modules import one another: in no circle, and each package by a contract of pyproject.toml."""

import tomllib
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def find_circle(imports: Mapping[str, set[str]]) -> list[str]:
    """Return modules of which each imports the next, and the last the first; none if there is no circle."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Return what each module imports of ours, also within functions and for types alone."""
    graph = grimp.build_graph("components", "policy", cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def test_no_module_imports_itself_through_others(imports: dict[str, set[str]]) -> None:
    """Not within a function, either: what is in a circle can only be understood, and moved, as one."""
    assert len(imports) > 1_000
    assert find_circle(imports) == []


def test_a_circle_would_be_found(imports: dict[str, set[str]]) -> None:
    # The order of what is in a set is another each time, and some packages nobody imports.
    importer, lowest = min(
        (module, name)
        for module, imported in imports.items()
        for name in imported
        if name.startswith("policy.") and not imports[name]
    )
    circle = find_circle(imports | {lowest: {importer}})
    assert {lowest, importer} <= set(circle)


def test_every_package_stands_in_the_contract_of_layers() -> None:
    (layers,) = (each for each in CONTRACTS if each["type"] == "layers")
    placed = {name.strip() for layer in layers["layers"] for name in layer.split("|")}
    there = {each.parent.name for each in (ROOT / "components").glob("*/__init__.py")}
    assert placed == there
    assert layers["exhaustive"] is True


def test_every_other_contract_speaks_of_all_packages() -> None:
    """A contract that named packages one by one would let a new one escape it."""
    for contract in CONTRACTS:
        if contract["type"] == "forbidden":
            sources = set(contract["source_modules"])
            assert "components" in sources or sources <= {
                "policy",
                "components.archive.log",
                "components.audit.query",
                "components.verifier",
            }, contract["name"]
