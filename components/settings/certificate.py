"""The certificate with which a process serves TLS itself, read again at SIGHUP."""

import ssl
from contextlib import suppress
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
        load_pair(context, certificate)

    process.on_reload(read_again)
    return context


def _load(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_pair(context, certificate)
    return context


def load_pair(context: ssl.SSLContext, certificate: Path) -> None:
    """Have TLS show a certificate, with the key beside it (`.key`); raises OSError (ssl.SSLError), never asks."""
    key = certificate.with_suffix(".key")
    try:
        for file in (certificate, key):
            file.open("rb").close()
        # Without a password, OpenSSL asks the terminal for the one of an encrypted key, and waits.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as err:
        raise OSError(f"{certificate}: {_explain(err, key)}") from err
    except OSError as err:
        raise OSError(f"{err.filename or key}: {err.strerror or err}") from err


def _explain(err: ssl.SSLError, key: Path) -> str:
    with suppress(OSError):
        if b"ENCRYPTED" in key.read_bytes():
            return f"{key} has a passphrase, which nobody can enter here; store it without one"
    return err.strerror or str(err)
