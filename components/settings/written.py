"""Settings that name one file twice, of which a process writes at least one: it would destroy what the other has."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import BaseModel

from components.settings.table import Table

_FILES = frozenset({"log", "index", "state_file", "status_file", "sessions_file"})
# Others may write in these, too. Of a witness `state` is one.
_FOLDERS = frozenset({"logs", "files", "passwords", "state"})
_REVIEW_FILE = "review.file"
_ADVICE = "what is written there would destroy that: give each a file of its own"


def find_shared(site_file: Path, tables: Iterable[Table]) -> Iterator[str]:
    """Yield a line for each setting whose file a process writes, and which another setting or site.toml itself names.

    What is only read may have several names, such as a key that two processes need.
    """
    named = [(setting, str(path)) for setting, path in ((site_file.name, site_file), *find_paths(tables))]
    # Of two that are written, the later one is told.
    others = [each for each in named if not is_written(each[0])]
    for setting, path in named:
        if not is_written(setting):
            continue
        is_file = setting.rpartition(".")[2] not in _FOLDERS
        within = f"{path.rstrip('/')}/"
        for other, its_path in others:
            if its_path == path or (is_file and its_path.startswith(within)):
                yield f"{setting}: {path} is what {other} names, or its folder; {_ADVICE}"
                break
        others.append((setting, path))


def is_written(setting: str) -> bool:
    """Return whether a process writes what a setting names."""
    return setting == _REVIEW_FILE or setting.rpartition(".")[2] in _FILES | _FOLDERS


def find_paths(tables: Iterable[Table]) -> Iterator[tuple[str, Path]]:
    """Yield all paths that tables name, resolved, each with its setting, as in `audit.auditors.1.key`."""
    for table in tables:
        for setting, path in _find_paths(table.table_name, table):
            yield setting, path.resolve()


def _find_paths(name: str, value: object) -> Iterator[tuple[str, Path]]:
    if isinstance(value, Path):
        yield name, value
    elif isinstance(value, BaseModel):
        for field, info in type(value).model_fields.items():
            yield from _find_paths(f"{name}.{info.alias or field}", getattr(value, field))
    elif isinstance(value, tuple):
        for number, each in enumerate(value, 1):
            yield from _find_paths(f"{name}.{number}", each)
