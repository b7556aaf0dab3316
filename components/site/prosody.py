"""The private Prosody of a site: its configuration, rendered whole."""

from dataclasses import dataclass, field
from pathlib import Path

ADAPTER_DIR = Path(__file__).resolve().parents[1] / "adapter" / "prosody"
ADAPTER_FILE = ADAPTER_DIR / "mod_stanza_gate" / "mod_stanza_gate.lua"

MODULES = (  # noqa: SIM905 - reads better than a page of quotes
    "roster saslauth tls disco posix presence message iq ping pep carbons mam smacks csi blocklist "
    "vcard4 vcard_legacy bookmarks private time version offline"
).split()


@dataclass(frozen=True, slots=True)
class ProsodyPlan:
    """Everything that one Prosody instance needs to know.

    `gate` is the gate's JID, or empty for a bare server; `roster` that of the component that keeps the rosters of its
    domains, `access` that of the component that makes accounts and owns the rooms, or empty. Paths are absolute; ports
    are loopback ports.
    """

    root: Path
    domains: tuple[str, ...]
    room_domains: tuple[str, ...]
    c2s_port: int
    component_port: int
    address: str = "127.0.0.1"
    component_address: str = "127.0.0.1"
    s2s_port: int = 0
    gate: str = ""
    gate_secret: str = ""
    roster: str = ""
    roster_secret: str = ""
    access: str = ""
    access_secret: str = ""
    federated_domains: tuple[str, ...] = ()
    certificates: Path | None = None
    plain_port_allowed: bool = False
    hold_timeout_s: float = 5.0
    window_stanzas: int = 16384
    window_bytes: int = 32 * 1024 * 1024
    log_level: str = "info"
    log_file: Path | None = None
    storage: str = "internal"
    modules: tuple[str, ...] = tuple(MODULES)
    components: tuple[tuple[str, str], ...] = field(default=())


def render_config(plan: ProsodyPlan) -> str:
    """Render `prosody.cfg.lua` for one site; pure, the same text for the same plan."""
    modules = list(plan.modules) + (["stanza_gate", "unknown_accounts"] if plan.gate else [])
    modules += ["privilege", "managed_rosters"] if plan.roster else []
    modules += ["admin_adhoc", "access_notice"] if plan.access else []
    disabled = [] if plan.s2s_port else ["s2s"]
    if plan.s2s_port:
        modules += ["s2s", "dialback"] if not plan.certificates else ["s2s"]
    lines = [
        "-- Written by steelyard; changes here are lost at the next start. Change site.toml instead.",
        "run_as_root = true",
        f"pidfile = {_lua(plan.root / 'prosody.pid')}",
        f"data_path = {_lua(plan.root / 'data')}",
        f"log = {{ {{ levels = {{ min = {_lua(plan.log_level)} }}, to = 'file', "
        f"filename = {_lua(plan.log_file or plan.root / 'prosody.log')}, timestamps = '%Y-%m-%dT%H:%M:%S' }} }}",
        f"plugin_paths = {{ {_lua(ADAPTER_DIR)} }}",
        f"modules_enabled = {_lua_list(modules)}",
        f"modules_disabled = {_lua_list(disabled)}",
        f"interfaces = {{ {_lua(plan.address)} }}",
        f"c2s_ports = {{ {plan.c2s_port} }}",
        "c2s_direct_tls_ports = {}",
        "http_ports = {}",
        "https_ports = {}",
        f"s2s_ports = {{ {plan.s2s_port or ''} }}",
        f"component_ports = {{ {plan.component_port} }}",
        f"component_interfaces = {{ {_lua(plan.component_address)} }}",
        "authentication = 'internal_hashed'",
        f"storage = {_lua(plan.storage)}",
        "allow_registration = false",
        f"c2s_require_encryption = {_lua(not plan.plain_port_allowed)}",
        f"allow_unencrypted_plain_auth = {_lua(plan.plain_port_allowed)}",
        "s2s_require_encryption = true",
        f"s2s_secure_auth = {_lua(bool(plan.certificates))}",
        "-- Small steps all the time, instead of stopping for the whole heap (docs/decisions/0005).",
        "gc = { mode = 'incremental', threshold = 300, speed = 1 }",
        "network_settings = { nagle = false }",
        "-- With fewer than there are users, everybody's blocklist is read from the disk after each collection.",
        "blocklist_cache_size = 100000",
    ]
    if plan.certificates:
        lines += [
            f"certificates = {_lua(plan.certificates)}",
            f"ssl = {{ cafile = {_lua(plan.certificates / 'ca.crt')}; protocol = 'tlsv1_2+' }}",
        ]
    if plan.gate:
        lines += [
            f"stanza_gate = {_lua(plan.gate)}",
            f"stanza_gate_timeout = {plan.hold_timeout_s}",
            f"stanza_gate_window = {plan.window_stanzas}",
            f"stanza_gate_window_bytes = {plan.window_bytes}",
            f"stanza_gate_federated = {_lua_list(plan.federated_domains)}",
        ]
    if plan.roster:
        lines += [
            f"managed_rosters_by = {_lua(plan.roster)}",
            f"privileged_entities = {{ [{_lua(plan.roster)}] = {{ roster = 'both' }} }}",
        ]
    if plan.access:
        lines += [f"admins = {_lua_list([plan.access])}", f"access_notice = {_lua(plan.access)}"]
    lines += [f"VirtualHost {_lua(domain)}" for domain in plan.domains]
    for domain in plan.room_domains:
        lines += [
            f"Component {_lua(domain)} 'muc'",
            f"  modules_enabled = {_lua_list(['muc_mam', *(['room_borders'] if plan.gate else [])])}",
            "  muc_room_default_public = false",
            "  muc_log_by_default = true",
        ]
    if plan.gate:
        lines += [
            f"Component {_lua(plan.gate)}",
            f"  component_secret = {_lua(plan.gate_secret)}",
            "  disco_hidden = true",
        ]
    if plan.roster:
        lines += [
            f"Component {_lua(plan.roster)}",
            f"  component_secret = {_lua(plan.roster_secret)}",
            "  modules_enabled = { 'privilege' }",
            "  disco_hidden = true",
        ]
    if plan.access:
        lines += [f"Component {_lua(plan.access)}", f"  component_secret = {_lua(plan.access_secret)}"]
    for domain, secret in plan.components:
        lines += [f"Component {_lua(domain)}", f"  component_secret = {_lua(secret)}"]
    return "\n".join(lines) + "\n"


def _lua(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{text}'"


def _lua_list(values: list[str] | tuple[str, ...]) -> str:
    return "{ " + ", ".join(_lua(value) for value in values) + " }"
