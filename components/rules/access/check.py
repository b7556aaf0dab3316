"""Checks that the settings of admission match the files that they name, and the directory."""

from collections.abc import Iterator
from pathlib import Path

from components.rules.access.folder import GrantsError
from components.rules.access.register import AccessRegister
from components.settings.access import AccessSettings
from components.settings.table import find_missing
from policy.directory.directory import DirectoryError, parse_usable


def find_access_problems(access: AccessSettings, directory_file: Path) -> Iterator[str]:
    """Return what is wrong, a line for each: the setting, and what to do. Leave out faults of the directory itself."""
    yield from find_missing("access.secret_file", [access.secret_file])
    files = [*access.approvers, *(former.key for former in access.former_approvers)]
    if missing := [str(file) for file in files if not file.is_file()]:
        yield f"access: there is no {', '.join(missing)}; `steelyard keys make JID --approver` makes approvers' keys"
        return
    try:
        register = AccessRegister(access)
        directory = parse_usable(directory_file.read_text(encoding="utf-8")).directory
        register.statements()
    except GrantsError as error:
        yield f"access: {error}"
        return
    except (DirectoryError, OSError, UnicodeDecodeError):
        return
    name = directory_file.name
    if directory.access != access.jid:
        yield f'access.jid: {access.jid} is not `access` of {name}; write access = "{access.jid}" there'
    for key in register.unused_keys(directory):
        yield f"access.approvers: {key} belongs to nobody with the role approver in {name}"
