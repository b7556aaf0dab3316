"""Renders the whole configuration of a private ejabberd, and compiles the adapter for it (docs/ejabberd.md)."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.link.limits import ELEMENT_MAX_BYTES, STANZA_MAX_BYTES
from components.process.errors import SiteError
from components.site.ejabberd_cluster import NODE_LOST_S, ClusterPlan, node_arguments
from components.site.ejabberd_s2s import sites_listeners, sites_modules, sites_options
from components.site.ejabberd_web import (
    TLS_OPTIONS,
    direct_tls_listener,
    web_listener,
    web_modules,
)
from components.site.prosody import PlannedComponent, ProsodyPlan

ADAPTER_DIR = Path(__file__).resolve().parents[1] / "adapter" / "ejabberd"

CLIENT_STANZA_MAX_BYTES = 256 * 1024
"""What a client may say at once: as much as Prosody takes."""

DONE_LAG_MS = 2000
"""`done` follows by the timeout and so much more: docs/decisions/0246."""

QUEUE_MAX = 20000
"""How much waits for a session: while it waits for its verdict, what others say to it waits with it."""

SYSTEM_LIBRARIES = Path("/usr/lib")

_COMPILE_TIMEOUT_S = 120
_INCLUDE = (
    "ejabberd-*/include",
    "*/ejabberd-*/include",
    "erlang/lib/*xmpp-*/include",
    "erlang/lib/*xml-*/include",
)

# Each module with its options. What writes to people past the hold is not loaded: docs/ejabberd.md names it.
MODULES: dict[str, dict[str, Any]] = {
    "mod_adhoc": {},
    "mod_blocking": {},
    "mod_caps": {},
    "mod_carboncopy": {},
    "mod_client_state": {},
    "mod_disco": {},
    "mod_last": {},
    "mod_login_pace": {},
    "mod_mam": {"default": "always", "assume_mam_usage": True, "db_type": "ring"},
    "mod_new_password": {},
    "mod_offline": {"access_max_user_messages": "offline_messages", "db_type": "locked"},
    "mod_ping": {},
    "mod_privacy": {},
    "mod_private": {},
    # Its service, besides that of each account (PEP), is one that nobody is offered and nobody may use.
    "mod_pubsub": {
        "access_createnode": "nobody",
        "plugins": ["flat", "pep"],
        "hosts": ["pubsub.@HOST@.invalid"],
    },
    "mod_roster": {"versioning": True},
    "mod_stream_mgmt": {"resend_on_timeout": "if_offline"},
    "mod_time": {},
    "mod_vcard": {"search": False},
    "mod_version": {"show_os": False},
}


_ACCOUNTS = {"auth_method": "internal", "auth_password_format": "scram"}


def render_accounts_config(plan: ProsodyPlan) -> str:
    """Render the configuration with which accounts are made: the same accounts, and nobody can connect."""
    config = {"hosts": list(plan.domains), "loglevel": "error", **_ACCOUNTS, "listen": [], "modules": {}}
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def render_config(plan: ProsodyPlan) -> str:
    """Render `ejabberd.yml` for a plan; pure. It is JSON, which each reader of YAML reads."""
    gate = (PlannedComponent(plan.gate, plan.gate_secret),) if plan.gate else ()
    config: dict[str, Any] = {
        "hosts": list(plan.domains),
        "loglevel": "warning" if plan.log_level == "warn" else plan.log_level,
        "listen": [
            *_clients(plan),
            *sites_listeners(plan),
            component_listener(
                plan.component_address,
                plan.component_port,
                {each.jid: each.secret for each in (*gate, *plan.components)},
            ),
        ],
        "max_fsm_queue": QUEUE_MAX,
        # How the nodes of a cluster reach one another, and when one that is silent counts as lost.
        "cluster_backend": "recorded",
        "net_ticktime": NODE_LOST_S,
        **_ACCOUNTS,
        "language": "en",
        "acl": {"local": {"user_regexp": ""}},
        "access_rules": {
            "local": {"allow": "local"},
            "nobody": {"deny": "all"},
        },
        **sites_options(plan),
        "shaper_rules": {"offline_messages": 100},
        "modules": _modules(plan),
        "append_host_config": {domain: {"modules": _modules_of(plan, domain)} for domain in plan.domains},
    }
    if plan.certificates:
        config["certfiles"] = [str(file) for file in _certificate_files(plan, plan.certificates)]
        config["acme"] = {"auto": False}
        config["ca_file"] = str(plan.certificates / "ca.crt")
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def _certificate_files(plan: ProsodyPlan, folder: Path) -> Iterator[Path]:
    # Rooms have certificates of their own where other sites come to them.
    rooms = plan.room_domains if plan.takes_sites else ()
    names = (*plan.domains, *rooms, *((plan.web.host,) if plan.web and plan.web.host else ()))
    return (folder / f"{name}.{end}" for name in dict.fromkeys(names) for end in ("crt", "key"))


def _modules(plan: ProsodyPlan) -> dict[str, dict[str, Any]]:
    """Return the modules of all domains."""
    offered = [each.jid for each in plan.components if each.side.offered or each.side.makes_accounts]
    modules = {**MODULES, "mod_disco": {"extra_domains": offered}, **sites_modules(plan)}
    if plan.gate:
        modules["mod_stanza_gate"] = _gate(plan)
    for each in plan.components:
        if each.side.keeps_rosters:
            modules["mod_managed_rosters"] = {"entity": each.jid}
        if each.side.makes_accounts:
            modules["mod_access"] = {"component": each.jid, "passwords": str(plan.first_passwords)}
    return modules


def _modules_of(plan: ProsodyPlan, domain: str) -> dict[str, dict[str, Any]]:
    """Return the modules of one domain alone."""
    rooms = _room_hosts(plan).get(domain)
    modules = _rooms(plan, rooms) if rooms else {}
    return {**modules, **web_modules(plan.web, domain)} if plan.web else modules


def _clients(plan: ProsodyPlan) -> Iterator[dict[str, Any]]:
    clients = _client_listener(plan)
    yield clients
    if plan.direct_tls_port and plan.certificates:
        yield direct_tls_listener(plan, clients)
    if plan.web and plan.certificates:
        yield web_listener(plan.web)


def _client_listener(plan: ProsodyPlan) -> dict[str, Any]:
    listener = {
        "port": plan.c2s_port,
        "ip": plan.address,
        "module": "ejabberd_c2s",
        "access": "local",
        "max_stanza_size": CLIENT_STANZA_MAX_BYTES,
    }
    if plan.certificates:
        listener |= {
            "starttls": True,
            "starttls_required": not plan.plain_port_allowed,
            "protocol_options": list(TLS_OPTIONS),
        }
    return listener


def component_listener(address: str, port: int, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return the listener for components, by their domains and secrets."""
    return {
        "port": port,
        "ip": address,
        "module": "ejabberd_service",
        "access": "all",
        # The gate speaks in others' names; the adapter checks those of all others.
        "check_from": True,
        # Otherwise each component is handed what is addressed to any of them.
        "global_routes": False,
        "max_stanza_size": ELEMENT_MAX_BYTES,
        "hosts": {jid: {"password": secret} for jid, secret in secrets.items()},
    }


