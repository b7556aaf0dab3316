"""A time stamp authority of the tests' own: every answer is made by `openssl ts`."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# What openssl ts asks its configuration for.
_CONFIG = """
[tsa]
default_tsa = tsa1
[tsa1]
serial = {folder}/serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
"""


@dataclass
class TimeStampAuthority:
    """Its files are below `folder`; `ca.pem` is what others trust. `requests` counts what it was asked."""

    folder: Path
    url: str = ""
    requests: int = 0
    status: int = 200
    answers: list[bytes] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> "TimeStampAuthority":
        """Make keys and certificates."""
        folder.mkdir(parents=True)
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root = _certify(_name("Test root"), _name("Test root"), root_key, root_key, usage=None)
        usage = ExtendedKeyUsageOID.TIME_STAMPING
        leaf = _certify(_name("Test stamps"), root.subject, key, root_key, usage)
        (folder / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))
        (folder / "tsa.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "tsa.key").write_bytes(pem)
        return cls(folder)

    async def answer(self, query: bytes) -> bytes:
        """Answer a query (DER)."""
        (self.folder / "query").write_bytes(query)
        return await run_openssl(
            *("ts", "-reply", "-config", self.folder / "openssl.cnf", "-section", "tsa1"),
            *("-queryfile", self.folder / "query", "-signer", self.folder / "tsa.pem"),
            *("-inkey", self.folder / "tsa.key"),
        )

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["TimeStampAuthority"]:
        """Answer over HTTP, at `url`; with the next of `answers` if there are any."""

        async def handle(request: web.Request) -> web.Response:
            self.requests += 1
            assert request.content_type == "application/timestamp-query"
            query = await request.read()
            body = self.answers.pop(0) if self.answers else await self.answer(query)
            return web.Response(body=body, status=self.status, content_type="application/timestamp-reply")

        application = web.Application()
        application.router.add_post("/tsa", handle)
        runner = web.AppRunner(application)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            port = runner.addresses[0][1]
            self.url = f"http://127.0.0.1:{port}/tsa"
            yield self
        finally:
            await runner.cleanup()


async def run_openssl(*arguments: str | Path) -> bytes:
    """Run a command of openssl to its end and give what it wrote; fails with what it complained of."""
    process = await asyncio.create_subprocess_exec(
        "openssl", *map(str, arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return output


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certify(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    usage: x509.ObjectIdentifier | None,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(_key_usage(signs_certificates=usage is None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    return builder.sign(issuer_key, SHA256())


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
