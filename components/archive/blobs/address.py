"""A blob's address, which finds it, and what it reveals about the content (docs/blobs.md, section 1); pure."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from components.archive.seal import Recipient

FORMAT = "steelyard-blob/1"
TRAILER_SIZE_BYTES = 42
MARK_SIZE_BYTES = 16

_ADDRESS = re.compile(r"(0|[1-9][0-9]{0,4})/([0-9a-f]{64})")
_CHECK_SIZE_BYTES = 8
_MAX_CLASS = 65_535


class BlobAddressError(ValueError):
    """The text or the bytes are not a blob's address."""


@dataclass(frozen=True, slots=True, order=True)
class BlobAddress:
    """A retention class and a keyed hash (32 bytes) of enterprise, class, recipients and content: `1/5e0b...`."""

    retention_class: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.retention_class}/{self.digest.hex()}"

    @property
    def mark(self) -> bytes:
        """The 16 bytes by which the leaf of a record says that it refers to the blob (docs/blobs.md, section 7)."""
        return self.digest[:MARK_SIZE_BYTES]

    def beside(self, other: "BlobAddress") -> "BlobAddress":
        """Return this address with another's mark: records that refer to the other one refer to this one, too."""
        return BlobAddress(self.retention_class, other.mark + self.digest[:MARK_SIZE_BYTES])

    @property
    def head_name(self) -> str:
        """The name of the object that describes the blob."""
        text = self.digest.hex()
        return f"head/{self.retention_class}/{text[:2]}/{text}"


def derive_address(
    address_key: bytes,
    site: str,
    enterprise: str,
    retention_class: int,
    recipients: Iterable[Recipient],
    content_sha256: bytes,
) -> BlobAddress:
    """Derive the address of a content: equal for equal files of one enterprise and class, sealed to the same people.

    Without `address_key` (32 bytes), nobody who has a file can tell whether it is stored here.
    """
    if not 0 <= retention_class <= _MAX_CLASS:
        raise BlobAddressError(f"there is no retention class {retention_class}")
    sealed_to = ",".join(sorted(recipient.key_id for recipient in recipients))
    text = f"{FORMAT}\n{site}\n{enterprise}\n{retention_class}\n{sealed_to}\n{content_sha256.hex()}\n"
    return BlobAddress(retention_class, hmac.digest(address_key, text.encode(), "sha256"))


def parse_address(text: str) -> BlobAddress:
    """Parse an address; raises BlobAddressError."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[1]) > _MAX_CLASS:
        raise BlobAddressError("not a blob's address: one is a class, a slash and 64 hexadecimal digits")
    return BlobAddress(int(match[1]), bytes.fromhex(match[2]))


def parse_head_name(name: str) -> BlobAddress:
    """Parse the name of a head; raises BlobAddressError."""
    _head, _, rest = name.partition("/")
    retention_class, _, digest = rest.partition("/")
    address = parse_address(f"{retention_class}/{digest[3:]}")
    if address.head_name != name:
        raise BlobAddressError("not the name of a blob's head")
    return address


def encode_trailer(address: BlobAddress) -> bytes:
    """Encode the trailer of a blob's data, which identifies data without a head."""
    body = address.retention_class.to_bytes(2, "big") + address.digest
    return body + _check(body)


def parse_trailer(data: bytes) -> BlobAddress:
    """Parse a trailer; raises BlobAddressError when it was altered."""
    body, check = data[:-_CHECK_SIZE_BYTES], data[-_CHECK_SIZE_BYTES:]
    if len(data) != TRAILER_SIZE_BYTES or check != _check(body):
        raise BlobAddressError("not the trailer of a blob's data")
    return BlobAddress(int.from_bytes(body[:2], "big"), body[2:])


def _check(body: bytes) -> bytes:
    return sha256(FORMAT.encode() + b"\n" + body).digest()[:_CHECK_SIZE_BYTES]
