"""A private, real OpenLDAP server for a test: its own folder, its own loopback ports, TLS only."""

import asyncio
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.support.certificates import CertificateAuthority
from tests.support.ports import free_port
from tests.support.process import ProcessUnderTest

# OpenLDAP's client takes `localhost` for the machine's own name when it looks at a certificate.
ADDRESS = "127.0.0.1"
SUFFIX = "dc=metals,dc=example"
READER = f"cn=reader,{SUFFIX}"
PASSWORD = "the reader's password"

_SLAPD = Path("/usr/sbin/slapd")
_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
TLSCACertificateFile {root}/ca.crt
TLSCertificateFile {root}/{address}.crt
TLSCertificateKeyFile {root}/{address}.key
# Nothing in clear, nothing to strangers, and never more than 3 entries at once but in pages.
security ssf=64
sizelimit size.soft=3 size.hard=3 size.prtotal=unlimited
database mdb
suffix "{suffix}"
directory {root}/data
maxsize 10485760
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to dn.base="cn=secret,{suffix}" by * none
access to * by dn.exact="{reader}" read by anonymous auth by * none
"""


class SlapdServer(ProcessUnderTest):
    """One slapd and its entries, an LDIF text below the suffix; `authority` issues its certificate."""

    def __init__(self, root: Path, authority: CertificateAuthority, ldif: str) -> None:
        super().__init__("slapd", root / "slapd.out")
        (root / "data").mkdir(parents=True)
        authority.issue(root, [ADDRESS])
        self.ca_file = root / "ca.crt"
        self.port, self.tls_port = free_port(), free_port()
        self._config = root / "slapd.conf"
        self._config.write_text(_CONFIG.format(root=root, address=ADDRESS, suffix=SUFFIX, reader=READER))
        # A copy of the program: what confines the system's own server to the system's folders goes by its path.
        self._program = root / "slapd"
        shutil.copy(_SLAPD, self._program)
        entries = (
            f"dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\ndc: metals\no: Metals\n\n"
            f"dn: {READER}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
            f"cn: reader\nuserPassword: {PASSWORD}\n\n{ldif}"
        )
        command = [str(self._program), "-T", "add", "-f", str(self._config)]
        subprocess.run(command, input=entries, text=True, check=True, capture_output=True)

    async def start(self) -> None:
        """Start it and wait until it listens; raises `NotReadyError`."""
        urls = f"ldap://{ADDRESS}:{self.port} ldaps://{ADDRESS}:{self.tls_port}"
        self._launch([self._program, "-d", "0", "-f", self._config, "-h", urls])
        await self._wait_until_ready(self._listens)

    async def _listens(self) -> bool:
        with suppress(OSError):
            _, writer = await asyncio.open_connection(ADDRESS, self.tls_port)
            writer.close()
            return True
        return False
