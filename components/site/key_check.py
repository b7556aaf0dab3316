"""Checks the files of keys and secrets: who may read them, and that each is what its reader wants."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from components.archive.keys import (
    KeyFileError,
    load_conversation_key,
    load_log_key,
    load_recipient,
    load_recipient_key,
)
from components.archive.keys.files import may_others_read
from components.archive.keys.log_key import load_verifier_keys
from components.archive.keys.reference import KeyReference, TokenKey, secret_files
from components.archive.keys.ring import load_key_ring
from components.process.errors import SiteError
from components.settings.indexer import IndexerSettings
from components.settings.log import LogSettings
from components.settings.secret import SECRET_MIN, read_secret
from components.settings.site import SiteFile
from components.settings.table import PUT_IT_BACK, SettingsError
from components.site.init import accounts_file, authority_key_file, load_passwords
from components.site.parts import is_machine, parts_of, running_parts
from components.witness.keys import load_witness_keys

_AUTHORITY_ADVICE = (
    "put it back from a backup, or, if another authority issues the certificates, move it away"
)
_KEY_ADVICE = (
    "the indexer and the console open records by it:"
    " put it back, or take [indexer] and [console] out of site.toml"
)


def private_files(site: SiteFile) -> list[Path]:
    """Return the files that only the owner may read, those that are there."""
    files = [file for part in parts_of(site) for file in part.secret_files]
    for key in (*(log.key_file for log in site.logs), *site.audit.key_files):
        files += secret_files(key)
    files += [authority_key_file(site), accounts_file(site), site.archive.conversation_key_file]
    files += [file.with_suffix(".key") for _, file in site.shown_certificates]
    files += [site.cluster.cookie_file] if site.cluster else []
    return [file for file in dict.fromkeys(files) if file.exists()]


def keys_of_others(site: SiteFile) -> list[Path]:
    """Return the private keys that lie here and belong elsewhere: the escrow's, the approvers', the authority's.

    The auditors' key is one of them, but for where an indexer or a console needs it.
    """
    if is_machine(site):
        return []
    access = site.access.approvers if site.access else ()
    keys = [
        public.with_suffix(".key") for public in (*site.archive.recipients, *site.archive.approvers, *access)
    ]
    keys.append(authority_key_file(site))
    needed = site.audit.key_files if opens_records_here(site) else ()
    return [key for key in dict.fromkeys(keys) if key.exists() and key not in needed]


def opens_records_here(site: SiteFile) -> bool:
    """Return whether a process here opens records by the auditors' keys."""
    return site.console is not None or site.find(IndexerSettings) is not None


def _load_auditors_keys(site: SiteFile) -> None:
    load_key_ring(key for key in site.audit.key_files if not isinstance(key, TokenKey))


def find_key_problems(site: SiteFile) -> list[str]:
    """Return a line for each file that others may read, or else that is not what its name in site.toml says."""
    problems = [
        f"others may read {file}; run `chmod 600 {file}`"
        for file in private_files(site)
        if may_others_read(file)
    ]
    return problems or list(_find_unusable(site))


def _find_unusable(site: SiteFile) -> Iterator[str]:
    """Yield what is wrong with what is here; a machine of auditors' own has nothing of the server's."""
    archive = site.archive
    parts = running_parts(site) if is_machine(site) else parts_of(site)
    yield from _told(_require_secret, *(file for part in parts for file in part.secrets))
    yield from _told(_require_pair, *site.logs)
    yield from _told(load_recipient, *archive.recipients)
    # What is kept in tokens may be elsewhere, and so may auditors' keys, unless a process opens records by them.
    if opens_records_here(site):
        yield from (f"{problem}; {_KEY_ADVICE}" for problem in _told(_load_auditors_keys, site))
    else:
        yield from _told(load_recipient_key, *(key for key in site.audit.key_files if _is_here(key)))
    if is_machine(site):
        return
    yield from _told(load_conversation_key, archive.conversation_key_file)
    if site.transfer:
        yield from _told(load_recipient_key, site.transfer.delivery_key_file)
    if site.witness:
        yield from _told(load_witness_keys, site.witness.key_file)
    if authority_key_file(site).exists():
        yield from _told(_require_authority, site)
    if accounts_file(site).exists():
        yield from _told(load_passwords, site)


def _is_here(key: KeyReference) -> bool:
    return not isinstance(key, TokenKey) and secret_files(key)[0].exists()


def _told(load: Callable[[Any], object], *kept: Any) -> Iterator[str]:
    """Yield what each of these cannot be loaded for; nothing of a key is in it."""
    for each in kept:
        try:
            load(each)
        except SettingsError as error:
            yield from error.problems
        except (KeyFileError, SiteError) as error:
            yield str(error)


def _require_secret(file: Path) -> None:
    if len(read_secret(file)) < SECRET_MIN:
        raise SiteError(f"{file} has fewer than {SECRET_MIN} characters; delete it and run `steelyard init`")


def _require_pair(log: LogSettings) -> None:
    """Check both halves of a log's key; an auditors' log may be signed elsewhere."""
    known = load_verifier_keys(log.verifier_key_file)
    key = log.key_file
    if _is_here(key) and load_log_key(key).verifier_key not in known:
        raise SiteError(f"{key} is not the key of {log.verifier_key_file}; {PUT_IT_BACK}")


def _require_authority(site: SiteFile) -> None:
    file, certificate = authority_key_file(site), site.prosody.certificates / "ca.crt"
    try:
        key = load_pem_private_key(file.read_bytes(), None)
    except OSError as error:
        raise SiteError(f"{file}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SiteError(f"{file} is no private key; {_AUTHORITY_ADVICE}") from None
    with suppress(OSError, ValueError):  # the certificates are checked by themselves
        if load_pem_x509_certificate(certificate.read_bytes()).public_key() != key.public_key():
            raise SiteError(f"{file} is not the key of {certificate}; {_AUTHORITY_ADVICE}")
