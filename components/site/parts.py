"""The processes of a site as data. A new one needs a folder in components, a table of site.toml and a row here.

Its table gives its log, if it has one (`SiteFile.logs`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from components.process.metrics import METRICS_ADDRESS
from components.settings.access import AccessSettings
from components.settings.audit import AuditSettings
from components.settings.console import ConsoleSettings
from components.settings.directory import DirectorySettings
from components.settings.feed import FeedSettings
from components.settings.follow import FollowSettings
from components.settings.gate import GateSettings
from components.settings.indexer import IndexerSettings
from components.settings.roster import RosterSettings
from components.settings.site import SiteFile
from components.settings.table import Table
from components.settings.tiles import TilesSettings
from components.settings.transfer import TransferSettings
from components.settings.witness import WitnessSettings
from components.site.probe import HttpProbe, Probe, StatusProbe
from components.site.prosody import NOTHING_MORE, ServerSide
from components.transfer.keys import make_delivery_key
from components.witness.keys import make_missing_keys

_Table = TypeVar("_Table", bound=Table)


@dataclass(frozen=True, slots=True)
class ListeningPort:
    """A port that the site listens on, and the setting that names it, such as `tiles.port`."""

    setting: str
    port: int
    address: str


@dataclass(frozen=True, slots=True)
class ServerComponent:
    """How the server knows a process that is its component (XEP-0114).

    `side` is what its configuration says for such a component besides that.
    """

    jid: str
    secret_file: Path
    side: ServerSide = NOTHING_MORE


KEEPS_ROSTERS = ServerSide(
    modules=("privilege", "managed_rosters"),
    own_modules=("privilege",),
    options=("managed_rosters_by = {jid}", "privileged_entities = { [{jid}] = { roster = 'both' } }"),
    hidden=True,
    keeps_rosters=True,
)
MAKES_ACCOUNTS = ServerSide(
    modules=("admin_adhoc", "access_notice"),
    options=("admins = { {jid} }", "access_notice = {jid}"),
    makes_accounts=True,
)
# Hidden, or those whose domain is above its own would see it twice.
TAKES_FILES = ServerSide(options=("disco_items = { { {jid}, 'Files' } }",), hidden=True, offered=True)


def _make_nothing() -> Sequence[Path]:
    return ()


@dataclass(frozen=True, slots=True)
class Part:
    """A process of a site.

    `name` is the name of its table of site.toml, `title` is its name for people. If it `runs`, its command is `python
    -m MODULE SITE_TOML`, and its output goes to NAME.log. `init` makes the files `secrets`, with random text, and
    calls `make_keys`, which returns the files that it made. Only the owner may read `secrets` and `private_files`. A
    backup keeps these, and also `kept_files`, which are not secret, and `sources`, which others write and the process
    reads. One that `hands_over` waits for its turn when it takes another's place (`components/process/turn.py`).
    """

    name: str
    module: str
    title: str
    probe: Probe
    runs: bool = True
    component: ServerComponent | None = None
    ports: tuple[ListeningPort, ...] = ()
    more_secrets: tuple[Path, ...] = ()
    private_files: tuple[Path, ...] = ()
    kept_files: tuple[Path, ...] = ()
    sources: tuple[Path, ...] = ()
    make_keys: Callable[[], Sequence[Path]] = _make_nothing
    hands_over: bool = False

    @property
    def secrets(self) -> tuple[Path, ...]:
        """The files with random text: its secret for the server, and what more it has."""
        return (*((self.component.secret_file,) if self.component else ()), *self.more_secrets)

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """All files that only the owner may read."""
        return (*self.secrets, *self.private_files)


@dataclass(frozen=True, slots=True)
class Row(Generic[_Table]):
    """A table of site.toml, and the function that describes its process."""

    table: type[_Table]
    describe: Callable[[_Table, SiteFile], Part]


def parts_of(site: SiteFile) -> tuple[Part, ...]:
    """Return the processes of a site beside its server, in order of start and stop; raises SettingsError."""
    tables = ((row, site.find(row.table)) for row in ROWS)
    return tuple(row.describe(table, site) for row, table in tables if table is not None)


ON_MACHINES = (FollowSettings, IndexerSettings, ConsoleSettings)
"""What runs on a machine of auditors' own."""


def is_machine(site: SiteFile) -> bool:
    """Return whether a site.toml is that of a machine of auditors' own, on which nothing of the line runs.

    It follows the site's feed, or says `audit.own_machine` and reads the logs in PostgreSQL.
    """
    audit = site.document.get(AuditSettings.table_name)
    is_own = isinstance(audit, Mapping) and audit.get("own_machine") is True
    return is_own or FollowSettings.table_name in site.document


