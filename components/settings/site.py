"""site.toml: read once; each table is validated when it is first used (docs/settings.md)."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from components.process.errors import SiteError
from components.settings.environment import find_variables, set_from_environment
from components.settings.table import (
    SettingsError,
    Table,
    explain_unknown,
    parse_table,
    read_toml,
)
from policy.toml_lines import add_lines

# A command uses few of the tables: it imports these alone.
if TYPE_CHECKING:
    from components.settings.access import AccessSettings
    from components.settings.archive import ArchiveSettings
    from components.settings.audit import AuditSettings
    from components.settings.cluster import ClusterSettings
    from components.settings.console import ConsoleSettings
    from components.settings.directory import DirectorySettings
    from components.settings.federation import FederationSettings
    from components.settings.feed import FeedSettings
    from components.settings.follow import FollowSettings
    from components.settings.gate import GateSettings
    from components.settings.log import LogSettings
    from components.settings.prosody import ProsodySettings
    from components.settings.review import ReviewSettings
    from components.settings.roster import RosterSettings
    from components.settings.site_table import SiteTable
    from components.settings.tiles import TilesSettings
    from components.settings.transfer import TransferSettings
    from components.settings.witness import WitnessSettings

_Table = TypeVar("_Table", bound=Table)


class _Named(Generic[_Table]):
    """A table by its module and its name there, imported when it is first used."""

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name

    def load(self) -> type[_Table]:
        table: type[_Table] = getattr(import_module(f"components.settings.{self.module}"), self.name)
        return table


class _Required(_Named[_Table]):
    """A table as an attribute of the site's settings."""

    def __get__(self, site: "SiteFile", _owner: type["SiteFile"]) -> _Table:
        return site.require(self.load())


class _Optional(_Named[_Table]):
    """Likewise for one that may be missing."""

    def __get__(self, site: "SiteFile", _owner: type["SiteFile"]) -> _Table | None:
        return site.find(self.load())