def _room_hosts(plan: ProsodyPlan) -> dict[str, list[str]]:
    """Return the domains of rooms that each domain of accounts has: two that had the same would each keep the rooms."""
    by_domain: dict[str, list[str]] = {}
    for rooms in plan.room_domains:
        above = (domain for domain in plan.domains if rooms.endswith(f".{domain}"))
        by_domain.setdefault(max(above, key=len, default=plan.domains[0]), []).append(rooms)
    return by_domain


def _rooms(plan: ProsodyPlan, rooms: list[str]) -> dict[str, dict[str, Any]]:
    muc = {
        "hosts": rooms,
        "access_create": "nobody" if plan.makes_rooms else "local",
        # It puts the notice of the recording into each room.
        "access_admin": [{"allow": [{"server": jid}]} for jid in _makers(plan)] or "nobody",
        "default_room_options": {"mam": True, "public": False},
    }
    modules: dict[str, dict[str, Any]] = {"mod_muc": muc}
    if plan.gate:
        modules["mod_room_borders"] = {}
    if plan.gate and plan.makes_rooms:
        modules["mod_directory_rooms"] = {}
    return modules


def _makers(plan: ProsodyPlan) -> list[str]:
    """Return the components that make accounts: one, or none."""
    return [each.jid for each in plan.components if each.side.makes_accounts]


