"""docs/contributing.md and README.md lead to what is there: each folder has its place, each file can be found."""

import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "contributing.md").read_text()
HOW_TO = re.findall(r"^## (How to add .+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE)
CODE = "\n".join(
    file.read_text() for folder in ("components", "policy", "tests") for file in (ROOT / folder).rglob("*.py")
)
MADE_LATER = {"components/audit/export/", "dist/", "var/"}


def in_code(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def in_full(cell: str) -> list[Path]:
    """Write out the folders of a cell: those that stand by their names alone are beside its first one."""
    first, *others = map(Path, in_code(cell))
    return [first, *(first.parent / other for other in others)]


def named_in(page: str) -> Counter[Path]:
    """Return the folders that the rows of a page's table are about."""
    cells = re.findall(r"^\| (`(?:policy|components)/[^|]*) \|", page, re.MULTILINE)
    return Counter(folder for cell in cells for folder in in_full(cell))


def folders_in(*tops: str) -> set[Path]:
    folders = {each for top in tops for each in (ROOT / top).iterdir() if each.is_dir()}
    return {each.relative_to(ROOT) for each in folders if each.name != "__pycache__"}


def test_every_folder_has_one_sentence() -> None:
    assert named_in(PAGE) == Counter(folders_in("components", "policy") | {Path("policy")})
    assert named_in(README) == Counter(folders_in("components") | {Path("policy")})


def test_every_page_is_in_the_readme() -> None:
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")}
    linked = re.findall(r"\[(docs/[^]]+)\]\(([^)]+)\)", README)
    assert all(text == target for text, target in linked)
    assert {target for _, target in linked} == pages | {"docs/decisions/"}


def test_every_path_is_there() -> None:
    paths = {name for name in in_code(PAGE) if re.fullmatch(r"[\w.]+/[\w./]*", name) and "NAME" not in name}
    paths |= set(re.findall(r"docs/\w+(?:\.md|/)", PAGE))
    within = (ROOT, ROOT / "components")
    there = {name for name in paths if any((folder / name).exists() for folder in within)}
    assert paths - there <= MADE_LATER
    assert len(there) > 20


@pytest.mark.slow
@pytest.mark.parametrize(("title", "text"), HOW_TO, ids=[title for title, _ in HOW_TO])
def test_every_name_is_one_of_the_code(title: str, text: str) -> None:
    names = {
        name.partition("(")[0] for name in in_code(text) if re.fullmatch(r"[A-Za-z_]\w+(\(\w*\))?", name)
    }
    names -= {"NAME"}
    assert names, title
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", CODE)] == []


@pytest.mark.slow
def test_every_format_of_exports_is_told_wherever_people_look_for_one() -> None:
    # Here, as it takes a while: each worker collects all tests.
    from components.audit.export.formats import FORMATS
    from components.cli.export import export

    said = (ROOT / "docs" / "commands.md").read_text(), (ROOT / "docs" / "export.md").read_text()
    (row,) = re.findall(r"^\| `--format` \| (.*) \|$", said[0], re.MULTILINE)
    table = re.findall(r"^\| `(\w+)` \| .* \| .* \|$", said[1], re.MULTILINE)
    help_ = re.findall(r"\w+", re.search(r"format_\n +(.*)\n", inspect.getdoc(export) or "")[1])  # type: ignore[index]
    for told in (re.findall(r"`(\w+)`", row), table, [each for each in help_ if each != "or"]):
        assert sorted(told) == sorted(FORMATS)
