"""Checks who else could change a site's files: a user who may write to a folder can replace the files in it."""

import grp
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from components.archive.store.open import log_file
from components.gate.review.store import review_file
from components.rules.exceptions import FOLDER as EXCEPTIONS
from components.settings.site import SiteFile
from components.site.init import authority_key_file
from components.site.parts import parts_of


def site_folders(settings: SiteFile) -> list[Path]:
    """Return the existing folders of a site's settings, keys, logs, statements and queue."""
    gate, server = settings.gate, settings.prosody
    files = [settings.path, gate.directory_file, gate.secret_file, gate.status_file, review_file(settings)]
    files += [file for log in settings.logs if (file := log_file(log.store)) is not None]
    files += [settings.audit.index, authority_key_file(settings), settings.archive.conversation_key_file]
    files += [*settings.archive.recipients, *settings.archive.approvers]
    files += [file for part in parts_of(settings) for file in (*part.secret_files, *part.kept_files)]
    files += [file for file in (gate.policy, settings.archive.retention) if file is not None]
    if settings.transfer is not None and settings.transfer.sessions_file is not None:
        files.append(settings.transfer.sessions_file)
    folders = [file.parent for file in files]
    folders += [server.certificates, server.folder, gate.directory_file.parent / EXCEPTIONS]
    if settings.access is not None:
        folders.append(settings.access.folder)
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def find_open_to_change(folder: Path) -> Iterator[str]:
    """Yield a line for the folder and for each file in it that another user than the owner may change."""
    for path in (folder, *sorted(_files_in(folder))):
        with suppress(FileNotFoundError):  # a file that was being written when the folder was read
            if who := _others_who_may_write(path.stat()):
                yield f"{who} may change {path}; run `chmod go-w {path}`"


def _files_in(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        yield from (Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False))


def _others_who_may_write(status: os.stat_result) -> str:
    if status.st_mode & stat.S_IWOTH:
        return "everybody"
    if status.st_mode & stat.S_IWGRP and not _is_of_one(status.st_gid, status.st_uid):
        return f"the group {_name_group(status.st_gid)}"
    return ""


def _is_of_one(group: int, owner: int) -> bool:
    """Return whether a group is the owner's own, as Debian makes it: with the user's name and no other member."""
    try:
        found, name = grp.getgrgid(group), pwd.getpwuid(owner).pw_name
    except KeyError:
        return False
    return found.gr_name == name and set(found.gr_mem) <= {name}


def _name_group(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)