class SiteFile:
    """The settings of a site.

    `path` is the file, `folder` its folder, where relative paths start. `require` and `find` return any table. Tables
    that several processes read are also attributes (None if an optional one is missing). The use of a table raises
    SettingsError with all mistakes in it.
    """

    # The name of the site.
    site: "_Required[SiteTable]" = _Required("site_table", "SiteTable")
    # The site's own server.
    prosody: "_Required[ProsodySettings]" = _Required("prosody", "ProsodySettings")
    # The gate.
    gate: "_Required[GateSettings]" = _Required("gate", "GateSettings")
    # The settings that all logs of the site share.
    archive: "_Required[ArchiveSettings]" = _Required("archive", "ArchiveSettings")
    # The auditors' log, index and keys.
    audit: "_Required[AuditSettings]" = _Required("audit", "AuditSettings")
    # The server of tiles and checkpoints.
    tiles: "_Optional[TilesSettings]" = _Optional("tiles", "TilesSettings")
    # The witness.
    witness: "_Optional[WitnessSettings]" = _Optional("witness", "WitnessSettings")
    # The sources that feed directory.toml; the file itself is named in `gate`.
    directory: "_Optional[DirectorySettings]" = _Optional("directory", "DirectorySettings")
    # The component that keeps rosters.
    roster: "_Optional[RosterSettings]" = _Optional("roster", "RosterSettings")
    # Who admits people; None if everybody in the directory is admitted.
    access: "_Optional[AccessSettings]" = _Optional("access", "AccessSettings")
    # The component that takes files; None where none can be sent.
    transfer: "_Optional[TransferSettings]" = _Optional("transfer", "TransferSettings")
    # The auditors' console; None where there is none.
    console: "_Optional[ConsoleSettings]" = _Optional("console", "ConsoleSettings")
    # The other sites of the enterprises here; None where there are none.
    federation: "_Optional[FederationSettings]" = _Optional("federation", "FederationSettings")
    # The other nodes of a cluster of servers; None where the server is alone.
    cluster: "_Optional[ClusterSettings]" = _Optional("cluster", "ClusterSettings")
    # The feed for auditors' own machines; None where there is none.
    feed: "_Optional[FeedSettings]" = _Optional("feed", "FeedSettings")
    # The feed that this machine follows, if it is one of auditors' own.
    follow: "_Optional[FollowSettings]" = _Optional("follow", "FollowSettings")

    def __init__(self, path: Path) -> None:
        """Read the file, and what the environment sets; raises SettingsError when it cannot be read or is not TOML."""
        self.path = path.resolve()
        self.folder = self.path.parent
        self._variables = find_variables(os.environ)
        self._document: dict[str, Any] = set_from_environment(read_toml(path), os.environ)
        self._right: dict[type[Table], Table] = {}

    @property
    def document(self) -> Mapping[str, Any]:
        """What the file and the environment say, as TOML: tables by name, not validated."""
        return self._document

    @property
    def review(self) -> "ReviewSettings":
        """The review of held messages: the defaults if the table is missing."""
        from components.settings.review import ReviewSettings

        return self.find(ReviewSettings) or ReviewSettings()

    @property
    def federated_domains(self) -> tuple[str, ...]:
        """All domains that are on other servers: stanzas go to these and to no other remote domain."""
        sites = self.federation.all_domains if self.federation else ()
        return (*self.prosody.federated_domains, *sites)

    @property
    def own_links(self) -> str:
        """What links to the site's own files begin with, behind the host; empty where none can be sent."""
        return self.transfer.base_url if self.transfer else ""

    @property
    def shown_certificates(self) -> tuple[tuple[str, Path], ...]:
        """The certificates that the site shows, each with the name that clients look for; empty if nobody knows it.

        These are its server's, unless that runs without us, and those of its files, console, feed and SCIM.
        """
        server, transfer, console = self.prosody, self.transfer, self.console
        own = () if server.attached_to else server.certified_names
        shown = [(name, server.certificates / f"{name}.crt") for name in own]
        shown += [(transfer.url_host, transfer.certificate)] if transfer and transfer.certificate else []
        shown += [(console.host, console.certificate)] if console and console.certificate else []
        shown += [(self.feed.host, self.feed.certificate)] if self.feed else []
        # Nodes of a cluster show theirs to each other.
        shown += [(node, server.certificates / f"{node}.crt") for node in self._node_names(only_own=True)]
        scim = self.directory.scim_certificate if self.directory else None
        if scim and scim not in (file for _, file in shown):
            shown.append(("", scim))
        return tuple(dict.fromkeys(shown))

    @property
    def certified_names(self) -> tuple[str, ...]:
        """The names whose certificates `steelyard init` makes: another certificate, or a proxy's, is not the site's."""
        folder = self.prosody.certificates
        shown = (name for name, file in self.shown_certificates if name and file == folder / f"{name}.crt")
        return tuple(dict.fromkeys((*shown, *self._node_names())))

    def _node_names(self, *, only_own: bool = False) -> tuple[str, ...]:
        if self.cluster is None:
            return ()
        return (self.cluster.node,) if only_own else tuple(node.name for node in self.cluster.nodes)

    @property
    def logs(self) -> "tuple[LogSettings, ...]":
        """All logs of the site, the gate's first: one for each LogTable in the file, but those on another node."""
        from components.settings.log import LogTable
        from components.settings.tables import TABLES

        elsewhere = self.cluster.elsewhere if self.cluster else ()
        there = (
            each for each in TABLES if each.table_name in self._document and each.table_name not in elsewhere
        )
        tables = (self.require(table) for table in there if issubclass(table, LogTable))
        return tuple(table.log_settings(self.folder) for table in tables)

    @property
    def other_audit_logs(self) -> "tuple[LogSettings, ...]":
        """The logs of auditors on other machines, which are read and verified here (docs/auditor.md)."""
        if "audit" not in self._document:
            return ()
        return tuple(other.log_settings(self.folder) for other in self.audit.others)

    @property
    def verified_logs(self) -> "tuple[LogSettings, ...]":
        """All logs that are verified and witnessed here: the site's own, and those of auditors on other machines."""
        return (*self.logs, *self.other_audit_logs)

    @property
    def gate_log(self) -> "LogSettings":
        """The gate's log, with all stanzas."""
        return self.gate.log_settings(self.folder)

    @property
    def audit_log(self) -> "LogSettings":
        """The log of the auditors' looks."""
        return self.audit.log_settings(self.folder)

    @property
    def log_names(self) -> str:
        """The names of all logs, for people."""
        return " or ".join(log.name for log in self.verified_logs)

    def find_log(self, name: str) -> "LogSettings | None":
        """Return the log with this name, or None."""
        return next((log for log in self.verified_logs if log.name == name), None)

    def require_log(self, name: str) -> "LogSettings":
        """Return the log with this name; raises SiteError if there is none."""
        log = self.find_log(name)
        if log is None:
            raise SiteError(f"there is no log {name!r}: name {self.log_names}")
        return log

    def require(self, table: type[_Table]) -> _Table:
        """Return a table; raises SettingsError, also if it is missing."""
        found = self._right.get(table)
        if not isinstance(found, table):
            found = self._parse(table)
            self._right[table] = found
        return found

    def _parse(self, table: type[_Table]) -> _Table:
        try:
            return parse_table(self._document, table, self.folder)
        except SettingsError as error:
            raise SettingsError(self.add_lines(error.problems)) from None

    def add_lines(self, problems: Iterable[str]) -> list[str]:
        """Return problems, each of which begins with its path, with their lines in the file, and what set them."""
        problems = [self._add_variable(problem) for problem in problems]
        try:
            return add_lines(problems, self.path.read_text("utf-8"), self.path.name)
        except (OSError, UnicodeDecodeError):
            return list(problems)

    def _add_variable(self, problem: str) -> str:
        variable = self._variables.get(problem.partition(": ")[0])
        return f"{problem} (set by {variable})" if variable else problem

    def find(self, table: type[_Table]) -> _Table | None:
        """Return a table, or None if it is optional and missing; raises SettingsError."""
        if table.may_be_missing and table.table_name not in self._document:
            return None
        return self.require(table)

    def find_wrong_tables(self) -> list[str]:
        """Return all mistakes in the text of all tables, a line each, without looking at the files that it names."""
        from components.settings.tables import TABLES
        from components.settings.written import find_shared

        problems: list[str] = []
        right: list[Table] = []
        for table in TABLES:
            try:
                if found := self.find(table):
                    right.append(found)
            except SettingsError as error:
                problems += error.problems
        problems += self.add_lines(find_shared(self.path, right))
        names = [table.table_name for table in TABLES]
        unknown = (name for name in self._document if name not in names)
        return problems + self.add_lines(f"{name}: {explain_unknown(name, names)}" for name in unknown)


def skip_wrong(problems: Iterator[str]) -> Iterator[str]:
    """Pass problems on, and stop at the first use of a wrong table, which `find_wrong_tables` reports."""
    with suppress(SettingsError):
        yield from problems
