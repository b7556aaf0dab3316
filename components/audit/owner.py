"""Whose record a record is: the enterprise of its sender or, if the sender is of none, of its recipient."""

from collections.abc import Callable

from components.audit.auditor import Auditor
from components.audit.view import RecordView
from components.process.errors import SiteError
from components.settings.site import SiteFile
from policy.directory.directory import Directory, DirectoryError, parse_directory


def may_see(settings: SiteFile, auditor: Auditor | None, view: RecordView) -> bool:
    """Return whether a record is within what an auditor may see; nothing is that belongs to no enterprise.

    Without an auditor, or for one of the whole site, everything is.
    """
    if auditor is None or auditor.enterprises is None:
        return True
    try:
        directory = parse_directory(settings.gate.directory_file.read_text())
    except (OSError, UnicodeDecodeError, DirectoryError):
        return False
    return auditor.may_see(find_owner(directory, view))


def check_owner(settings: SiteFile, auditor: Auditor | None) -> Callable[[str], bool]:
    """Return what says of a JID whether it is of an enterprise that an auditor may see."""
    if auditor is None or auditor.enterprises is None:
        return lambda jid: True
    try:
        directory = parse_directory(settings.gate.directory_file.read_text())
    except (OSError, UnicodeDecodeError, DirectoryError):
        return lambda jid: False
    return lambda jid: auditor.may_see(find_owner_of(directory, jid))


def check_parties(settings: SiteFile, auditor: Auditor | None) -> Callable[[str, str], bool]:
    """Return what says of a sender and a recipient whether an auditor may see a record of what one says to the other.

    Raises SiteError if they may see some enterprises alone, and the directory cannot be read.
    """
    if auditor is None or auditor.enterprises is None:
        return lambda sender, to: True
    try:
        directory = parse_directory(settings.gate.directory_file.read_text())
    except (OSError, UnicodeDecodeError, DirectoryError):
        raise SiteError(f"{settings.gate.directory_file} cannot be read: run `steelyard check`") from None
    return lambda sender, to: auditor.may_see(
        find_owner_of(directory, sender) or find_owner_of(directory, to)
    )


def find_owner(directory: Directory, view: RecordView) -> str:
    """Return the id of the enterprise whose record it is; empty if it is nobody's."""
    owners = (find_owner_of(directory, jid) for jid in (view.reading.sender, view.reading.to))
    return next((owner for owner in owners if owner), "")


def find_owner_of(directory: Directory, jid: str) -> str:
    """Return the id of the enterprise of a JID's domain; empty if it is nobody's."""
    domain = jid.partition("/")[0].rpartition("@")[2]
    for enterprise in directory.enterprises:
        if any(domain and domain in (site.domain, site.rooms) for site in enterprise.sites):
            return enterprise.id
    return ""
