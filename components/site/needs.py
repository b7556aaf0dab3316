"""Which process of a site reads and writes what: its user, its folders, its secrets (docs/install.md, section 4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from components.archive.keys.reference import KeyReference, last_signed_file, secret_files
from components.archive.store.open import log_file
from components.gate.review.store import review_file
from components.process.errors import SiteError
from components.settings import tables
from components.settings.log import LogTable
from components.settings.site import SiteFile
from components.site.parts import Part, running_parts

GROUP = "steelyard"
"""The group of all processes: what others of the site may read, such as sealed logs and states, is the group's."""

SERVER = "prosody"
_AUDIT = ("indexer", "console")
_SHARED_USERS = {**dict.fromkeys(_AUDIT, "audit"), "access": SERVER}


@dataclass(frozen=True, slots=True)
class Needs:
    """What one process needs that is not everybody's.

    It makes files in `folders`, which are its user's. `secrets` are private files that nobody else reads; `shared`
    are those that another process of the site needs as well, by the setting that names each.
    """

    name: str
    title: str
    folders: tuple[Path, ...]
    secrets: tuple[Path, ...] = ()
    shared: Mapping[str, Path] = field(default_factory=dict)

    @property
    def user(self) -> str:
        """The user that it runs as.

        What opens the archive for auditors is one user: it holds the same keys. Access makes the server's accounts and
        sets their first passwords in its files, so it is the server's (docs/decisions/0273).
        """
        return f"steelyard-{_SHARED_USERS.get(self.name, self.name)}"


def find_needs(site: SiteFile) -> tuple[Needs, ...]:
    """Return the needs of all processes of a site, its server's last; raises SettingsError, SiteError.

    SiteError: two users would have to write in one folder.
    """
    needs = (*(_part_needs(site, part) for part in running_parts(site)), _server_needs(site))
    owners: dict[Path, str] = {}
    for each in needs:
        for folder in each.folders:
            if folder == site.folder:
                raise SiteError(
                    f"{each.name} writes in {folder}, where site.toml is: give what it writes another folder"
                )
            if owners.setdefault(folder, each.user) != each.user:
                raise SiteError(
                    f"{each.name} and {owners[folder].removeprefix('steelyard-')} write in one folder, {folder}: give"
                    " each of them one of its own (`steelyard init --system` does)"
                )
    return needs


def _part_needs(site: SiteFile, part: Part) -> Needs:
    shared = dict(_shared(site, part))
    own = (file for file in _private(site, part) if file not in shared.values())
    return Needs(
        part.name, part.title, _folders(_written(site, part.name)), tuple(dict.fromkeys(own)), shared
    )


def _shared(site: SiteFile, part: Part) -> Iterator[tuple[str, Path]]:
    """Yield the private files that others need as well: the server, whoever else makes or looks for the same."""
    if part.component is not None:
        yield f"{part.name}.secret_file", part.component.secret_file
    if part.name in ("gate", *_AUDIT):
        yield "archive.conversation_key_file", site.archive.conversation_key_file
    # The index knows which message has which file: without this key the indexer and root would each make it anew.
    if site.transfer is not None and part.name in ("gate", "transfer", *_AUDIT):
        yield "transfer.link_key_file", site.transfer.link_key_file


def _server_needs(site: SiteFile) -> Needs:
    server = site.prosody
    keys = (file for file in server.certificate_files if file.suffix == ".key")
    shared = {
        f"{part.name}.secret_file": part.component.secret_file
        for part in running_parts(site)
        if part.component is not None
    }
    return Needs(SERVER, "the XMPP server", _folders(_server_files(site)), tuple(keys), shared)


def _server_files(site: SiteFile) -> tuple[Path, ...]:
    return site.prosody.config_file, site.site.logs / "prosody.log"


def _private(site: SiteFile, part: Part) -> Iterator[Path]:
    """Yield what a process reads that is private, of others as well or not."""
    yield from part.secret_files
    for key in _keys(site, part.name):
        yield from secret_files(key)
    for setting in ("certificate", "scim_certificate"):
        certificate = getattr(_table(site, part.name), setting, None)
        if isinstance(certificate, Path):
            yield certificate.with_suffix(".key")


def _keys(site: SiteFile, name: str) -> Iterator[KeyReference]:
    """Yield the private keys that a process signs or opens with."""
    table = _table(site, name)
    if isinstance(table, LogTable):
        yield table.log_key_file
    if name in _AUDIT:
        yield site.audit.log_key_file
        yield from site.audit.key_files


def _written(site: SiteFile, name: str) -> Iterator[Path]:
    """Yield files that a process writes; it makes others beside them."""
    table = _table(site, name)
    for setting in ("status_file", "state_file"):
        if isinstance(file := getattr(table, setting, None), Path):
            yield file
    logs = [log for log in site.logs if log.table == name or (log.table == "audit" and name in _AUDIT)]
    for log in logs:
        yield from (
            file for file in (log_file(log.store), last_signed_file(log.key_file)) if file is not None
        )
    yield from _more_written(site, name)


def _more_written(site: SiteFile, name: str) -> Iterator[Path]:
    if name == "gate":
        yield review_file(site)
        if site.transfer and site.transfer.sessions_file:
            yield site.transfer.sessions_file
    if name in _AUDIT:
        yield site.audit.index
    # These settings name folders: what is written lies in them.
    if name == "transfer" and site.transfer:
        yield site.transfer.files / "blob"
    if name == "access" and site.access:
        yield site.access.folder / "statement"
        yield site.access.passwords / "password"
        yield from _server_files(site)  # `prosodyctl` reads and writes what the server does
    if name == "witness" and site.witness:
        yield site.witness.state / "checkpoint"
        yield from (log.witnessed / "checkpoint" for log in site.verified_logs)
    if name == "directory" and site.directory:
        yield from (source.state for source in site.directory.scim)
        if any(source.auto for source in site.directory.scim):
            yield site.gate.directory_file


def _table(site: SiteFile, name: str) -> object:
    return next((site.find(table) for table in tables.TABLES if table.table_name == name), None)


def _folders(files: Iterator[Path] | tuple[Path, ...]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(file.parent for file in files))
