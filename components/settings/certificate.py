"""The certificate with which a process serves TLS itself, read again at SIGHUP."""

import ssl
from pathlib import Path

from components.process.run import Process


def open_server_tls(process: Process, certificate: Path | None) -> ssl.SSLContext | None:
    """Return the TLS of a server, or None without a certificate; raises OSError (ssl.SSLError).

    The key lies beside the certificate (`.key`). At SIGHUP both are read again, for the connections after it; if they
    do not fit, the old ones go on.
    """
    if certificate is None:
        return None
    context = _load(certificate)

    def read_again() -> None:
        # Half of a pair that does not fit would stay in the context: another one tries it first.
        _load(certificate)
        _load_pair(context, certificate)

    process.on_reload(read_again)
    return context


def _load(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_pair(context, certificate)
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path) -> None:
    try:
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    except OSError as err:
        raise OSError(f"{certificate}: {err.strerror or err}") from err
