"""Makes a site: makes what is missing, and changes nothing that exists."""

import datetime as dt
import re
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.archive.durable import replace_durably
from components.archive.keys import (
    KeyFileError,
    create_conversation_key,
    create_log_key,
    create_recipient_key,
    rename_log_key,
)
from components.archive.keys.private import is_kept
from components.archive.keys.reference import (
    KeyReference,
    named_file,
    next_key,
    public_file,
)
from components.archive.store.open import log_file, store_label
from components.process.errors import SiteError
from components.settings.log import LogSettings, find_key_name
from components.settings.site import SiteFile
from components.settings.site_table import ServerName
from components.site.certificates import make_certificates
from components.site.demo_access import access_table, add_approvers, admit_everybody, make_approver_keys
from components.site.demo_accounts import write_passwords
from components.site.demo_console import console_table
from components.site.demo_ejabberd import for_ejabberd
from components.site.demo_history import history_table
from components.site.demo_transfer import add_file_service, transfer_table
from components.site.demo_web import web_table
from components.site.lock import wait_for_turn
from components.site.machine import make_machine_files
from components.site.packaged import packaged_folder
from components.site.parts import is_machine, parts_of
from components.site.secret import make_secrets
from components.site.validate import find_begun_log, load_site, read_site
from policy.toml_problem import TomlError, read_toml

# Below those that Linux gives to outgoing connections (32768 up), or one of them might hold ours later.
_DEMO_PORTS = range(15000, 32000)

# Of the names that C2SP signed notes allow, those that also need no quoting in TOML.
_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class MadeSite:
    """A site that is ready to start, and the files that were just made for it."""

    settings: SiteFile
    made: tuple[Path, ...]


def init_site(
    site_toml: Path,
    *,
    demo: bool = False,
    origin: str | None = None,
    system: bool = False,
    server: ServerName = "prosody",
) -> MadeSite:
    """Make what the site lacks: site.toml, the files that it names, keys, certificates; for a `demo`, passwords too.

    `origin` is the beginning of the logs' names in a new site.toml: `line.firm.example` for `line.firm.example/gate`.
    In that of a `system`, each process has folders of its own (docs/install.md). A demonstration on another `server`
    has what that can do (docs/ejabberd.md).
    Keys that have signed nothing yet get the names in site.toml. A demonstration's server listens on free ports, which
    are chosen once. Two at the same time on one site take turns. Raises SettingsError, SiteError, OSError.
    """
    site_toml = site_toml.resolve()
    site_toml.parent.mkdir(parents=True, exist_ok=True)
    with wait_for_turn(site_toml.parent):
        made = []
        if site_toml.exists() and origin is not None:
            raise SiteError(
                f"{site_toml} is there already, and names its logs (log_origin); leave out --origin"
            )
        if not site_toml.exists():
            text = _example_site(demo=demo, origin=origin, system=system, server=server)
            replace_durably(site_toml, text.encode())
            made.append(site_toml)
        return _make_all(site_toml, made, demo=demo)


def _make_all(site_toml: Path, made: list[Path], *, demo: bool) -> MadeSite:
    """Make what the site of a site.toml lacks; `made` is what was just made."""
    settings = read_site(site_toml)
    if is_machine(settings):
        return _init_machine(settings)
    made += _make_rules(settings, demo=demo)
    made += _make_all_keys(settings, demo=demo)
    if settings.certified_names:
        made += make_certificates(
            settings.prosody.certificates,
            authority_key_file(settings),
            settings.site.name,
            settings.certified_names,
            dt.datetime.now(dt.UTC),
        )
    settings = load_site(site_toml)
    has_passwords = accounts_file(settings).exists()
    if demo and settings.access and not (has_passwords and settings.access.folder.exists()):
        made += [] if settings.access.folder.exists() else [settings.access.folder]
        admit_everybody(settings)
    # Killed before this: the next call admits whom this one has not.
    if demo and not has_passwords:
        write_passwords(accounts_file(settings), settings)
        made.append(accounts_file(settings))
    return MadeSite(settings, tuple(made))


def _make_rules(settings: SiteFile, *, demo: bool) -> list[Path]:
    """Make the directory and the rules that site.toml names, from the examples; return what was not there."""
    made = []
    if not settings.gate.directory_file.exists():
        text = (packaged_folder("examples") / "directory.toml").read_text()
        text = add_approvers(text) if demo and settings.access else text
        text = add_file_service(text) if demo and settings.transfer else text
        replace_durably(settings.gate.directory_file, text.encode())
        made.append(settings.gate.directory_file)
    for file, example in (
        (settings.gate.policy, "policy.toml"),
        (settings.archive.retention, "retention.toml"),
    ):
        if file and not file.exists():
            replace_durably(file, (packaged_folder("examples") / example).read_bytes())
            made.append(file)
    return made


def _make_all_keys(settings: SiteFile, *, demo: bool) -> list[Path]:
    """Make keys that are not there, of a demonstration's approvers, too; raises SiteError."""
    try:
        made = _make_keys(settings)
        return [*made, *make_approver_keys(settings.access)] if demo and settings.access else [*made]
    except KeyFileError as err:
        raise SiteError(str(err)) from None


