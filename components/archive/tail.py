"""Proves which records behind the newest checkpoint come from the log's own writer (docs/archive-format.md, 6).

Otherwise a person who can write to the store, without the signing key, could leave records there that the next writer
signs.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from components.archive.keys.errors import KeyFileError
from components.archive.log.leaf import LeafError, parse_leaf
from components.archive.log.note import NoteSigner
from components.archive.record import Alarm
from components.archive.store import LogSource

_MAC_SIZE_BYTES = 16
MAX_TAIL_NS = 600 * 1_000_000_000
"""The longest time that a tail may span; the verifier has the same limit for what a crash leaves."""

_CHUNK_RECORDS = 4096


class TailKey:
    """The key of a log's MACs. It is derived from the signing key, so no other secret is stored."""

    def __init__(self, secret: bytes) -> None:
        # Copied for each MAC, which takes half as long as to begin anew.
        self._begun = hmac.new(secret, digestmod=sha256)

    @classmethod
    def of(cls, signer: NoteSigner) -> "TailKey":
        """Derive the key from a signature that nobody else sees; raises KeyFileError and LogUnavailable.

        A key in a token signs and does nothing else. The signature of one text is always the same (RFC 8032, 5.1.6);
        with a token that adds randomness, nothing could be proved after a restart.
        """
        text = f"steelyard-tail-key/1\n{signer.verifier_key.name}\n".encode()
        signature = signer.sign(text)
        if signer.sign(text) != signature:
            raise KeyFileError(
                f"the key of {signer.verifier_key.name} signs one text differently each time, which RFC 8032 does not"
                " allow; keep it elsewhere (docs/keys.md)"
            )
        return cls(HKDF(SHA256(), 32, salt=None, info=text).derive(signature))

    def mac(self, leaves: Sequence[bytes]) -> bytes:
        """Return the MAC of a batch: HMAC-SHA256 of its leaves, the first 16 bytes."""
        begun = self._begun.copy()
        begun.update(leaves[0] if len(leaves) == 1 else b"".join(leaves))
        return begun.digest()[:_MAC_SIZE_BYTES]


@dataclass(frozen=True, slots=True)
class UnprovedTail:
    """Records behind the newest checkpoint, from `first` to before `size`, that the log's own writer did not leave."""

    first: int
    size: int
    reason: str

    def alarm(self, at_ns: int) -> Alarm:
        """Return the alarm to record if the log goes on with them (docs/alarms.md)."""
        details = (("first", self.first), ("reason", self.reason), ("size", self.size))
        return Alarm("tail-unproved", details, at_ns)

    def __str__(self) -> str:
        """Say what is wrong."""
        which = f"records {self.first} to {self.size - 1}"
        return f"{which} are under no checkpoint, and not what its writer left: {self.reason}"


async def find_unproved(source: LogSource, signed_size: int, key: TailKey) -> UnprovedTail | None:
    """Check the records behind the first `signed_size`; return None if the writer with this key left them.

    Raises LogUnavailable. `load_head` checks that they follow one another and match their leaves.
    """
    size, proved = signed_size, signed_size
    batch: list[bytes] = []
    ends: list[bytes] = []
    while leaves := await source.fetch_leaves(size, size + _CHUNK_RECORDS):
        macs = await source.fetch_macs(size, size + len(leaves))
        ends = [*ends[:1], leaves[0], leaves[-1]]
        for index, leaf in enumerate(leaves, size):
            batch.append(leaf)
            if (mac := macs.get(index)) is not None and hmac.compare_digest(key.mac(batch), mac):
                proved, batch = index + 1, []
        size += len(leaves)
    if batch:
        return UnprovedTail(proved, size, "the MACs of its batches are missing or wrong")
    if ends and _time_ns(ends[-1]) - _time_ns(ends[0]) > MAX_TAIL_NS:
        return UnprovedTail(signed_size, size, "they go over more than ten minutes")
    return None


def _time_ns(leaf: bytes) -> int:
    try:
        return parse_leaf(leaf).time_ns
    except LeafError:  # which load_head refuses
        return 0
