"""Whether a person, a room or a record is of some enterprises, by the directory: None stands for all of the site."""

from collections.abc import Iterable, Set

from components.audit.query.words import fold_party
from components.audit.view import RecordView
from components.process.errors import SiteError
from components.settings.site import SiteFile
from policy.address import bare
from policy.directory.directory import Directory, DirectoryError, parse_usable

Enterprises = Set[str] | None


def read_directory(settings: SiteFile) -> Directory:
    """Read the directory as it is in use; raises SiteError."""
    file = settings.gate.directory_file
    try:
        return parse_usable(file.read_text(encoding="utf-8")).directory
    except (OSError, UnicodeDecodeError, DirectoryError) as error:
        raise SiteError(f"{file}: {error}; without it nobody knows whose a record is") from None


def is_own_jid(settings: SiteFile, enterprises: Enterprises, jid: str) -> bool:
    """Return whether a person or a room is of these enterprises; raises SiteError without a directory."""
    return enterprises is None or _is_own(read_directory(settings), enterprises, [jid])


def is_own_record(settings: SiteFile, enterprises: Enterprises, view: RecordView) -> bool:
    """Return whether sender and recipient of a record are of these enterprises; raises as `is_own_jid` does."""
    named = [jid for jid in (view.reading.sender, view.reading.to) if jid]
    return enterprises is None or _is_own(read_directory(settings), enterprises, named)


def _is_own(directory: Directory, enterprises: Set[str], jids: Iterable[str]) -> bool:
    """Return whether all of these, and at least one, are of these enterprises; a stranger is of none."""
    found = [directory.find_enterprise(bare(fold_party(jid))) for jid in jids]
    return bool(found) and all(each is not None and each in enterprises for each in found)
