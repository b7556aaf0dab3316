"""The machines that may follow the feed: each is known by its certificate, which TLS has verified (docs/feed.md)."""

import datetime as dt
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from components.settings.feed import FeedMachine, FeedSettings
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from policy.supervision.reviewer import Parties, Reviewer, may_see_parties


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine, and the auditors who work there and are auditors still; `logs` are the names of those that it gets."""

    id: str
    auditors: Mapping[str, Reviewer]
    logs: frozenset[str]
    own_log: str | None

    def may_see(self, parties: Parties) -> bool:
        """Return whether one of its auditors may see what these parties said."""
        return any(may_see_parties(each, parties) for each in self.auditors.values())


class Machines:
    """All machines that are listed now."""

    def __init__(self, site: SiteFile) -> None:
        """Read their certificates; raises SettingsError."""
        self._site = site
        self._listed: dict[bytes, tuple[FeedMachine, x509.Certificate]] = {}
        settings = site.require(FeedSettings)
        for entry in settings.machines:
            certificate = _read_certificate(entry.certificate)
            found = self._listed.setdefault(_fingerprint(certificate), (entry, certificate))
            if found[0] is not entry:
                raise SettingsError(
                    [f"feed.machines: {found[0].id} and {entry.id} have the same certificate"]
                )
            _require_known(site, entry)

    def find(self, certificate: bytes | None, now: dt.datetime) -> Machine | None:
        """Return the machine that has shown a certificate (DER), None for one that may not follow the feed (now)."""
        entry, known = self._listed.get(sha256(certificate or b"").digest(), (None, None))
        if (
            entry is None
            or known is None
            or not known.not_valid_before_utc <= now < known.not_valid_after_utc
        ):
            return None
        listed = {each.id: each for each in self._site.audit.auditors}
        now_s = now.timestamp()
        auditors = {
            id_: listed[id_].reviewer
            for id_ in entry.auditors
            if id_ in listed and ((until_s := listed[id_].until_s) is None or until_s > now_s)
        }
        if not auditors:
            return None
        names = {log.name for log in self._site.verified_logs if log.name != entry.own_log}
        logs = names if entry.logs is None else names & set(entry.logs)
        return Machine(entry.id, auditors, frozenset(logs), entry.own_log)

    def trust(self, tls: ssl.SSLContext) -> None:
        """Have a server's TLS ask for a client's certificate, and accept the listed ones."""
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        tls.verify_mode = ssl.CERT_REQUIRED
        # Each is trusted for itself, whoever issued it.
        tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        for _entry, certificate in self._listed.values():
            tls.load_verify_locations(cadata=certificate.public_bytes(Encoding.DER))


def _require_known(site: SiteFile, entry: FeedMachine) -> None:
    """Check the names that a machine's entry has; raises SettingsError."""
    audit = site.audit
    auditors, logs = {each.id for each in audit.auditors}, {log.name for log in site.verified_logs}
    others = {log.name for log in site.other_audit_logs}
    problems = [
        *_unknown(entry.auditors, auditors, f"feed.machines: {entry.id}: audit.auditors lists no"),
        *_unknown(entry.logs or (), logs, f"feed.machines: {entry.id}: there is no log"),
        *_unknown((entry.own_log,) if entry.own_log else (), others, "feed.machines: audit.others has no"),
    ]
    if problems:
        raise SettingsError(problems)


def _unknown(names: Collection[str], known: Collection[str], problem: str) -> list[str]:
    return [f"{problem} {name}" for name in names if name not in known]


def _read_certificate(file: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError([f"feed.machines.certificate: {file} cannot be read: {error}"]) from None


def _fingerprint(certificate: x509.Certificate) -> bytes:
    return sha256(certificate.public_bytes(Encoding.DER)).digest()
