"""Time stamps of checkpoints by an authority (RFC 3161): a third party confirms when the log had this size."""

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import structlog
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    Verifier,
    VerifierBuilder,
    decode_timestamp_response,
)

from components.archive.kept_checkpoints import KeptCheckpoints, Stamped
from components.archive.log.checkpoint import Checkpoint
from components.process.backoff import Backoff
from components.process.http import read_limited
from components.witness.client import ANSWER_TIMEOUT_S
from components.witness.feed import INTERVAL_S, LogFeed

LONGEST_PAUSE_S = 600.0

_TOKEN_MAX_BYTES = 64 * 1024

log = structlog.get_logger("witness")


class TimeStampError(Exception):
    """There is no time stamp, or it is not the authority's time stamp of these bytes."""


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Read an authority's certificates (PEM), its root among them; raises OSError and ValueError.

    If the certificate of the stamping key is among them, only this one is accepted, and answers need not contain it.
    This helps with an authority whose answers contain several certificates in an order that DER forbids, which the
    parser refuses.
    """
    certificates = x509.load_pem_x509_certificates(path.read_bytes())
    if not any(each.issuer == each.subject for each in certificates):
        raise ValueError(f"{path} holds no root certificate, one that is its own issuer")
    if sum(_may_stamp(each) for each in certificates) > 1:
        raise ValueError(f"{path} holds more than one certificate of a stamping key")
    return certificates


def verify_time_stamp(
    content: bytes, token: bytes, certificates: Sequence[x509.Certificate], nonce: int | None = None
) -> dt.datetime:
    """Verify an authority's answer (DER, a TimeStampResp) about these bytes, and return the time in it.

    `certificates` are trusted, also the root; they must be valid only at that time. Raises TimeStampError.
    """
    try:
        response = decode_timestamp_response(token)
        if response.status != 0:
            raise TimeStampError(f"the authority refuses (status {response.status})")
        _verifier(certificates, nonce).verify_message(response, content)
        return response.tst_info.gen_time
    except (VerificationError, ValueError) as error:
        raise TimeStampError(f"not a time stamp by the authority: {error}") from None


class TimeStampAuthority:
    """An authority that is reached over HTTP (RFC 3161, 3.4)."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, certificates: Sequence[x509.Certificate]
    ) -> None:
        self._session = session
        self._url = url
        self._certificates = certificates

    async def stamp(self, content: bytes) -> bytes:
        """Ask for a time stamp of these bytes; return the answer (DER), verified. Raises TimeStampError."""
        builder = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256)
        has_signer = any(_may_stamp(each) for each in self._certificates)
        request = builder.cert_request(cert_request=not has_signer).build()
        token = await self._post(request.as_bytes())
        verify_time_stamp(content, token, self._certificates, request.nonce)
        return token

    async def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise TimeStampError(f"{self._url} answers with status {response.status}")
                return await read_limited(response, _TOKEN_MAX_BYTES)
        except TimeoutError:
            raise TimeStampError(f"no answer in {ANSWER_TIMEOUT_S:.0f} s from {self._url}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TimeStampError(f"{self._url} cannot be reached: {error}") from None


class TimeStamper:
    """Has one log's newest checkpoint stamped, if it has grown, every `every_s` seconds."""

    def __init__(
        self, feed: LogFeed, authority: TimeStampAuthority, kept: KeptCheckpoints, every_s: float
    ) -> None:
        self._feed = feed
        self._authority = authority
        self._kept = kept
        self._every_s = every_s
        self._last: Stamped | None = None
        self._backoff = Backoff(LONGEST_PAUSE_S)

    @property
    def fault(self) -> str:
        """The present fault, or nothing."""
        return self._backoff.fault

    async def run(self) -> None:
        """Stamp due checkpoints until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(INTERVAL_S)

    async def step(self) -> None:
        """Stamp the newest checkpoint if it is due."""
        newest = self._feed.newest
        if newest is None or not self._backoff.is_due(time.monotonic()):
            return
        try:
            if self._is_wanted(newest[1]):
                note, checkpoint = newest
                token = await self._authority.stamp(note.encode())
                now_s = time.time()
                self._kept.keep_stamped(note, token, now_s)
                self._last = Stamped(checkpoint.size, now_s)
        except (TimeStampError, OSError) as error:
            if self._backoff.failed(str(error), time.monotonic()):
                log.warning("no time stamp", log=self._feed.name, reason=str(error))
        else:
            self._backoff.succeeded()

    def _is_wanted(self, checkpoint: Checkpoint) -> bool:
        if self._last is None:
            self._last = self._kept.last_stamped() or Stamped(0, 0.0)
        # A clock that was set back makes the last one a thing of the future: then it is stamped now.
        age_s = time.time() - self._last.at_s
        return checkpoint.size > self._last.size and not 0 <= age_s < self._every_s


def _may_stamp(certificate: x509.Certificate) -> bool:
    """Return whether a certificate is the stamping one, and not that of an authority above (RFC 3161, 2.3)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.TIME_STAMPING in usage


def _verifier(certificates: Sequence[x509.Certificate], nonce: int | None) -> Verifier:
    builder = VerifierBuilder() if nonce is None else VerifierBuilder().nonce(nonce)
    for certificate in certificates:
        if _may_stamp(certificate):
            builder = builder.tsa_certificate(certificate)
        elif certificate.issuer == certificate.subject:
            builder = builder.add_root_certificate(certificate)
        else:
            builder = builder.add_intermediate_certificate(certificate)
    return builder.build()
