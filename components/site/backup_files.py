"""A site's files in its backup, beside the logs: settings, directory, keys (private keys on request)."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from components.archive.backup import CopyError, Outline
from components.archive.backup.folder import BackupFolder
from components.archive.durable import PRIVATE, PRIVATE_FOLDER, PUBLIC, make_folder, replace_durably
from components.archive.keys import KeyFileError, load_recipient
from components.archive.keys.private import is_kept
from components.archive.keys.reference import KeyReference, last_signed_file, public_file, secret_files
from components.archive.keys.ring import load_key_ring
from components.archive.seal import NoKeyError, SealError, open_envelopes, seal_envelopes
from components.gate.review.snapshot import copy_queue
from components.gate.review.store import review_file
from components.process.json_text import read_json
from components.rules.exceptions import FOLDER as EXCEPTIONS
from components.rules.load import lexicon_files
from components.settings.site import SiteFile
from components.settings.transfer import TransferSettings
from components.site.ejabberd_check import EJABBERD
from components.site.init import authority_key_file
from components.site.parts import parts_of
from components.site.server import server_data
from components.site.server_data import pack_server_data, unpack_server_data
from components.site.validate import read_site
from components.transfer.snapshot import copy_uploads

_LIST = "site/files"
_ELSEWHERE = "elsewhere"
_SITE_TOML = "site.toml"
_SEALED_INFO = b"steelyard-backup-file/1\n"


@dataclass(frozen=True, slots=True)
class _SavedFile:
    """`path` is relative to the site's folder, or absolute; `file` is its file in the backup.

    A `sealed` file is secret: it is sealed to the archive's recipients, and the logs' readers may read it. One that is
    `packed` is a folder, with all that is in it.
    """

    path: str
    file: str
    secret: bool
    sealed: bool = False
    packed: bool = False


@dataclass(frozen=True, slots=True)
class PutBack:
    """The written files; `elsewhere` names those that belong outside the site's folder, and where they are now.

    `unopened` names sealed files that no key here opens.
    """

    made: tuple[Path, ...]
    elsewhere: tuple[str, ...]
    unopened: tuple[str, ...]


def save_files(
    folder: BackupFolder, settings: SiteFile, outlines: Mapping[str, Outline], *, with_keys: bool
) -> int:
    """Put the site's files into the next backup, and count them; raises LogError, KeyFileError, OSError.

    `outlines` are of the logs in the backup. The newest checkpoint of each counts as the last signed one. Otherwise a
    log restored from it would lack what was signed while the backup was made.
    """
    last = {
        last_signed_file(log.key_file): outlines[log.name].checkpoint.note.encode()
        for log in settings.logs
        if log.name in outlines
    }
    wanted = [(path, False) for path in (*last, *_public_files(settings))]
    if with_keys:
        wanted += [(path, True) for path in _secret_files(settings)]
    saved: dict[str, _SavedFile] = {}
    for path, secret in wanted:
        name = _SITE_TOML if path == settings.path else _name(path, settings.folder)
        if name in saved or not (path in last or path.is_file()):
            continue
        file = folder.put(f"site/{path.name}", "file", last.get(path) or path.read_bytes())
        folder.keep(file)
        saved[name] = _SavedFile(name, file, secret)
    saved |= {each.path: each for each in _save_states(folder, settings, outlines)}
    listed = json.dumps([asdict(each) for each in saved.values()], indent=2).encode() + b"\n"
    folder.keep(folder.put(_LIST, "json", listed))
    return len(saved)


def _save_states(
    folder: BackupFolder, settings: SiteFile, outlines: Mapping[str, Outline]
) -> Iterator[_SavedFile]:
    """Save what is in the clear at the site, and part of no log.

    These are held messages, which links open which files, and what the server keeps.
    """
    by_table = {log.table: outlines[log.name] for log in settings.logs if log.name in outlines}
    queue, outline = review_file(settings), by_table.get(settings.gate_log.table)
    if outline is not None and queue.is_file():
        yield _save_sealed(
            folder, settings, _name(queue, settings.folder), copy_queue(queue, outline.records)
        )
    transfer, outline = settings.find(TransferSettings), by_table.get(TransferSettings.table_name)
    if transfer is not None and outline is not None and transfer.state_file.is_file():
        content = copy_uploads(transfer.state_file, outline.records)
        yield _save_sealed(folder, settings, _name(transfer.state_file, settings.folder), content)
    if outlines and keeps_server(settings) and (data := server_data(settings.prosody)).is_dir():
        packed = pack_server_data(data)
        yield replace(_save_sealed(folder, settings, _name(data, settings.folder), packed), packed=True)


def keeps_server(settings: SiteFile) -> bool:
    """Return whether a backup has what the server keeps: ejabberd's database is no set of files that can be copied."""
    return settings.site.server != EJABBERD


def _save_sealed(folder: BackupFolder, settings: SiteFile, name: str, content: bytes) -> _SavedFile:
    """Seal a file that is in the clear at the site to the readers of the logs."""
    recipients = [load_recipient(path) for path in settings.archive.recipients]
    file = folder.put(f"site/{Path(name).name}", "sealed", seal_envelopes(content, _SEALED_INFO, recipients))
    folder.keep(file)
    return _SavedFile(name, file, secret=True, sealed=True)


