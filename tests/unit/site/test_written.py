"""Settings that name one file twice: refused wherever a process writes there, whatever the settings are."""

from pathlib import Path

import pytest

from components.settings.site import SiteFile
from components.settings.tables import TABLES
from components.settings.written import find_paths, is_written
from components.site.needs import _written as find_written
from components.site.parts import running_parts
from tests.support.made_site import made_site, site

__all__ = ["made_site", "site"]

pytestmark = pytest.mark.slow

SHARED = ("is what", "would destroy that")


def paths_of(settings: SiteFile) -> dict[str, Path]:
    return dict(find_paths(table for each in TABLES if (table := settings.find(each))))


def name_again(site: Path, setting: str, path: Path | str) -> list[str]:
    """Return what is wrong when a setting names this path."""
    table, _, key = setting.partition(".")
    lines, inside = [], ""
    original = site.read_text()
    for line in original.split("\n"):
        if line.startswith("["):
            inside = line.strip("[]").split("]")[0]
        is_it = inside == table and line.startswith(f"{key} = ")
        lines.append(f'{key} = "{path}"' if is_it else line)
    site.write_text("\n".join(lines))
    try:
        assert site.read_text() != original
        return [each for each in SiteFile(site).find_wrong_tables() if all(word in each for word in SHARED)]
    finally:
        site.write_text(original)


def test_a_site_as_it_is_made_names_each_once(site: Path) -> None:
    assert SiteFile(site).find_wrong_tables() == []


def test_whatever_a_process_writes_may_not_be_another_settings_file(site: Path) -> None:
    paths = paths_of(SiteFile(site))
    written = [setting for setting in paths if is_written(setting)]
    assert len(written) > 12
    for setting, next_ in zip(written, [*written[1:], written[0]], strict=True):
        others = {"site.toml": site, "gate.directory": paths["gate.directory"], next_: paths[next_]}
        for other, path in others.items():
            (problem,) = name_again(site, setting, path)
            # Of two that are written, the later one is told.
            assert problem.partition(":")[0] in (setting, next_) and setting in problem and other in problem


@pytest.mark.parametrize("setting", ["audit.index", "gate.log", "roster.status_file"])
def test_a_file_is_no_folder_of_others(site: Path, setting: str) -> None:
    assert [each.partition(":")[0] for each in name_again(site, setting, "keys")] == [setting]


@pytest.mark.parametrize("spelling", ["archive/../directory.toml", "./directory.toml", "link.toml"])
def test_a_file_is_the_same_however_it_is_written(site: Path, spelling: str) -> None:
    (site.parent / "link.toml").symlink_to(site.parent / "directory.toml")
    (problem,) = name_again(site, "gate.status_file", spelling)
    assert problem.startswith("gate.status_file: ") and "gate.directory" in problem and "(line " in problem


def test_what_is_only_read_may_have_several_names(site: Path) -> None:
    assert name_again(site, "transfer.secret_file", "keys/roster.secret") == []


def test_all_that_the_processes_write_is_known(site: Path) -> None:
    settings = SiteFile(site)
    known = {path for setting, path in paths_of(settings).items() if is_written(setting)}
    named = set(paths_of(settings).values())
    for part in running_parts(settings):
        for file in find_written(settings, part.name):
            assert file not in named or file in known, (part.name, file)


def test_a_folder_may_hold_what_others_write(site: Path) -> None:
    assert name_again(site, "site.logs", "run") == []
    assert [each.partition(":")[0] for each in name_again(site, "site.logs", "policy.toml")] == ["site.logs"]
