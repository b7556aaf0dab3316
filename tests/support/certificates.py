"""A certificate authority of the tests' own, made as a site makes its."""

import datetime as dt
import shutil
import ssl
from collections.abc import Sequence
from pathlib import Path

from components.site.certificates import make_certificates


class CertificateAuthority:
    """One authority for any number of servers under test; its key and certificate are kept in `root`."""

    def __init__(self, root: Path) -> None:
        self._key_file = root / "ca.key"
        self._certificate = root / "ca.crt"
        self.issue(root, ())

    def issue(self, folder: Path, domains: Sequence[str]) -> Path:
        """Write `ca.crt` and the certificate of each domain to `folder`, for `ProsodyPlan.certificates`."""
        folder.mkdir(parents=True, exist_ok=True)
        if folder != self._certificate.parent:
            shutil.copy(self._certificate, folder)
        make_certificates(folder, self._key_file, "Test", domains, dt.datetime.now(dt.UTC))
        return folder

    def client_context(self) -> ssl.SSLContext:
        """Return a context that trusts this authority alone."""
        return ssl.create_default_context(cafile=self._certificate)
