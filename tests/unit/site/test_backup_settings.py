"""Every file that a setting names is in a backup, or it is said here why not."""

from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from components.archive.backup.folder import open_backup
from components.settings.site import SiteFile
from components.settings.table import Table
from components.settings.tables import TABLES
from components.site.backup_files import put_back_files, save_files
from tests.support.ports import free_port

# What each process makes anew, or what is no file.
NOT_IN_IT = {
    "audit.index", "audit.index_store", "audit.speech_model", "console.state_file", "site.logs", "prosody.folder",
    "prosody.attached_to",  # it is somebody else's
    "transfer.files", "audit.sites.site",
    "transfer.clamd.socket", "transfer.sessions_file", "roster.state_file", "witness.state", "access.passwords",
}  # fmt: skip
# Logs and queues are copied as what they are (tests/unit/cli/test_backup.py); folders are tried by what is in them.
COPIED_OTHERWISE = {"review.file", "transfer.state_file", "prosody.certificates"}
NAMED_BY_A_FOLDER = {
    "access.folder": "grant.note",
    "audit.grants": "grant.json",
    "witness.sites.keys": "log-gate.pub",
}

MORE = """
[review]
file = "extra/review.db"
[tiles]
port = {port}
[witness]
name = "steelyard.example/witness"
key_file = "extra/witness.key"
state = "witness"
status_file = "run/witness.status.json"
[[witness.sites]]
url = "https://london.example:8790"
keys = "peers/london"
[witness.time_stamps]
url = "https://stamps.example"
certificates = "extra/stamps.pem"
[directory]
scim_port = {port}
scim_certificate = "extra/scim.crt"
[[directory.csv]]
enterprise = "metals"
file = "extra/people.csv"
[[directory.ldap]]
enterprise = "metals"
url = "ldaps://ldap.example"
base = "dc=example"
bind_dn = "cn=steelyard"
ca_file = "extra/ldap.pem"
password_file = "extra/ldap.password"
default_roles = ["trader"]
[[directory.scim]]
enterprise = "metals"
token_file = "extra/scim.token"
state = "extra/scim.json"
default_roles = ["trader"]
[feed]
port = {port}
host = "feed.steelyard.example"
certificate = "extra/feed.crt"
status_file = "run/feed.status.json"
[[feed.machines]]
id = "desk"
certificate = "extra/desk.crt"
auditors = ["dora"]
[follow]
url = "https://feed.other.example:5290"
authority = "extra/other-ca.crt"
certificate = "extra/machine.crt"
status_file = "run/follow.status.json"
[[federation.sites]]
name = "Zurich"
domains = ["zurich.example"]
authority = "extra/zurich-ca.crt"
[console.oidc]
issuer = "https://id.example"
client_id = "steelyard"
client_secret_file = "extra/oidc.secret"
authority = "extra/oidc.pem"
[transfer.clamd]
socket = "extra/clamd.socket"
[[access.former_approvers]]
key = "extra/former.pub"
until = 2026-11-24T09:00:00Z
[[audit.auditors]]
id = "dora"
name = "Dora Dean"
roles = ["auditor"]
key = "extra/auditor-dora.pub"
[[audit.auditors.retired]]
key = "extra/auditor-dora-before.pub"
until = 2026-11-24T09:00:00Z
[[audit.others]]
log = "archive/audit-desk.db"
log_origin = "steelyard.example/audit-desk"
verifier_key = "extra/log-audit-desk.pub"
[[audit.sites]]
name = "london"
site = "london/site.toml"
[cluster]
node = "one.steelyard.example"
cookie_file = "extra/cluster.cookie"
[[cluster.nodes]]
name = "one.steelyard.example"
address = "10.0.0.1"
[[cluster.nodes]]
name = "two.steelyard.example"
address = "10.0.0.2"
"""
# Of tables that a demonstration has.
ADDED = {
    "[transfer]": 'denied_hashes = "extra/denied.txt"\n'
    'download_from = "sessions"\nsessions_file = "run/sessions.db"\n',
    "[audit]": 'readers = ["extra/reader.pub"]\ngrants = "grants"\nspeech_model = "whisper"\n',
    "[console]": 'signer = "dora"\nsigner_key = "extra/auditor-dora.key"\n',
    "[archive]": 'approvers = ["extra/anna.pub", "extra/ben.pub"]\n',
}


def paths_of(table: BaseModel, name: str) -> Iterator[tuple[str, Path]]:
    """Yield each path in a table and in those within it, with the setting's name."""
    for field in type(table).model_fields:
        value = getattr(table, field)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, BaseModel):
                yield from paths_of(each, f"{name}.{field}")
            elif isinstance(each, Path):
                yield f"{name}.{field}", each


def path_settings(model: type[BaseModel], name: str) -> Iterator[str]:
    """Yield the name of each setting that may be a path, by its type."""
    for field, info in model.model_fields.items():
        for each in _types(info.annotation):
            if isinstance(each, type) and issubclass(each, BaseModel):
                yield from path_settings(each, f"{name}.{field}")
            elif each is Path:
                yield f"{name}.{field}"


def _types(annotation: Any) -> Iterator[Any]:
    if isinstance(annotation, UnionType) or get_args(annotation):
        for each in get_args(annotation):
            yield from _types(each)
    else:
        yield annotation


def is_log(name: str) -> bool:
    return name.endswith((".log", ".status_file"))


@pytest.fixture
def named(site: Path) -> dict[str, list[Path]]:
    """The paths of a site that uses every setting that is one, each of which is a file now."""
    text = site.read_text()
    for heading, added in ADDED.items():
        start = text.index("\n", text.index(f"\n{heading}") + 1) + 1
        text = text[:start] + added + text[start:]
    text = text.replace('certificate = "certs/localhost.crt"', 'certificate = "extra/served.crt"')
    site.write_text(text + MORE.format(port=free_port()))
    settings = SiteFile(site)
    found: dict[str, list[Path]] = {}
    for table in TABLES:
        made: Table | None = settings.find(table)
        for name, path in paths_of(made, table.table_name) if made else ():
            found.setdefault(name, []).append(path)
    for name, paths in found.items():
        for path in paths:
            file = path / NAMED_BY_A_FOLDER[name] if name in NAMED_BY_A_FOLDER else path
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists():
                file.write_text(f"what {name} needs")
    return found


def test_no_setting_that_names_a_file_is_left_out_of_a_backup(
    site: Path, named: dict[str, list[Path]], tmp_path: Path
) -> None:
    every = {name for table in TABLES for name in path_settings(table, table.table_name)}
    assert every - named.keys() - {"audit.index_store", "prosody.attached_to"} == set(), (
        "write it into MORE or ADDED"
    )
    assert every >= NOT_IN_IT | COPIED_OTHERWISE
    with open_backup(tmp_path / "backup", make=True) as folder:
        save_files(folder, SiteFile(site), {}, with_keys=True)
        folder.complete()
    restored = tmp_path / "restored"
    restored.mkdir()
    with open_backup(tmp_path / "backup") as folder:
        put_back_files(folder, restored / "site.toml")
    missing = []
    for name in every - NOT_IN_IT - COPIED_OTHERWISE:
        for path in [] if is_log(name) else named[name]:
            file = path / NAMED_BY_A_FOLDER.get(name, "")
            there = restored / file.relative_to(site.parent)
            if not (there.is_file() and there.read_bytes() == file.read_bytes()):
                missing.append(name)
    assert missing == []
