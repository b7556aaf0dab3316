"""Checks whose a site's files are: root may read and change all of them, so a check as root sees no fault otherwise.

A private file that another user owns is theirs to read, and one of root's is nobody's to read who is not root. A
public key, a rule or a folder of another user's is theirs to exchange.
"""

import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from components.archive.keys.reference import secret_files
from components.archive.store.open import log_file
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.folder_check import site_folders
from components.site.init import accounts_file
from components.site.key_check import keys_of_others, opens_records_here, private_files
from components.site.needs import Needs, find_needs

OwnerOf = Callable[[Path], int]
"""Returns the number of a file's owner; raises OSError."""

_ROOT = 0
_NUMBER = "user number "


def owner_of(path: Path) -> int:
    """Return the number of the user who owns a file; raises OSError."""
    return path.stat().st_uid


def find_foreign_keys(site: SiteFile, owner_of: OwnerOf = owner_of) -> Iterator[str]:
    """Yield a line for each private file that is not its reader's; nothing where no process has written anything."""
    user = _find_user(site, owner_of)
    if user is None:
        return
    by_unit = _owners_by_unit(site, user)
    of_nobody = {*keys_of_others(site), accounts_file(site)}
    of_commands = set() if opens_records_here(site) else set(_audit_keys(site))
    for file in private_files(site):
        # What no unit needs is root's; auditors who run commands alone may have users of their own.
        owner, expected = owner_of(file), by_unit.get(file, _ROOT if by_unit else user)
        if owner == expected or file in of_commands or (owner == _ROOT and file in of_nobody):
            continue
        if owner == _ROOT:
            yield f"{file} belongs to root, so that {_name(expected)} cannot read it; run {_advise(expected, file)}"
        else:
            yield f"{file} belongs to {_name(owner)}, who can read it; run {_advise(expected, file)}"


def find_foreign_files(site: SiteFile, owner_of: OwnerOf = owner_of) -> Iterator[str]:
    """Yield a line for each folder, and public file in it, that belongs to somebody who has no part in the site."""
    user = _find_user(site, owner_of)
    if user is None or site.prosody.attached_to is not None:  # these folders are the server's own users'
        return
    known = {_ROOT, user, owner_of(site.path), *_unit_users(site).values()}
    private = set(private_files(site))
    for folder in site_folders(site):
        files = sorted(file for file in folder.iterdir() if file.is_file() and file not in private)
        for path in (folder, *files):
            with suppress(FileNotFoundError):  # a file that was being written when the folder was read
                if (owner := owner_of(path)) not in known:
                    yield f"{_name(owner)} owns {path}, and may change it; run {_advise(user, path)}"


def _audit_keys(site: SiteFile) -> Iterator[Path]:
    for key in (site.audit.log_key_file, *site.audit.key_files):
        yield from secret_files(key)


def _find_user(site: SiteFile, owner_of: OwnerOf) -> int | None:
    """Return who runs the gate: whose what it has written is."""
    written = (log_file(site.gate.log), site.gate.status_file)
    return next((owner_of(file) for file in written if file is not None and file.exists()), None)


def _owners_by_unit(site: SiteFile, user: int) -> Mapping[Path, int]:
    """Return whose each private file is where each process has a user of its own; nothing where one runs all."""
    users = _unit_users(site)
    if user not in users.values():
        return {}
    needs = [each for each in _find_needs(site) if each.user in users]
    own = {file: users[each.user] for each in needs for file in each.secrets}
    return own | {file: _ROOT for each in needs for file in each.shared.values()}


def _unit_users(site: SiteFile) -> Mapping[str, int]:
    """Return the users of the site's units, those that this machine has."""
    known = {each.pw_name: each.pw_uid for each in pwd.getpwall()}
    return {each.user: known[each.user] for each in _find_needs(site) if each.user in known}


def _find_needs(site: SiteFile) -> tuple[Needs, ...]:
    try:
        return find_needs(site)
    except SiteError:  # its folders are for one user
        return ()


def _advise(user: int, file: Path) -> str:
    return f"`chown {_name(user).removeprefix(_NUMBER)} {file}`"


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"{_NUMBER}{user}"