def running_parts(site: SiteFile) -> tuple[Part, ...]:
    """Return the processes that run here beside the server; raises SettingsError."""
    names = {table.table_name for table in ON_MACHINES} if is_machine(site) else None
    elsewhere = site.cluster.elsewhere if site.cluster else ()
    return tuple(
        part
        for part in parts_of(site)
        if part.runs and part.name not in elsewhere and (names is None or part.name in names)
    )


def listening_ports(site: SiteFile) -> tuple[ListeningPort, ...]:
    """Return the ports that the site listens on: its server's, and those of its processes.

    A server that runs without us listens on its own, also on the one for components.
    """
    if is_machine(site):
        return tuple(port for part in running_parts(site) for port in part.ports if port.port)
    if site.prosody.attached_to:
        parts = (port for part in parts_of(site) for port in part.ports)
        return tuple(port for port in parts if port.port and port.setting != "gate.component_port")
    server = site.prosody
    ports = [
        ListeningPort("prosody.c2s_port", server.c2s_port, server.address),
        ListeningPort("prosody.direct_tls_port", server.direct_tls_port, server.address),
        ListeningPort("prosody.s2s_port", server.s2s_port, server.address),
    ]
    if server.web:
        ports.append(ListeningPort("prosody.web.port", server.web.port, server.web.address))
    ports += [port for part in parts_of(site) for port in part.ports]
    return tuple(each for each in ports if each.port)


def _gate(gate: GateSettings, _site: SiteFile) -> Part:
    return Part(
        name="gate",
        module="components.gate",
        title="the gate",
        probe=StatusProbe(gate.status_file, meanwhile="nothing is delivered meanwhile"),
        component=ServerComponent(gate.jid, gate.secret_file),
        ports=(
            ListeningPort("gate.component_port", gate.component_port, gate.address),
            ListeningPort("gate.metrics_port", gate.metrics_port, METRICS_ADDRESS),
        ),
        hands_over=True,
    )


def _roster(roster: RosterSettings, _site: SiteFile) -> Part:
    faults = {
        "disconnected": "is disconnected from the server",
        "refused": "may not keep rosters; install the package prosody-modules, and see prosody.log",
    }
    return Part(
        name="roster",
        module="components.roster",
        title="the roster component",
        probe=StatusProbe(roster.status_file, faults=faults),
        component=ServerComponent(roster.jid, roster.secret_file, KEEPS_ROSTERS),
    )


def _access(access: AccessSettings, _site: SiteFile) -> Part:
    return Part(
        name="access",
        module="components.access",
        title="the access component",
        probe=StatusProbe(access.status_file, meanwhile="accounts are neither made nor removed meanwhile"),
        component=ServerComponent(access.jid, access.secret_file, MAKES_ACCOUNTS),
        kept_files=(
            *access.approvers,
            *(former.key for former in access.former_approvers),
            *sorted(file for file in access.folder.glob("*") if file.suffix in (".note", ".json")),
        ),
    )


def _transfer(transfer: TransferSettings, _site: SiteFile) -> Part:
    return Part(
        name="transfer",
        module="components.transfer",
        title="the transfer component",
        probe=StatusProbe(transfer.status_file, meanwhile="no file can be sent meanwhile"),
        component=ServerComponent(transfer.jid, transfer.secret_file, TAKES_FILES),
        ports=(
            ListeningPort("transfer.port", transfer.port, transfer.address),
            ListeningPort("transfer.metrics_port", transfer.metrics_port, METRICS_ADDRESS),
        ),
        more_secrets=(transfer.link_key_file, transfer.address_key_file),
        private_files=(transfer.delivery_key_file,),
        sources=(transfer.denied_hashes,) if transfer.denied_hashes else (),
        make_keys=partial(make_delivery_key, transfer),
    )


def checkpoint_probe(tiles: TilesSettings, log: str) -> HttpProbe:
    """Return the probe of the server of tiles, which asks for the checkpoint of one log."""
    return HttpProbe(
        setting="tiles.port",
        address=tiles.address,
        port=tiles.port,
        path=f"/{log}/checkpoint",
        status=200,
        otherwise=f"has no checkpoint of {log} to serve",
    )