def put_back_files(folder: BackupFolder, site_toml: Path) -> PutBack:
    """Write the missing files; sealed files come last, because their keys may be among the others."""
    made: list[Path] = []
    elsewhere: list[str] = []
    unopened: list[str] = []
    for saved in sorted(_read_list(folder), key=lambda each: each.sealed):
        place, belongs = _places(saved.path, site_toml)
        if _is_there(belongs) or _is_there(place):
            continue
        content = folder.read(saved.file)
        opened = _unseal(content, saved.path, site_toml) if saved.sealed else content
        if opened is None:
            unopened.append(f"{saved.path} ({folder.path / saved.file})")
            continue
        make_folder(place.parent, PRIVATE_FOLDER)
        if saved.packed:
            made += unpack_server_data(opened, place)
        else:
            replace_durably(place, opened, PRIVATE if saved.secret else PUBLIC)
            made.append(place)
        if place != belongs:
            elsewhere.append(f"{belongs} ({place})")
    return PutBack(tuple(made), tuple(elsewhere), tuple(unopened))


def _places(name: str, site_toml: Path) -> tuple[Path, Path]:
    """Return where a file is put back, and where it belongs. No backup makes us write outside the site's folder."""
    if name == _SITE_TOML:
        return site_toml, site_toml
    belongs = Path(os.path.normpath(site_toml.parent / name))
    if belongs.is_relative_to(site_toml.parent):
        return belongs, belongs
    return site_toml.parent / _ELSEWHERE / belongs.relative_to(belongs.anchor), belongs


def _is_there(path: Path) -> bool:
    """Return whether there is something at a path: a folder in which there is nothing is nothing."""
    return any(path.iterdir()) if path.is_dir() else path.exists()


def _unseal(content: bytes, name: str, site_toml: Path) -> bytes | None:
    """Open a sealed file with the auditors' keys that are here; return None if no key opens it. Raises CopyError."""
    try:
        keys = [key for key in read_site(site_toml).audit.key_files if is_kept(key)]
        return open_envelopes(content, _SEALED_INFO, load_key_ring(keys), name)
    except (NoKeyError, KeyFileError):
        return None
    except SealError as error:
        raise CopyError(f"{name}: {error}") from None


def _public_files(settings: SiteFile) -> Iterator[Path]:
    yield settings.path
    yield settings.gate.directory_file
    if settings.gate.policy:
        yield settings.gate.policy
        yield from lexicon_files(settings.gate.policy)
    exceptions = settings.gate.directory_file.parent / EXCEPTIONS
    if exceptions.is_dir():
        yield from (path for path in sorted(exceptions.iterdir()) if not _is_draft(path))
    if settings.archive.retention:
        yield settings.archive.retention
    yield from settings.archive.approvers
    yield from (
        each.authority
        for each in (settings.federation.sites if settings.federation else ())
        if each.authority
    )
    yield from (file for part in parts_of(settings) for file in (*part.kept_files, *part.sources))
    for key in _keys(settings):
        yield public_file(key)
    yield from settings.archive.recipients
    yield from settings.audit.readers
    yield from (key for each in settings.audit.auditors for key in each.key_files)
    yield from (each.verifier_key for each in settings.audit.others)
    for site in settings.witness.sites if settings.witness else ():
        yield from (*site.log_files, site.keys / "witness.pub")


def _secret_files(settings: SiteFile) -> Iterator[Path]:
    """Yield all files in the folders of keys and certificates, and the keys elsewhere."""
    folders = {authority_key_file(settings).parent, settings.prosody.certificates}
    yield from (
        path for folder in sorted(folders) for path in sorted(folder.rglob("*")) if not _is_draft(path)
    )
    yield from (file for part in parts_of(settings) for file in part.secret_files)
    for certificate in _served_certificates(settings):
        yield from (certificate, certificate.with_suffix(".key"))
    grants = settings.audit.grants
    if grants is not None and grants.is_dir():
        yield from (path for path in sorted(grants.iterdir()) if not _is_draft(path))
    if settings.directory and settings.directory.scim_certificate:
        yield settings.directory.scim_certificate.with_suffix(".key")
    yield settings.archive.conversation_key_file
    if settings.cluster:
        yield settings.cluster.cookie_file
    for key in _keys(settings):
        yield from secret_files(key)
    if settings.console and settings.console.signer_key:
        yield from secret_files(settings.console.signer_key)


def _served_certificates(settings: SiteFile) -> Iterator[Path]:
    """Yield the certificates that processes of the site show, which may be another authority's, and anywhere."""
    for served in (settings.transfer, settings.console, settings.feed):
        if served is not None and served.certificate is not None:
            yield served.certificate


def _keys(settings: SiteFile) -> Iterable[KeyReference]:
    return *(log.key_file for log in settings.logs), *settings.audit.key_files


def _is_draft(path: Path) -> bool:
    return path.suffix == ".new"


def _name(path: Path, folder: Path) -> str:
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return str(path)


def _read_list(folder: BackupFolder) -> list[_SavedFile]:
    try:
        return [_SavedFile(**entry) for entry in read_json(folder.read(folder.find_one(f"{_LIST}-")))]
    except (ValueError, TypeError):
        raise CopyError(f"{folder.path / _LIST}: not a list of a site's files") from None
