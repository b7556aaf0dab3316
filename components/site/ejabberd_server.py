"""The site's private ejabberd: its configuration from the settings, its version, its accounts (docs/ejabberd.md)."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.process.errors import SiteError
from components.settings.prosody import ProsodySettings
from components.settings.site import SiteFile
from components.site.ask import ask_program
from components.site.ejabberd import (
    ADAPTER_DIR,
    SYSTEM_LIBRARIES,
    compile_adapter,
    environment,
    render_accounts_config,
    render_config,
    server_beams,
    start_command,
)
from components.site.ejabberd_cluster import ClusterPlan, node_environment, plan_cluster, write_cluster_files
from components.site.server import plan_server

OLDEST_VERSION = (23, 1)
CONFIG, ACCOUNTS = "ejabberd.yml", "accounts.yml"

_COMMAND_TIMEOUT_S = 60


def find_ejabberd(libraries: Path = SYSTEM_LIBRARIES) -> str:
    """Return the version that is installed; raises SiteError if there is none, or if it is too old."""
    beams = server_beams(libraries)
    if not beams or shutil.which("erl") is None:
        raise SiteError("ejabberd is not installed; run `apt-get install ejabberd`")
    match = re.fullmatch(r"ejabberd-((\d+)\.(\d+)\S*)", beams[0].parent.name)
    if match is None:
        raise SiteError(f"{beams[0].parent} does not tell ejabberd's version")
    if (int(match[2]), int(match[3])) < OLDEST_VERSION:
        raise SiteError(f"ejabberd {match[1]} is too old; install 23.01 or newer")
    return match[1]


def write_ejabberd_config(settings: SiteFile, log_level: str = "") -> Path:
    """Write `ejabberd.yml` from site.toml, readable by its owner only: it holds the gate's secret; return its path.

    `log_level` replaces the one of the settings.
    """
    folder = settings.prosody.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    settings.site.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    plan = plan_server(settings, folder)
    plan = replace(plan, log_level=log_level or plan.log_level)
    for name, text in ((CONFIG, render_config(plan)), (ACCOUNTS, render_accounts_config(plan))):
        replace_durably(folder / name, text.encode(), PRIVATE)
    if (node := _node_of(settings)) and settings.cluster:
        write_cluster_files(node, folder, settings.cluster.cookie_file)
    return folder / CONFIG


def make_beams(server: ProsodySettings, libraries: Path = SYSTEM_LIBRARIES) -> Path:
    """Compile the adapter for the ejabberd that is installed, unless that is done; return the folder.

    Raises SiteError. Killed here: there is no mark yet, and the next start compiles again.
    """
    into, mark = server.folder / "beams", server.folder / "beams" / "made-of"
    made_of = _digest([*sorted(ADAPTER_DIR.glob("*.erl")), *server_beams(libraries)])
    if not mark.is_file() or mark.read_text() != made_of:
        shutil.rmtree(into, ignore_errors=True)
        compile_adapter(into, libraries)
        replace_durably(mark, made_of.encode(), PRIVATE)
    return into


def _digest(paths: list[Path]) -> str:
    """Digest the text of files, and the names of folders, which say a version."""
    parts = [path.read_bytes() if path.is_file() else str(path).encode() for path in paths]
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def ejabberd_command(settings: SiteFile) -> tuple[str, ...]:
    """Return the command of the server, with all variables that it reads: the caller's own ones do not count."""
    folder = settings.prosody.folder
    node = _node_of(settings)
    own = {**environment(folder, CONFIG), **(node_environment(folder) if node else {})}
    variables = (f"{name}={value}" for name, value in own.items())
    return ("env", *variables, *start_command(folder, (folder / "beams",), cluster=node))


def _node_of(settings: SiteFile) -> ClusterPlan | None:
    return plan_cluster(settings.cluster, settings.prosody.certificates) if settings.cluster else None


def register_ejabberd_accounts(config: Path, passwords: Mapping[str, str]) -> list[str]:
    """Register the accounts (bare JID to password) that the server does not have, and return these.

    The server must not be up. An account that exists keeps its password. Raises SiteError.
    """
    folder = config.parent
    variables = (f"{name}={value}" for name, value in environment(folder, ACCOUNTS).items())
    server = start_command(folder, (folder / "beams",), reads_input=True)
    command = ["env", *variables, *server, "-s", "offline_accounts"]
    # The passwords go through standard input: a command line is for everybody on the machine to read.
    lines = "".join(f"{jid}\t{password}\n" for jid, password in passwords.items())
    try:
        answer = ask_program(command, lines, _COMMAND_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise SiteError(f"ejabberd registered no accounts in {_COMMAND_TIMEOUT_S} s") from None
    if answer.returncode != 0:
        told = re.findall(r"^failed (.+)$", answer.stdout, re.MULTILINE) or answer.stdout.strip().splitlines()
        raise SiteError(f"ejabberd could not register accounts: {told[-1] if told else 'no output'}")
    return re.findall(r"^added (\S+)$", answer.stdout, re.MULTILINE)