def _gate(plan: ProsodyPlan) -> dict[str, Any]:
    return gate_options(plan.gate, plan.hold_timeout_s, plan.window_stanzas, plan.window_bytes)


def gate_options(gate: str, timeout_s: float, window_stanzas: int, window_bytes: int) -> dict[str, Any]:
    """Return the options of the adapter."""
    timeout_ms = round(timeout_s * 1000)
    return {
        "gate": gate,
        "timeout_ms": timeout_ms,
        "window_stanzas": window_stanzas,
        "window_bytes": window_bytes,
        "stanza_bytes": STANZA_MAX_BYTES,
        "done_lag_ms": timeout_ms + DONE_LAG_MS,
    }


def compile_adapter(into: Path, libraries: Path = SYSTEM_LIBRARIES) -> Path:
    """Compile the adapter's modules with the headers of the ejabberd that is installed; raises SiteError.

    Beams are made where they run: the records that they share with the server are those of its version.
    """
    compile_erlang(sorted(ADAPTER_DIR.glob("*.erl")), into, libraries)
    return into


def compile_erlang(sources: list[Path], into: Path, libraries: Path = SYSTEM_LIBRARIES) -> None:
    """Compile Erlang modules against the installed ejabberd; raises SiteError, with what the compiler said."""
    includes = [str(folder) for pattern in _INCLUDE for folder in sorted(libraries.glob(pattern))]
    if not includes:
        raise SiteError("ejabberd is not installed, or its headers are not: run `apt-get install ejabberd`")
    into.mkdir(parents=True, exist_ok=True)
    flags = [flag for folder in includes for flag in ("-I", folder)]
    flags += [flag for folder in server_beams(libraries) for flag in ("-pa", str(folder))]
    command = ["erlc", "-Wall", "+debug_info", *flags, "-o", str(into), *map(str, sources)]
    try:
        answer = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_COMPILE_TIMEOUT_S, check=False
        )
    except FileNotFoundError:
        raise SiteError("erlc is not installed; it comes with Debian's package erlang-base") from None
    if answer.returncode != 0:
        raise SiteError(f"the adapter for ejabberd does not compile: {answer.stdout or answer.stderr}")


def server_beams(libraries: Path = SYSTEM_LIBRARIES) -> list[Path]:
    """Return where ejabberd's own modules are; none where it is not installed."""
    found = sorted([*libraries.glob("ejabberd-*/ebin"), *libraries.glob("*/ejabberd-*/ebin")])
    return found[:1]


def start_command(
    root: Path,
    beams: tuple[Path, ...],
    libraries: Path = SYSTEM_LIBRARIES,
    *,
    reads_input: bool = False,
    cluster: ClusterPlan | None = None,
) -> list[str]:
    """Return what starts a private ejabberd: no node name, so no epmd and nothing to connect to, but for a cluster."""
    paths = [*beam_arguments(libraries), *(argument for folder in beams for argument in ("-pa", str(folder)))]
    mnesia = ["-mnesia", "dir", f'"{root / "data"}"']
    starts = node_arguments(cluster, root) if cluster else ["-s", "ejabberd"]
    return ["erl", "-noshell" if reads_input else "-noinput", *paths, *mnesia, *starts]


def beam_arguments(libraries: Path = SYSTEM_LIBRARIES) -> list[str]:
    """Return the arguments with which Erlang finds ejabberd and what it brings; raises SiteError if it is not there."""
    own = server_beams(libraries)
    if not own:
        raise SiteError("ejabberd is not installed; run `apt-get install ejabberd`")
    return [argument for folder in (*own, *_beside(libraries)) for argument in ("-pa", str(folder))]


def _beside(libraries: Path) -> list[Path]:
    """Return the libraries that an ejabberd brings which is not the system's own; Erlang finds those of the system."""
    return [] if libraries == SYSTEM_LIBRARIES else sorted(libraries.glob("erlang/lib/*/ebin"))


def environment(root: Path, config: str = "ejabberd.yml") -> Mapping[str, str]:
    """Return the environment of a private ejabberd, whose configuration is below `root`."""
    return {
        "HOME": str(root),
        "EJABBERD_CONFIG_PATH": str(root / config),
        "EJABBERD_LOG_PATH": str(root / "ejabberd.log"),
        "EJABBERD_PID_PATH": str(root / "ejabberd.pid"),
        "ERL_CRASH_DUMP_SECONDS": "0",
    }
