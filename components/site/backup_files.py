"""The files of a site that its backup holds beside the logs: settings, directory, keys (private ones if asked to)."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from components.archive.backup import CopyError
from components.archive.backup.folder import BackupFolder
from components.archive.durable import PRIVATE, PUBLIC, replace_durably
from components.archive.keys.reference import KeyReference, last_signed_file, public_file, secret_files
from components.rules.exceptions import FOLDER as EXCEPTIONS
from components.settings.site import SiteFile
from components.site.init import authority_key_file
from components.site.parts import parts_of

_LIST = "site/files"
_SITE_TOML = "site.toml"


@dataclass(frozen=True, slots=True)
class _SavedFile:
    """`path` is relative to the site's folder, or absolute; `file` is what holds it in the backup."""

    path: str
    file: str
    secret: bool


def save_files(folder: BackupFolder, settings: SiteFile, *, with_keys: bool) -> int:
    """Put the site's files into the next backup, and count them."""
    wanted = [(path, False) for path in _public_files(settings)]
    if with_keys:
        wanted += [(path, True) for path in _secret_files(settings)]
    saved: dict[str, _SavedFile] = {}
    for path, secret in wanted:
        name = _SITE_TOML if path == settings.path else _name(path, settings.folder)
        if name in saved or not path.is_file():
            continue
        file = folder.put(f"site/{path.name}", "file", path.read_bytes())
        folder.keep(file)
        saved[name] = _SavedFile(name, file, secret)
    listed = json.dumps([asdict(each) for each in saved.values()], indent=2).encode() + b"\n"
    folder.keep(folder.put(_LIST, "json", listed))
    return len(saved)


def put_back_files(folder: BackupFolder, site_toml: Path) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write those files that are missing; gives them, and the names of those that belong outside the site's folder."""
    made: list[Path] = []
    elsewhere: list[str] = []
    for saved in _read_list(folder):
        if Path(saved.path).is_absolute() or ".." in Path(saved.path).parts:
            # Where a backup says so, nothing is written outside the folder that the operator named.
            if not Path(saved.path).exists():
                elsewhere.append(f"{saved.path} ({folder.path / saved.file})")
            continue
        path = site_toml if saved.path == _SITE_TOML else site_toml.parent / saved.path
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_durably(path, folder.read(saved.file), PRIVATE if saved.secret else PUBLIC)
            made.append(path)
    return tuple(made), tuple(elsewhere)


def _public_files(settings: SiteFile) -> Iterator[Path]:
    yield settings.path
    yield settings.gate.directory_file
    exceptions = settings.gate.directory_file.parent / EXCEPTIONS
    if exceptions.is_dir():
        yield from (path for path in sorted(exceptions.iterdir()) if not _is_draft(path))
    if settings.archive.retention:
        yield settings.archive.retention
    yield from settings.archive.approvers
    yield from (file for part in parts_of(settings) for file in part.kept_files)
    for key in _keys(settings):
        yield public_file(key)
    yield from settings.archive.recipients


def _secret_files(settings: SiteFile) -> Iterator[Path]:
    """Yield all files in the folders of keys and certificates, and the keys that lie elsewhere."""
    folders = {authority_key_file(settings).parent, settings.prosody.certificates}
    yield from (
        path for folder in sorted(folders) for path in sorted(folder.rglob("*")) if not _is_draft(path)
    )
    yield from (file for part in parts_of(settings) for file in part.secret_files)
    yield settings.archive.conversation_key_file
    for key in _keys(settings):
        yield from secret_files(key)
    for log in settings.logs:
        yield last_signed_file(log.key_file)


def _keys(settings: SiteFile) -> Iterable[KeyReference]:
    return *(log.key_file for log in settings.logs), *settings.audit.key_files


def _is_draft(path: Path) -> bool:
    return path.suffix == ".new"


def _name(path: Path, folder: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return str(path)


def _read_list(folder: BackupFolder) -> list[_SavedFile]:
    try:
        return [_SavedFile(**entry) for entry in json.loads(folder.read(folder.find_one(f"{_LIST}-")))]
    except (ValueError, TypeError):
        raise CopyError(f"{folder.path / _LIST}: not a list of a site's files") from None
