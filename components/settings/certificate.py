"""Loads the certificate that a setting names, for what serves HTTP itself."""

import ssl
from pathlib import Path


def load_server_tls(certificate: Path | None) -> ssl.SSLContext | None:
    """Return what TLS needs, or None where a proxy ends it; raises OSError (ssl.SSLError).

    The private key lies beside the certificate, as `.key`.
    """
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context
