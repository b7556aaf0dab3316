"""Seals the gate's memos, so that whoever has its log, or a backup, does not read who wrote to whom of late.

The key comes from the site's conversation key, which hides in the leaves who talks to whom: the gate has it after a
restart, and it is in no backup unless keys are asked for (docs/decisions/0333).
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_CLEAR = b"{"
_SALT_BYTES, _MARK_BYTES, _COUNT_BYTES = 16, 8, 8
_HEAD_BYTES = len(_VERSION) + _SALT_BYTES + _MARK_BYTES + _COUNT_BYTES
_NONCE_BYTES = 12


class OtherKeyError(Exception):
    """A memo was sealed under another site key, so nothing is known of it."""


class MemoSeal:
    """Seals memos under a key of this run's own, and opens those of earlier runs.

    The key is derived from the site's and a salt, which each memo has, and the nonce is a count: none comes twice,
    however many memos a site makes. `_MARK_BYTES` of what is derived stand in the memo, and tell which site key it was.
    """

    def __init__(self, site_key: bytes) -> None:
        self._site_key = site_key
        self._salt = os.urandom(_SALT_BYTES)
        self._count = 0
        # By salt: a log has memos of a few runs.
        self._known: dict[bytes, tuple[bytes, AESGCM]] = {}

    def seal(self, note: bytes) -> bytes:
        """Return a memo sealed: a version, salt, mark and count, and AES-256-GCM of the note over them."""
        mark, cipher = self._derive(self._salt)
        head = _VERSION + self._salt + mark + self._count.to_bytes(_COUNT_BYTES)
        self._count += 1
        return head + cipher.encrypt(_nonce(head), note, head)

    def open(self, sealed: bytes) -> bytes:
        """Return what was sealed; a memo of before version 1 was not, and is returned as it is.

        Raises OtherKeyError, and ValueError if it is not what was sealed.
        """
        if sealed.startswith(_CLEAR):
            return sealed
        head, body = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
        if not head.startswith(_VERSION) or len(head) < _HEAD_BYTES:
            raise ValueError("not a sealed memo")
        mark, cipher = self._derive(head[1 : 1 + _SALT_BYTES])
        if head[1 + _SALT_BYTES : -_COUNT_BYTES] != mark:
            raise OtherKeyError
        try:
            return cipher.decrypt(_nonce(head), body, head)
        except InvalidTag:
            raise ValueError("a sealed memo that was changed") from None

    def _derive(self, salt: bytes) -> tuple[bytes, AESGCM]:
        if salt not in self._known:
            derived = HKDF(SHA256(), _MARK_BYTES + 32, salt, b"steelyard-memo/1").derive(self._site_key)
            self._known[salt] = derived[:_MARK_BYTES], AESGCM(derived[_MARK_BYTES:])
        return self._known[salt]


def _nonce(head: bytes) -> bytes:
    return head[-_COUNT_BYTES:].rjust(_NONCE_BYTES, b"\0")