def _init_machine(settings: SiteFile) -> MadeSite:
    """Make what belongs to a machine of auditors' own; what is the site's comes from there."""
    try:
        made = make_machine_files(settings)
    except KeyFileError as err:
        raise SiteError(str(err)) from None
    return MadeSite(load_site(settings.path), tuple(made))


def authority_key_file(settings: SiteFile) -> Path:
    """Return the path of the key of the site's own authority; there is no file if the authority is another's."""
    return settings.folder / "keys" / "ca.key"


def find_recipient_key(settings: SiteFile, public: Path) -> KeyReference:
    """Return the place of a recipient's private key: as `audit.key_files` says, or beside the public half."""
    named = (key for key in settings.audit.key_files if public_file(key) == public)
    return next(named, public.with_suffix(".key"))


def accounts_file(settings: SiteFile) -> Path:
    """Return the path of the file with a demonstration's passwords."""
    return settings.folder / "keys" / "accounts.toml"


def load_passwords(settings: SiteFile) -> Mapping[str, str]:
    """Return the demonstration's passwords by bare JID; raises SiteError if the site is not a demonstration."""
    try:
        accounts = read_toml(accounts_file(settings).read_text())
    except FileNotFoundError:
        raise SiteError(
            f"{settings.path} is no demonstration (no {accounts_file(settings)}); name another with --site"
        ) from None
    except (OSError, UnicodeDecodeError, TomlError) as err:
        raise SiteError(f"{accounts_file(settings)}: {err}") from None
    return {str(jid): str(password) for jid, password in accounts.items()}


def _example_site(*, demo: bool, origin: str | None, system: bool, server: ServerName = "prosody") -> str:
    text = (packaged_folder("examples") / ("system-site.toml" if system else "site.toml")).read_text()
    if origin is not None:
        if not _ORIGIN.fullmatch(origin):
            raise SiteError(f"{origin!r} is no name for logs: take a domain of yours, as line.firm.example")
        text = text.replace('log_origin = "steelyard.example/', f'log_origin = "{origin}/')
    if demo:
        *ports, web_port, files_port, console_port = find_free_ports(5)
        for name, port in zip(("c2s_port", "component_port"), ports, strict=True):
            default = next(line for line in text.splitlines() if line.startswith(f"{name} = "))
            text = text.replace(default, f"{name} = {port}")
        if server == "ejabberd":
            text = for_ejabberd(text)
        text += web_table(web_port, bosh=server != "ejabberd") + access_table()
        text += transfer_table(files_port)
        text += console_table(console_port) + history_table()
    return text


def find_free_ports(count: int) -> list[int]:
    """Choose distinct ports at random, so that sites made at the same time get different ones."""
    ports: list[int] = []
    while len(ports) < count:
        port = secrets.choice(_DEMO_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def _make_keys(settings: SiteFile) -> list[Path]:
    made: list[Path] = []
    parts = parts_of(settings)
    random = [secret for part in parts for secret in part.secrets]
    authority_key_file(settings).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made += make_secrets([*random, settings.cluster.cookie_file] if settings.cluster else random)
    for log in settings.logs:
        if is_kept(log.key_file):
            made += _rename_unused_key(log)
            continue
        if log.is_begun:
            raise SiteError(
                f"{store_label(log.store)} was signed with {log.key_file}, which is gone; put it back from a backup"
            )
        file = named_file(log.key_file)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_log_key(log.key_file, log.origin)
        made.append(file)
    made += _make_archive_keys(settings)
    return made + [file for part in parts for file in part.make_keys()]


def _rename_unused_key(log: LogSettings) -> list[Path]:
    """Rename a log's key as the settings say, if it has signed nothing (otherwise the settings are wrong)."""
    key = log.key_file
    is_used = log_file(log.store) is None or log.is_begun or is_kept(next_key(key))
    if is_used or not isinstance(key, Path) or find_key_name(key) == log.origin:
        return []
    rename_log_key(key, log.origin)
    return [key]


def _make_archive_keys(settings: SiteFile) -> list[Path]:
    """Make a pair for each recipient without one, and the conversation key; raises SiteError if a log exists.

    A new recipient could read none of the existing records, and a new conversation key could find none of them. So an
    operator who has lost a key has to know.
    """
    made = []
    archive = settings.archive
    lost = [path for path in (*archive.recipients, archive.conversation_key_file) if not path.exists()]
    if lost and (begun := find_begun_log(settings)):
        raise SiteError(
            f"{begun} was written with {', '.join(map(str, lost))}, which is gone: put it back from a backup. A new"
            " recipient is made by `steelyard keys make`; a new conversation key only where you move the logs away"
        )
    for public in settings.archive.recipients:
        if not public.exists():
            public.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = find_recipient_key(settings, public)
            create_recipient_key(key, public.stem)
            made.append(named_file(key))
    if not settings.archive.conversation_key_file.exists():
        settings.archive.conversation_key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_conversation_key(settings.archive.conversation_key_file)
        made.append(settings.archive.conversation_key_file)
    return made
