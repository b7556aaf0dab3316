"""Renders the whole configuration of a site's private Prosody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.link.limits import ELEMENT_MAX_BYTES, STANZA_MAX_BYTES
from components.settings.federation import DEFAULT_STREAMS
from components.settings.prosody import WebSettings
from components.site.lua import lua_list as _lua_list
from components.site.lua import lua_text as _lua
from components.site.planned_site import PlannedSite, render_sites

ADAPTER_DIR = Path(__file__).resolve().parents[1] / "adapter" / "prosody"
ADAPTER_FILE = ADAPTER_DIR / "mod_stanza_gate" / "mod_stanza_gate.lua"

ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""What a server is started with: its memory in large pages, where the system allows them (docs/decisions/0154)."""

# Of user_account_management the gate lets the change of a password through and no more (docs/paths.md, section 3).
MODULES = (  # noqa: SIM905 - reads better than a page of quotes
    "roster saslauth tls disco posix presence message iq ping pep carbons mam smacks csi blocklist "
    "vcard4 vcard_legacy bookmarks private time version offline user_account_management"
).split()

# What is the same at every site, with why, for whoever reads the server's configuration.
_ALWAYS = """\
allow_registration = false
-- Small steps all the time, instead of stopping for the whole heap (docs/decisions/0005); how seldom, the
-- module paced_collector says.
gc = { mode = 'incremental', threshold = 300, speed = 1 }
-- With fewer than there are users, everybody's blocklist is read from the disk after each collection.
blocklist_cache_size = 100000
-- Prosody 13 drops what a blocked person writes, without a word; 0.12 says that it is not delivered.
bounce_blocked_messages = true"""
# Prosody 13 asks for a role where 0.12 asked for nothing, and no longer makes `admins` owners of all rooms.
_ALWAYS_OF_ROOMS = """\
  muc_room_default_public = false
  muc_log_by_default = true
  component_admins_as_room_owners = true
  server_user_role = 'prosody:registered'
  public_user_role = 'prosody:registered'"""


@dataclass(frozen=True, slots=True)
class ServerSide:
    """What the server does for a component.

    `modules` are loaded for its domains, `room_modules` for their rooms, `own_modules` for the component itself;
    `options` are global settings, in which {jid} is the component's address as a Lua string. A `hidden` component is
    not in the server's list of services; one that is `offered` is in that of each domain, whatever its own is called.
    The modules and options are Prosody's; with ejabberd what `keeps_rosters` may read and write those of all accounts,
    and what `makes_accounts` may make and remove accounts, and owns all rooms.
    """

    modules: tuple[str, ...] = ()
    room_modules: tuple[str, ...] = ()
    own_modules: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    hidden: bool = False
    offered: bool = False
    keeps_rosters: bool = False
    makes_accounts: bool = False


NOTHING_MORE = ServerSide()


@dataclass(frozen=True, slots=True)
class PlannedComponent:
    """A component that connects to the server (XEP-0114)."""

    jid: str
    secret: str
    side: ServerSide = NOTHING_MORE


@dataclass(frozen=True, slots=True)
class ProsodyPlan:
    """Everything that one Prosody instance needs to know.

    `gate` is the gate's JID, or empty for a bare server; `components` are all others. `federated_domains` are of other
    sites that `ca.crt` vouches for; what is more to say of a site is in `sites`. If it `makes_rooms`, the rooms of the
    directory exist from the start, and have no owner. Paths are absolute; ports are loopback ports.
    """

    root: Path
    domains: tuple[str, ...]
    room_domains: tuple[str, ...]
    c2s_port: int
    component_port: int
    address: str = "127.0.0.1"
    component_address: str = "127.0.0.1"
    direct_tls_port: int = 0
    s2s_port: int = 0
    web: WebSettings | None = None
    gate: str = ""
    gate_secret: str = ""
    components: tuple[PlannedComponent, ...] = ()
    federated_domains: tuple[str, ...] = ()
    sites: tuple[PlannedSite, ...] = ()
    site_streams: int = DEFAULT_STREAMS
    certificates: Path | None = None
    plain_port_allowed: bool = False
    hold_timeout_s: float = 5.0
    window_stanzas: int = 16384
    window_bytes: int = 32 * 1024 * 1024
    log_level: str = "info"
    log_file: Path | None = None
    storage: str = "internal"
    makes_rooms: bool = False
    first_passwords: Path | None = None
    modules: tuple[str, ...] = tuple(MODULES)

    @property
    def takes_sites(self) -> bool:
        """Whether it talks to other sites, and knows them by their certificates."""
        return bool(self.s2s_port and self.certificates)

    @property
    def all_sites(self) -> tuple[PlannedSite, ...]:
        """All other sites; none has more than an address in DNS and `ca.crt` if it is a federated domain alone."""
        if not self.certificates:
            return self.sites
        authority = self.certificates / "ca.crt"
        return (*(PlannedSite((domain,), authority) for domain in self.federated_domains), *self.sites)


