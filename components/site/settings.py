"""A site's settings: site.toml, validated as a whole (docs/settings.md)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from components.archive.keys import KeyFileError
from components.archive.keys.reference import needed_files
from components.archive.store.open import store_label
from components.rules.access.check import find_access_problems
from components.rules.load import RulesError, load_content
from components.settings.archive import (
    ArchiveSettings,
    load_approvers,
    load_retention,
)
from components.settings.audit import AuditSettings
from components.settings.directory import DirectorySettings
from components.settings.gate import GateSettings, ReviewSettings, load_gate
from components.settings.grants import AccessSettings
from components.settings.prosody import ProsodySettings
from components.settings.roster import RosterSettings
from components.settings.site import SiteTable
from components.settings.table import (
    SettingsError,
    Table,
    describe_problems,
    read_toml,
)
from components.settings.tiles import TilesSettings
from components.settings.witness import WitnessSettings
from components.site.parts import listening_ports, parts_of
from policy.content.parse import PolicyError
from policy.directory.directory import Directory, DirectoryError, parse_directory

__all__ = [
    "AccessSettings",
    "ArchiveSettings",
    "AuditSettings",
    "DirectorySettings",
    "GateSettings",
    "LogTable",
    "ProsodySettings",
    "RosterSettings",
    "SettingsError",
    "SiteSettings",
    "TilesSettings",
    "WitnessSettings",
    "load_gate",
    "load_site",
    "read_site",
]


LogTable = GateSettings | AuditSettings | RosterSettings
"""A table with a log of its own: `log`, `log_origin`, `log_key_file`."""


class SiteToml(Table):
    """The tables of site.toml."""

    site: SiteTable
    prosody: ProsodySettings
    gate: GateSettings
    archive: ArchiveSettings
    audit: AuditSettings
    tiles: TilesSettings | None = None
    witness: WitnessSettings | None = None
    directory: DirectorySettings | None = None
    review: ReviewSettings = ReviewSettings()
    roster: RosterSettings | None = None
    access: AccessSettings | None = None


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """All that site.toml says; `path` is the file itself."""

    path: Path
    site: SiteTable
    prosody: ProsodySettings
    gate: GateSettings
    archive: ArchiveSettings
    audit: AuditSettings
    tiles: TilesSettings | None = None
    witness: WitnessSettings | None = None
    directory: DirectorySettings | None = None
    roster: RosterSettings | None = None

    @property
    def logs(self) -> tuple[LogTable, ...]:
        """The tables that have a log."""
        return (self.gate, self.audit, *([self.roster] if self.roster else []))

    access: AccessSettings | None = None

    @property
    def folder(self) -> Path:
        """The folder of site.toml, at which relative paths start."""
        return self.path.parent


def read_site(path: Path) -> SiteSettings:
    """Read site.toml without looking at the files that it names; raises SettingsError."""
    settings, problems = _read(path)
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def load_site(path: Path) -> SiteSettings:
    """Read site.toml and check it against the files that it names; raises SettingsError with all problems."""
    settings, problems = _read(path)
    if settings is not None:
        problems += _file_problems(settings.prosody, settings.gate, settings.archive, settings.audit)
        problems += _witness_problems(settings.witness)
        problems += settings.directory.find_missing_files() if settings.directory else ()
        problems += _roster_problems(settings)
        if settings.access:
            problems += find_access_problems(settings.access, settings.gate.directory)
    elif document := _tables_alone(path):
        problems += _file_problems(*document)
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def _read(path: Path) -> tuple[SiteSettings | None, list[str]]:
    path = path.resolve()
    document = read_toml(path)
    try:
        toml = SiteToml.model_validate(document, context={"folder": path.parent})
    except ValidationError as err:
        return None, describe_problems(err, SiteToml)
    settings = SiteSettings(
        path,
        toml.site,
        toml.prosody,
        toml.gate,
        toml.archive,
        toml.audit,
        toml.tiles,
        toml.witness,
        toml.directory,
        toml.roster,
        toml.access,
    )
    return settings, [*_port_problems(settings), *_domain_problems(settings), *_log_problems(settings)]


_Model = TypeVar("_Model", bound=Table)


def _tables_alone(
    path: Path,
) -> tuple[ProsodySettings | None, GateSettings | None, ArchiveSettings | None, AuditSettings | None]:
    """Read the tables that are right, so that a fault in one does not hide those of the others."""
    document = read_toml(path)
    folder = path.resolve().parent

    def table(name: str, model: type[_Model]) -> _Model | None:
        try:
            return model.model_validate(document.get(name), context={"folder": folder})
        except ValidationError:
            return None

    return (
        table("prosody", ProsodySettings),
        table("gate", GateSettings),
        table("archive", ArchiveSettings),
        table("audit", AuditSettings),
    )


def _port_problems(settings: SiteSettings) -> Iterator[str]:
    ports = ((each.setting, each.port) for each in listening_ports(settings))
    yield from _repeated(ports, "set another port")
    if settings.prosody.federated_domains and not settings.prosody.s2s_port:
        yield "prosody.s2s_port: federated domains need one; set it (5269 is usual)"


def _domain_problems(settings: SiteSettings) -> Iterator[str]:
    server = settings.prosody
    named = [(f"{part.table}.jid", part.component.jid) for part in parts_of(settings) if part.component]
    for key in ("domains", "room_domains", "federated_domains"):
        named += [(f"prosody.{key}", domain) for domain in getattr(server, key)]
    yield from _repeated(named, "name it once")


def _log_problems(settings: SiteSettings) -> Iterator[str]:
    names = ("gate", "audit", "roster")
    for key in ("log", "log_origin", "log_key_file"):
        named = [
            (f"{name}.{key}", getattr(table, key)) for name, table in zip(names, settings.logs, strict=False)
        ]
        if key == "log":
            named = [(name, store_label(store)) for name, store in named]
        yield from _repeated(named, "each log needs its own")


def _repeated(named: Any, advice: str) -> Iterator[str]:
    seen: dict[object, str] = {}
    for name, value in named:
        if value in seen:
            yield f"{name}: {value} is also {seen[value]}; {advice}"
        seen.setdefault(value, name)


def _file_problems(
    server: ProsodySettings | None,
    gate: GateSettings | None,
    archive: ArchiveSettings | None,
    audit: AuditSettings | None,
) -> list[str]:
    needed: list[tuple[str, list[Path]]] = []
    if gate:
        needed += [(f"gate.{key}", [getattr(gate, key)]) for key in ("secret_file", "directory")]
        needed.append(("gate.log_key_file", needed_files(gate.log_key_file)))
    if archive:
        needed.append(("archive.recipients", list(archive.recipients)))
        needed.append(("archive.conversation_key_file", [archive.conversation_key_file]))
        needed.append(("archive.retention", [archive.retention] if archive.retention else []))
    if audit:
        needed.append(
            ("audit.log_key_file", needed_files(audit.log_key_file))
        )  # the auditors' own may lie elsewhere
    if server:
        needed.append(("prosody.certificates", certificate_files(server)))
    problems = []
    for name, files in needed:
        if missing := ", ".join(str(file) for file in files if not file.is_file()):
            problems.append(f"{name}: there is no {missing}; `steelyard init` makes what is missing")
    if archive:
        problems += _archive_problems(archive)
    if gate and gate.directory.is_file():
        problems += _directory_problems(gate, server)
    if gate and gate.policy:
        problems += _policy_problems(gate.policy)
    return problems


def _policy_problems(file: Path) -> tuple[str, ...]:
    try:
        load_content(file)
    except PolicyError as err:
        return tuple(f"{file.name}: {problem}" for problem in err.problems)
    except (RulesError, OSError) as err:
        return (f"gate.policy: {err}",)
    return ()


def _archive_problems(archive: ArchiveSettings) -> Iterator[str]:
    if archive.retention and archive.retention.is_file():
        try:
            load_retention(archive.retention)
        except SettingsError as err:
            yield from err.problems
    for path in archive.approvers:
        try:
            load_approvers([path])
        except KeyFileError as err:
            yield f"archive.approvers: {err}"
    if len(archive.approvers) == 1:
        yield "archive.approvers: an order needs two; name another, or none"


def _witness_problems(witness: WitnessSettings | None) -> Iterator[str]:
    if witness is None:
        return
    if not witness.key_file.is_file():
        yield (f"witness.key_file: there is no {witness.key_file}; `steelyard init` makes what is missing")
    stamps = witness.time_stamps
    if stamps and not stamps.certificates.is_file():
        yield f"witness.time_stamps.certificates: there is no {stamps.certificates}; get it from the authority"
    if witness.logs and not witness.port:
        yield "witness.port: others' logs are to be cosigned; set one, at which they ask"


def _roster_problems(settings: SiteSettings) -> Iterator[str]:
    roster = settings.roster
    if roster is None:
        return
    needed = {
        "roster.secret_file": [roster.secret_file],
        "roster.log_key_file": needed_files(roster.log_key_file),
    }
    for name, files in needed.items():
        if missing := ", ".join(str(file) for file in files if not file.is_file()):
            yield f"{name}: there is no {missing}; `steelyard init` makes what is missing"
    file = settings.gate.directory
    try:
        listed = parse_directory(file.read_text()).roster
    except (DirectoryError, OSError, UnicodeDecodeError):
        return  # which is told already
    if listed != roster.jid:
        yield f'roster.jid: {roster.jid} is not the roster of {file.name}; write roster = "{roster.jid}" there'


def certificate_files(server: ProsodySettings) -> list[Path]:
    """Return the files that the server's TLS needs: the authority's, then a pair for each domain."""
    folder = server.certificates
    domains = (*server.domains, *server.room_domains)
    return [folder / "ca.crt", *(folder / f"{domain}.{end}" for domain in domains for end in ("crt", "key"))]


def _directory_problems(gate: GateSettings, server: ProsodySettings | None) -> Iterator[str]:
    try:
        directory = parse_directory(gate.directory.read_text())
    except DirectoryError as err:
        yield from (f"{gate.directory.name}: {problem}" for problem in err.problems)
        return
    except (OSError, UnicodeDecodeError) as err:
        yield f"gate.directory: {gate.directory} cannot be read: {err}"
        return
    if gate.jid != directory.gate:
        yield f"gate.jid: {gate.jid} is not the gate of {gate.directory.name}; write {directory.gate}"
    if server is not None:
        yield from _served_problems(server, directory, gate.directory.name)


def _served_problems(server: ProsodySettings, directory: Directory, file_name: str) -> Iterator[str]:
    sites = {site.domain for firm in directory.enterprises for site in firm.sites}
    rooms = {site.rooms for firm in directory.enterprises for site in firm.sites if site.rooms}
    federated = set(server.federated_domains)
    yield from _compare("prosody.domains", server.domains, sites - federated, file_name)
    yield from _compare("prosody.room_domains", server.room_domains, rooms - federated, file_name)
    yield from _strangers("prosody.federated_domains", federated - sites - rooms, file_name)


def _strangers(name: str, domains: set[Any], file_name: str) -> Iterator[str]:
    for domain in sorted(domains):
        yield f"{name}: {domain} is no site of {file_name}; add the site there, or remove it here"


def _compare(name: str, served: Sequence[str], listed: set[Any], file_name: str) -> Iterator[str]:
    yield from _strangers(name, set(served) - listed, file_name)
    for domain in sorted(listed - set(served)):
        yield (
            f"{name}: {domain} of {file_name} is missing; add it here, "
            "or to prosody.federated_domains when another server has it"
        )
