"""Writes a site's units for systemd (components.site.units) below a folder such as /etc."""

from dataclasses import dataclass
from pathlib import Path

from components.archive.durable import make_folder, replace_durably
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.parts import is_machine
from components.site.units import MARK, render_units

_BEGIN = MARK.partition("{")[0]


@dataclass(frozen=True, slots=True)
class WrittenUnits:
    """The files that are there now, and those that were there for processes that are no more."""

    written: tuple[Path, ...]
    removed: tuple[Path, ...]


def write_units(site: SiteFile, folder: Path, program: str) -> WrittenUnits:
    """Write all, and remove what was written before for other processes; raises SettingsError, SiteError, OSError.

    SiteError: a file of such a name is somebody else's.
    """
    if is_machine(site):
        raise SiteError(
            f"{site.path} is that of a machine of auditors' own: there `steelyard up` runs all processes"
        )
    texts = {folder / path: text for path, text in render_units(site, program).items()}
    for file in texts:
        if file.exists() and not _is_ours(file):
            raise SiteError(f"{file} is not of `steelyard units`: move it away")
    for file, text in texts.items():
        make_folder(file.parent, 0o755)
        replace_durably(file, text.encode())
    known = (folder / "systemd" / "system").glob("steelyard-*.service")
    removed = tuple(sorted(file for file in known if file not in texts and _is_ours(file)))
    for file in removed:
        file.unlink()
    return WrittenUnits(tuple(texts), removed)


def _is_ours(file: Path) -> bool:
    return file.read_text("utf-8", "replace").startswith(_BEGIN)