def render_config(plan: ProsodyPlan) -> str:
    """Render `prosody.cfg.lua` for one site; pure, the same text for the same plan."""
    gate = (PlannedComponent(plan.gate, plan.gate_secret, _gate_side(plan)),) if plan.gate else ()
    components = (*gate, *plan.components)
    lines = [
        "-- Written by steelyard; changes here are lost at the next start. Change site.toml instead.",
        *_global_lines(plan, [module for each in components for module in each.side.modules]),
        *_network_lines(plan),
        *_security_lines(plan),
        *(option.replace("{jid}", _lua(each.jid)) for each in components for option in each.side.options),
    ]
    for domain in plan.domains:
        lines += _domain_lines(plan, domain)
    own = ["directory_rooms"] if plan.makes_rooms else []
    rooms = ["muc_mam", *own, *(module for each in components for module in each.side.room_modules)]
    for domain in plan.room_domains:
        lines += _room_lines(domain, rooms)
    for component in components:
        lines += _component_lines(component)
        if component.jid == plan.gate and plan.web and plan.web.host and plan.certificates:
            # The server shows a certificate in the name of a host alone. The gate's has no clients of its own.
            lines += [
                f"  https_host = {_lua(plan.web.host)}",
                f"  https_ssl = {_lua_pair(plan.certificates, plan.web.host)}",
            ]
    return "\n".join(lines) + "\n"


def _gate_side(plan: ProsodyPlan) -> ServerSide:
    return ServerSide(
        modules=(
            "stanza_gate",
            "paced_collector",
            "unknown_accounts",
            "former_accounts",
            "archive_halved",
            *(("federated_sites",) if plan.takes_sites else ()),
        ),
        # Components take over no modules of the server. To those that are not listed here, no other site can speak.
        room_modules=("room_borders", "archive_halved", *(("federated_sites",) if plan.takes_sites else ())),
        options=(
            "stanza_gate = {jid}",
            f"stanza_gate_timeout = {plan.hold_timeout_s}",
            f"stanza_gate_window = {plan.window_stanzas}",
            f"stanza_gate_window_bytes = {plan.window_bytes}",
            f"stanza_gate_stanza_bytes = {STANZA_MAX_BYTES}",
            f"component_stanza_size_limit = {ELEMENT_MAX_BYTES}",
            f"stanza_gate_federated = {_lua_list(_federated_domains(plan))}",
            *(render_sites(plan.all_sites) if plan.takes_sites else ()),
            *((f"federated_streams = {plan.site_streams}",) if plan.takes_sites else ()),
        ),
        hidden=True,
    )


def _federated_domains(plan: ProsodyPlan) -> tuple[str, ...]:
    return (*plan.federated_domains, *(domain for site in plan.sites for domain in site.domains))


def _global_lines(plan: ProsodyPlan, more_modules: Sequence[str]) -> Iterator[str]:
    modules = [*plan.modules, *more_modules]
    if plan.s2s_port:
        modules += ["s2s"] if plan.certificates else ["s2s", "dialback"]
    if plan.web:
        modules += ["host_meta", *(name for name, path in _web_paths(plan.web) if path)]
    log_file = plan.log_file or plan.root / "prosody.log"
    yield "run_as_root = true"
    yield f"pidfile = {_lua(plan.root / 'prosody.pid')}"
    yield f"data_path = {_lua(plan.root / 'data')}"
    yield (
        f"log = {{ {{ levels = {{ min = {_lua(plan.log_level)} }}, to = 'file', "
        f"filename = {_lua(log_file)}, timestamps = '%Y-%m-%dT%H:%M:%S' }} }}"
    )
    yield f"plugin_paths = {{ {_lua(ADAPTER_DIR)} }}"
    yield f"modules_enabled = {_lua_list(modules)}"
    yield f"modules_disabled = {_lua_list([] if plan.s2s_port else ['s2s'])}"
    # Where stanzas are to be held, nobody logs in while they are not (docs/decisions/0157).
    yield f"authentication = {_lua('while_held' if plan.gate else 'internal_hashed')}"
    yield f"storage = {_lua(plan.storage)}"
    yield _ALWAYS


