"""The site's private Prosody: its configuration from the settings, its version, its accounts."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.process.errors import SiteError
from components.settings.federation import DEFAULT_STREAMS
from components.settings.prosody import ProsodySettings
from components.settings.secret import read_secret
from components.settings.site import SiteFile
from components.site.ask import ask_program
from components.site.federation import plan_sites
from components.site.parts import parts_of
from components.site.prosody import PlannedComponent, ProsodyPlan, render_config

OLDEST_VERSION = (0, 12)

_COMMAND_TIMEOUT_S = 30


def write_config(settings: SiteFile, log_level: str = "") -> Path:
    """Write `prosody.cfg.lua` from site.toml, readable by its owner only: it holds the gate's secret.

    `log_level` replaces the one of the settings.
    """
    settings.prosody.folder.mkdir(parents=True, exist_ok=True)
    server_data(settings.prosody).mkdir(mode=0o700, exist_ok=True)
    settings.site.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan = plan_server(settings, settings.prosody.folder)
    plan = replace(plan, log_level=log_level or plan.log_level)
    replace_durably(settings.prosody.config_file, render_config(plan).encode(), PRIVATE)
    return settings.prosody.config_file


def server_data(server: ProsodySettings) -> Path:
    """Return the folder in which the server keeps accounts, rosters, rooms and the rest."""
    return server.folder / "data"


def write_probe_config(settings: SiteFile, folder: Path) -> Path:
    """Write the configuration to another folder, only for prosodyctl; change nothing of the site."""
    file = folder / "prosody.cfg.lua"
    plan = replace(plan_server(settings, folder), root=folder, log_file=folder / "prosody.log")
    replace_durably(file, render_config(plan).encode(), PRIVATE)
    return file


def find_prosody() -> str:
    """Return the path of the program; raises SiteError if it is not installed."""
    program = shutil.which("prosody")
    if program is None or shutil.which("prosodyctl") is None:
        raise SiteError("prosody is not installed; run `apt-get install prosody` or `make setup`")
    return program


def require_version(config: Path) -> str:
    """Ask the installed server for its version and return it; raises SiteError unless it is recent enough."""
    find_prosody()
    answer = _prosodyctl(config, "about")
    match = re.search(r"^Prosody ((\d+)\.(\d+)\S*)", answer.stdout, re.MULTILINE)
    if match is None:
        raise SiteError(f"`prosodyctl about` does not tell Prosody's version: {_last_line(answer.stdout)}")
    if (int(match[2]), int(match[3])) < OLDEST_VERSION:
        raise SiteError(
            f"Prosody {match[1]} is too old; install {'.'.join(map(str, OLDEST_VERSION))} or newer"
        )
    return match[1]


def register_accounts(config: Path, passwords: Mapping[str, str]) -> list[str]:
    """Register the accounts (bare JID to password) that the server does not have, and return these.

    An account that exists keeps its password. Raises SiteError.
    """
    # The passwords go through standard input: a command line is for everybody on the machine to read.
    lines = "".join(f"{jid}\t{password}\n" for jid, password in passwords.items())
    answer = _prosodyctl(config, "mod_offline_accounts", "add", stdin=lines)
    if answer.returncode != 0:
        raise SiteError(f"prosodyctl could not register accounts: {_last_line(answer.stdout)}")
    return re.findall(r"^added (\S+)$", answer.stdout, re.MULTILINE)


def plan_server(settings: SiteFile, folder: Path) -> ProsodyPlan:
    """Return what site.toml says of the server; the authorities of other sites are written to `folder`."""
    server, gate = settings.prosody, settings.gate
    return ProsodyPlan(
        root=server.folder,
        domains=server.domains,
        room_domains=server.room_domains,
        c2s_port=server.c2s_port,
        component_port=gate.component_port,
        address=server.address,
        component_address=gate.address,
        direct_tls_port=server.direct_tls_port,
        s2s_port=server.s2s_port,
        web=server.web,
        gate=gate.jid,
        makes_rooms=True,
        first_passwords=settings.access.passwords if settings.access else None,
        gate_secret=read_secret(gate.secret_file),
        components=tuple(
            PlannedComponent(each.jid, read_secret(each.secret_file), each.side)
            for part in parts_of(settings)
            if (each := part.component) is not None and each.jid != gate.jid
        ),
        federated_domains=server.federated_domains,
        sites=plan_sites(settings, folder),
        site_streams=settings.federation.streams if settings.federation else DEFAULT_STREAMS,
        certificates=server.certificates,
        hold_timeout_s=gate.hold_timeout_s,
        window_stanzas=gate.window_stanzas,
        window_bytes=gate.window_bytes,
        log_level=server.log_level,
        log_file=settings.site.logs / "prosody.log",
        storage=server.storage,
    )


def _prosodyctl(config: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = ["prosodyctl", "--config", str(config), *arguments]
    try:
        return ask_program(command, stdin, _COMMAND_TIMEOUT_S)
    except FileNotFoundError:
        raise SiteError("prosodyctl is not installed; it comes with Debian's package prosody") from None
    except subprocess.TimeoutExpired:
        raise SiteError(f"`prosodyctl {arguments[0]}` gave no answer in {_COMMAND_TIMEOUT_S} s") from None


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no output"
