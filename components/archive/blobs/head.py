"""A blob's head: where its data are and who can open them, or that the blob was destroyed; pure."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from components.archive.blobs.address import FORMAT, BlobAddress, BlobAddressError, parse_address
from components.archive.seal import (
    KEY_SIZE_BYTES,
    EnvelopeOpener,
    Recipient,
    SealError,
    open_envelopes,
    seal_envelopes,
)
from components.process.json_text import read_json

_DATA_NAME = re.compile(r"data/[0-9]{8}/[0-9a-f]{32}")
_SECRET_SIZE_BYTES = KEY_SIZE_BYTES + 8 + 32


class HeadError(ValueError):
    """The bytes are not a blob's head."""


@dataclass(frozen=True, slots=True)
class BlobSecret:
    """What only recipients see: the key of the data, and the size and SHA-256 of the content."""

    key: bytes
    size_bytes: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class BlobHead:
    """A stored blob: its data are the object `data`, of `stored_size_bytes` and with this SHA-256 (hex).

    `renewed_at_ns` is when it was put last; its retention time counts from there. `envelopes` hold a BlobSecret for
    each recipient. Only opening the blob proves any of this.
    """

    address: BlobAddress
    data: str
    stored_size_bytes: int
    stored_sha256: str
    stored_at_ns: int
    renewed_at_ns: int
    envelopes: bytes


@dataclass(frozen=True, slots=True)
class BlobTombstone:
    """A destroyed blob, with the order that destroyed it; `data` is the name of the object that held it."""

    address: BlobAddress
    data: str
    destroyed_at_ns: int
    order: str


BlobEntry = BlobHead | BlobTombstone


def seal_secret(
    secret: BlobSecret, site: str, address: BlobAddress, recipients: tuple[Recipient, ...]
) -> bytes:
    """Seal a blob's secret to its recipients."""
    plaintext = secret.key + secret.size_bytes.to_bytes(8, "big") + secret.sha256
    return seal_envelopes(plaintext, _info(site, address), recipients)


def open_secret(head: BlobHead, site: str, openers: tuple[EnvelopeOpener, ...]) -> BlobSecret:
    """Open a blob's secret; raises NoKeyError when it is sealed to others, and SealError."""
    plaintext = open_envelopes(head.envelopes, _info(site, head.address), openers, f"blob {head.address}")
    if len(plaintext) != _SECRET_SIZE_BYTES:
        raise SealError(f"the envelope of blob {head.address} holds something else")
    size = int.from_bytes(plaintext[KEY_SIZE_BYTES : KEY_SIZE_BYTES + 8], "big")
    return BlobSecret(plaintext[:KEY_SIZE_BYTES], size, plaintext[KEY_SIZE_BYTES + 8 :])


def encode_head(entry: BlobEntry) -> bytes:
    """Encode as one JSON object."""
    fields = asdict(entry)
    fields["address"] = str(entry.address)
    if isinstance(entry, BlobHead):
        fields["envelopes"] = read_json(entry.envelopes)
    return json.dumps({"format": FORMAT, **fields}, separators=(",", ":")).encode()


def parse_head(content: bytes) -> BlobEntry:
    """Parse a head or a tombstone; raises HeadError."""
    try:
        fields: dict[str, Any] = read_json(content)
        if fields.pop("format") != FORMAT or not _DATA_NAME.fullmatch(fields["data"]):
            raise HeadError("another format, or data of another name")
        fields["address"] = parse_address(fields["address"])
        if "destroyed_at_ns" in fields:
            return BlobTombstone(**fields)
        fields["envelopes"] = json.dumps(fields["envelopes"], separators=(",", ":")).encode()
        head = BlobHead(**fields)
        if min(head.stored_size_bytes, head.stored_at_ns, head.renewed_at_ns) < 0:
            raise HeadError("a negative number")
        return head
    except (ValueError, KeyError, TypeError, BlobAddressError, AttributeError):  # whoever altered it
        raise HeadError("not the head of a blob") from None


def _info(site: str, address: BlobAddress) -> bytes:
    return f"{FORMAT}\n{site}\n{address}\n".encode()