def _network_lines(plan: ProsodyPlan) -> Iterator[str]:
    yield f"interfaces = {{ {_lua(plan.address)} }}"
    yield f"c2s_ports = {{ {plan.c2s_port} }}"
    yield f"c2s_direct_tls_ports = {{ {plan.direct_tls_port or ''} }}"
    yield "http_ports = {}"
    yield from _web_lines(plan, plan.web) if plan.web else ("https_ports = {}",)
    yield f"s2s_ports = {{ {plan.s2s_port or ''} }}"
    yield f"component_ports = {{ {plan.component_port} }}"
    yield f"component_interfaces = {{ {_lua(plan.component_address)} }}"
    yield "network_settings = { nagle = false }"


def _security_lines(plan: ProsodyPlan) -> Iterator[str]:
    yield f"c2s_require_encryption = {_lua(not plan.plain_port_allowed)}"
    yield f"allow_unencrypted_plain_auth = {_lua(plan.plain_port_allowed)}"
    yield "s2s_require_encryption = true"
    yield f"s2s_secure_auth = {_lua(bool(plan.certificates))}"
    if plan.certificates:
        yield f"certificates = {_lua(plan.certificates)}"
        first = plan.domains[0]
        yield from _certificate_lines(plan, first, plan.web.host or first if plan.web else first)
        yield f"ssl = {{ cafile = {_lua(plan.certificates / 'ca.crt')}; protocol = 'tlsv1_2+' }}"


def _web_lines(plan: ProsodyPlan, web: WebSettings) -> Iterator[str]:
    yield f"https_ports = {{ {web.port} }}"
    yield f"https_interfaces = {{ {_lua(web.address)} }}"
    yield f"http_default_host = {_lua(plan.domains[0])}"
    paths = (f"[{_lua(name)}] = {_lua(path)}" for name, path in _web_paths(web) if path)
    yield f"http_paths = {{ {', '.join(paths)} }}"


def _web_paths(web: WebSettings) -> tuple[tuple[str, str], ...]:
    return ("websocket", web.websocket_path), ("bosh", web.bosh_path)


def _domain_lines(plan: ProsodyPlan, domain: str) -> Iterator[str]:
    yield f"VirtualHost {_lua(domain)}"
    if plan.web:
        yield f"  http_external_url = {_lua(plan.web.origin(domain) + '/')}"
    yield from (f"  {line}" for line in _certificate_lines(plan, domain, domain))


def _certificate_lines(plan: ProsodyPlan, domain: str, web_host: str) -> Iterator[str]:
    """Render the certificates for clients that begin with TLS, also for those that name no domain (RFC 6066, 3)."""
    if plan.certificates and plan.direct_tls_port:
        yield f"c2s_direct_tls_ssl = {_lua_pair(plan.certificates, domain)}"
    if plan.certificates and plan.web:
        yield f"https_ssl = {_lua_pair(plan.certificates, web_host)}"


def _room_lines(domain: str, modules: Sequence[str]) -> Sequence[str]:
    return f"Component {_lua(domain)} 'muc'", f"  modules_enabled = {_lua_list(modules)}", _ALWAYS_OF_ROOMS


def _component_lines(component: PlannedComponent) -> Iterator[str]:
    yield f"Component {_lua(component.jid)}"
    yield f"  component_secret = {_lua(component.secret)}"
    if component.side.own_modules:
        yield f"  modules_enabled = {_lua_list(component.side.own_modules)}"
    if component.side.hidden:
        yield "  disco_hidden = true"


def _lua_pair(folder: Path, name: str) -> str:
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    return f"{{ key = {_lua(key)}; certificate = {_lua(certificate)}; protocol = 'tlsv1_2+' }}"