def _tiles(tiles: TilesSettings, site: SiteFile) -> Part:
    return Part(
        name="tiles",
        module="components.tiles",
        title="the server of tiles",
        probe=checkpoint_probe(tiles, site.gate_log.name),
        ports=(ListeningPort("tiles.port", tiles.port, tiles.address),),
    )


def _directory(directory: DirectorySettings, _site: SiteFile) -> Part:
    probe = HttpProbe(
        setting="directory.scim_port",
        address=directory.scim_address,
        port=directory.scim_port,
        path="/",
        status=401,
        otherwise="is not what answers on directory.scim_port",
        tls=directory.scim_certificate is not None,
    )
    return Part(
        name="directory",
        module="components.directory",
        title="the service for SCIM",
        probe=probe,
        # What the other sources have is fetched by `steelyard directory apply`.
        runs=bool(directory.scim),
        ports=(ListeningPort("directory.scim_port", directory.scim_port, directory.scim_address),),
        more_secrets=tuple(source.token_file for source in directory.scim),
        private_files=tuple(directory.secret_files),
        kept_files=tuple(source.state for source in directory.scim),
        sources=tuple(directory.source_files),
    )


def _witness(witness: WitnessSettings, _site: SiteFile) -> Part:
    return Part(
        name="witness",
        module="components.witness",
        title="the witness",
        probe=StatusProbe(witness.status_file, good="running"),
        ports=(ListeningPort("witness.port", witness.port, witness.address),),
        private_files=(witness.key_file,),
        sources=(witness.time_stamps.certificates,) if witness.time_stamps else (),
        make_keys=partial(make_missing_keys, witness),
    )


def _console(console: ConsoleSettings, _site: SiteFile) -> Part:
    return Part(
        name="console",
        module="components.audit.console",
        title="the auditors' console",
        probe=StatusProbe(console.status_file, good="running", meanwhile="auditors use the command line"),
        ports=(
            ListeningPort("console.port", console.port, console.address),
            ListeningPort("console.metrics_port", console.metrics_port, METRICS_ADDRESS),
        ),
        more_secrets=(console.link_key_file,),
        private_files=(console.oidc.client_secret_file,) if console.oidc else (),
        kept_files=(console.state_file,),
        sources=(console.oidc.authority,) if console.oidc and console.oidc.authority else (),
    )


def _indexer(indexer: IndexerSettings, _site: SiteFile) -> Part:
    faults = {
        "behind": "is behind the logs; it catches up, and a search waits for what is missing",
        "stuck": "cannot index, and tries again: see indexer.log",
    }
    return Part(
        name="indexer",
        module="components.audit.indexer",
        title="the indexer",
        probe=StatusProbe(indexer.status_file, good="following", faults=faults),
        ports=(ListeningPort("indexer.metrics_port", indexer.metrics_port, METRICS_ADDRESS),),
    )


def _feed(feed: FeedSettings, _site: SiteFile) -> Part:
    return Part(
        name="feed",
        module="components.feed",
        title="the feed",
        probe=StatusProbe(
            feed.status_file,
            good="running",
            faults={"faulty": "has a log of an auditors' machine that it cannot take: see feed.log"},
            meanwhile="auditors on their own machines see nothing new meanwhile",
        ),
        ports=(ListeningPort("feed.port", feed.port, feed.address),),
        kept_files=tuple(machine.certificate for machine in feed.machines),
    )


def _follow(follow: FollowSettings, _site: SiteFile) -> Part:
    faults = {
        "behind": "does not have all that the feed has: see follow.log",
        "forked": "has found that a log was set back or rewritten: see follow.log, and keep its copy",
    }
    return Part(
        name="follow",
        module="components.follow",
        title="the follower of the feed",
        probe=StatusProbe(follow.status_file, good="following", faults=faults),
        ports=(ListeningPort("follow.metrics_port", follow.metrics_port, METRICS_ADDRESS),),
        private_files=(follow.certificate.with_suffix(".key"),),
        kept_files=(follow.certificate,),
        sources=(follow.authority,),
    )


ROWS: tuple[Row[Any], ...] = (
    Row(GateSettings, _gate),
    Row(RosterSettings, _roster),
    Row(AccessSettings, _access),
    Row(TransferSettings, _transfer),
    Row(TilesSettings, _tiles),
    Row(FeedSettings, _feed),
    Row(FollowSettings, _follow),
    Row(DirectorySettings, _directory),
    Row(IndexerSettings, _indexer),
    Row(ConsoleSettings, _console),
    # The last to stop: so it still has the logs' ends cosigned.
    Row(WitnessSettings, _witness),
)
