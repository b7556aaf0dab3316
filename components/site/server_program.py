"""The XMPP servers that a site can run, as data: how each is found, configured and started, and given accounts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.site.ejabberd_server import (
    ejabberd_command,
    find_ejabberd,
    make_beams,
    register_ejabberd_accounts,
    write_ejabberd_config,
)
from components.site.prosody import ENVIRONMENT
from components.site.server import find_prosody, register_accounts, require_version, write_config


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """One XMPP server.

    `find` raises SiteError if it is not installed. `prepare` writes its configuration, makes what else it needs, and
    returns the configuration's path; `configure` only writes the configuration, with another log level if one is given.
    `command` is made of the settings and that path; `environment` has what it gets unless we have that ourselves.
    `register` makes the accounts that are missing, before the server is up, and returns them. One that `reads_anew`
    reads certificates and its log level again at SIGHUP.
    """

    name: ServerName
    find: Callable[[], object]
    configure: Callable[[SiteFile, str], Path]
    prepare: Callable[[SiteFile], Path]
    command: Callable[[SiteFile, Path], tuple[str, ...]]
    register: Callable[[Path, Mapping[str, str]], list[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    reads_anew: bool = True


def _prepare_prosody(settings: SiteFile) -> Path:
    config = write_config(settings)
    require_version(config)
    return config


def _prosody_command(_settings: SiteFile, config: Path) -> tuple[str, ...]:
    return find_prosody(), "-F", "--config", str(config)


def _prepare_ejabberd(settings: SiteFile) -> Path:
    find_ejabberd()
    config = write_ejabberd_config(settings)
    make_beams(settings.prosody)
    return config


def _ejabberd_command(settings: SiteFile, _config: Path) -> tuple[str, ...]:
    return ejabberd_command(settings)


PROGRAMS = (
    ServerProgram(
        "prosody",
        find_prosody,
        write_config,
        _prepare_prosody,
        _prosody_command,
        register_accounts,
        environment=ENVIRONMENT,
    ),
    ServerProgram(
        "ejabberd",
        find_ejabberd,
        write_ejabberd_config,
        _prepare_ejabberd,
        _ejabberd_command,
        register_ejabberd_accounts,
        reads_anew=False,
    ),
)


def find_program(name: ServerName) -> ServerProgram:
    """Return the server of this name."""
    return next(program for program in PROGRAMS if program.name == name)


def program_of(settings: SiteFile) -> ServerProgram:
    """Return the server that a site runs."""
    return find_program(settings.site.server)
