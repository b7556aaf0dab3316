"""`steelyard run`: one process of a site in the place of this one, for a service manager that keeps it running."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from components.archive.store.open import log_file
from components.process.errors import SiteError
from components.settings.site import SiteFile
from components.site.ejabberd_check import refuse_ejabberd
from components.site.lock import share_site
from components.site.parts import is_machine, running_parts
from components.site.prosody import ENVIRONMENT
from components.site.server import find_prosody, write_config

SERVER = "prosody"


def run_component(site_toml: Path, name: str) -> None:
    """Become the process `name` of a site, such as `gate`; does not return.

    Only what this process reads has to be there, so that each may belong to a user of its own. Raises SettingsError,
    and SiteError if there is no such process or if `steelyard up` runs the site.
    """
    site = SiteFile(site_toml)
    refuse_ejabberd(site, "running each process by itself")
    command = find_command(site, name)
    share_site(site.folder)
    if name == SERVER:
        write_config(site)
    else:
        _make_folders(site, name)
    _become(command, {**ENVIRONMENT, **os.environ} if name == SERVER else os.environ)


def find_command(site: SiteFile, name: str) -> tuple[str, ...]:
    """Return the command of a site's process; raises SiteError if there is none of this name."""
    if name == SERVER and not is_machine(site):
        return find_prosody(), "-F", "--config", str(site.prosody.config_file)
    modules = {part.name: part.module for part in running_parts(site)}
    if name not in modules:
        names = sorted((*modules, *(() if is_machine(site) else (SERVER,))))
        raise SiteError(f"{site.path} has no process {name}; it has {', '.join(names)}")
    # -P: from whatever folder this is run, what is imported is installed.
    return sys.executable, "-P", "-m", modules[name], str(site.path)


def _make_folders(site: SiteFile, name: str) -> None:
    """Make the folder of the process's log and, for whoever writes it, that of the index."""
    files = [log_file(log.store) for log in site.logs if log.table == name]
    if name == "indexer":
        files.append(site.audit.index)
    for file in files:
        if file is not None:
            file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)


def _become(command: tuple[str, ...], environment: Mapping[str, str]) -> None:
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - a program of ours or Prosody, without a shell
