"""The grants with which an auditor works: those of a folder that are for their own key, and not over."""

from collections.abc import Collection, Sequence
from pathlib import Path

from components.archive.grant import Grant, GrantedSegments
from components.archive.keys.private import remove_key
from components.archive.seal import EnvelopeOpener
from components.audit.grant.file import ENDING, read_grant_file


def find_grants(
    folder: Path, keys: Sequence[EnvelopeOpener], now_ns: int, revoked: Collection[str] = ()
) -> tuple[Grant, ...]:
    """Return the grants in force in a folder, by their ids; raises SiteError and KeyFileError.

    The file of one that is over or revoked is overwritten and removed: what it held opens nothing here any more.
    """
    own, found = {key.key_id for key in keys}, []
    for path in sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else ():
        grant = read_grant_file(path).grant
        if now_ns >= grant.terms.until_ns or grant.terms.id in revoked:
            remove_key(path)
        elif grant.is_in_force(now_ns) and grant.terms.key_id in own:
            found.append(grant)
    return tuple(sorted(found, key=lambda grant: grant.terms.id))


def for_log(grants: Sequence[Grant], origin: str, keys: Sequence[EnvelopeOpener]) -> GrantedSegments:
    """Return what grants open of one log."""
    return GrantedSegments(tuple(each for each in grants if each.terms.log == origin), tuple(keys))
