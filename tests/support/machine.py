"""A machine whose system trusts one authority and finds some hosts on loopback, for clients that ask the system.

It is the same machine, with other files in a few places, which only the programs inside see (mount_namespaces(7)).
"""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

_TRUSTED, _HOSTS, _CHROMIUM = Path("/etc/ssl/certs"), Path("/etc/hosts"), Path("/etc/chromium")
_MOUNT = 'while [ "$1" != -- ]; do mount --bind "$1" "$2" && shift 2 || exit 99; done; shift; exec "$@"'


def make_machine(root: Path, authority: Path, hosts: Iterable[str]) -> list[str | Path]:
    """Make its files in `root`, and return the beginning of a command line that runs a program on it.

    `authority` is a file with one certificate: instead of all others, programs trust what it signed.
    """
    trusted, found, chromium = root / "trusted", root / "hosts", root / "chromium"
    trusted.mkdir(parents=True)
    for name in ("authority.pem", "ca-certificates.crt"):
        shutil.copy(authority, trusted / name)
    subprocess.run(["openssl", "rehash", trusted], check=True, stderr=subprocess.DEVNULL)
    found.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *hosts)))
    _write_policies(chromium, authority)
    places = ((trusted, _TRUSTED), (found, _HOSTS), (chromium, _CHROMIUM))
    mounts = [str(path) for pair in places if pair[1].exists() for path in pair]
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    return ["unshare", "--mount", *user, "sh", "-c", _MOUNT, "sh", *mounts, "--"]


def _write_policies(folder: Path, authority: Path) -> None:
    """Have Chromium trust the authority, too: it has a store of its own, beside the policies of whoever runs it."""
    managed = folder / "policies" / "managed"
    managed.mkdir(parents=True)
    certificate = x509.load_pem_x509_certificate(authority.read_bytes()).public_bytes(Encoding.DER)
    policies = {"CACertificates": [base64.b64encode(certificate).decode()]}
    (managed / "authority.json").write_text(json.dumps(policies))
