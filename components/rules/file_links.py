"""Links to uploaded files: what one says of its file, sealed, so that whoever has the key can tell whose it is.

The gate reads them and the transfer component makes them; neither asks the other (docs/files.md, section 4).
"""

import hmac
import os
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from components.archive.keys import KeyFileError
from components.archive.keys.files import read_key_file
from components.settings.site import SiteFile
from policy.address import BareJid
from policy.facts import StanzaFacts

ID_SIZE_BYTES = 16
_NONCE_SIZE_BYTES = 12
_HEAD = struct.Struct(">B16sI")
_VERSION = 1
_CONTEXT = b"steelyard-file-link/1"

# Characters of a token: of the shortest owner `a@b`, and of the longest (RFC 7622, 3.1).
_LEAST, _MOST = 70, 4400
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{_LEAST},{_MOST}}}", re.ASCII)
_IN_PATH = re.compile(rf"[/\\]([A-Za-z0-9_-]{{{_LEAST},{_MOST}}})", re.ASCII)
# Without one of these there is no path: slashes, what browsers take for slashes, and both percent-encoded.
_SLASHES = ("/", "\\", "%2", "%5")
# What browsers drop from an address (WHATWG URL, 4.4), and an address can be encoded within others.
_DROPPED = str.maketrans("", "", "\t\n\r")
_MOST_ENCODINGS = 4


@dataclass(frozen=True, slots=True)
class FileLink:
    """What a link says: the id of the file (16 bytes), who uploaded it, and until when it opens (Unix time)."""

    id: bytes
    owner: BareJid
    until_s: int


class FileLinks:
    """Makes and reads the links that begin with `base_url`, sealed with a key of any length."""

    def __init__(self, base_url: str, key: bytes) -> None:
        self.base_url = base_url
        self._key = key
        self._cipher = AESGCM(sha256(_CONTEXT + b"\n" + key).digest())
        self._put_key = sha256(_CONTEXT + b"/put\n" + key).digest()
        self.key_id = sha256(_CONTEXT + b"/id\n" + key).hexdigest()[:16]
        """Which key this is; it tells nothing of the key."""

    def __reduce__(self) -> tuple[type["FileLinks"], tuple[str, bytes]]:
        """Return how a process that this one starts makes the same."""
        return FileLinks, (self.base_url, self._key)

    def authorization(self, id_: bytes) -> str:
        """Return the value of the header by which whoever asked for the slot, and nobody else, puts its file."""
        return f"Bearer {hmac.digest(self._put_key, id_, 'sha256').hex()}"

    def make(self, link: FileLink, name: str) -> str:
        """Return the URL of a file that is called `name`."""
        nonce = os.urandom(_NONCE_SIZE_BYTES)
        plain = _HEAD.pack(_VERSION, link.id, link.until_s) + link.owner.encode()
        token = urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, None)).rstrip(b"=").decode()
        return f"{self.base_url}{token}/{quote(name, safe='')}"

    def open(self, token: str) -> FileLink | None:
        """Return what the token of a link says, or None for one that was not made with this key.

        It opens as it was made and in no other spelling: what `find_owners` does not find must not open.
        """
        if not _TOKEN.fullmatch(token):
            return None
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            plain = self._cipher.decrypt(sealed[:_NONCE_SIZE_BYTES], sealed[_NONCE_SIZE_BYTES:], None)
            version, id_, until_s = _HEAD.unpack_from(plain)
        except (ValueError, InvalidTag, struct.error):
            return None
        if version != _VERSION:
            return None
        return FileLink(id_, BareJid(plain[_HEAD.size :].decode()), until_s)

    def find_owners(self, facts: StanzaFacts) -> frozenset[BareJid]:
        """Return who uploaded the files whose links stand in a stanza.

        Tokens are looked for, wherever they stand: a host can be written in many ways, a token opens in one.
        """
        return frozenset(link.owner for link in self.find_links_in(facts))

    def find_links_in(self, facts: StanzaFacts) -> frozenset[FileLink]:
        """Return what the links that a stanza carries say, also as a device's name or one's name in a room."""
        return self.find_links(_texts_of(facts))

    def find_links(self, texts: Iterable[str]) -> frozenset[FileLink]:
        """Return what the links that stand in texts say."""
        return frozenset(link for token in _find_all_tokens(texts) if (link := self.open(token)))


def may_have_link(facts: StanzaFacts) -> bool:
    """Return whether a stanza has what may be a link to a file; only who has the key of links can tell."""
    return any(True for _ in _find_all_tokens(_texts_of(facts)))


def _texts_of(facts: StanzaFacts) -> tuple[str, ...]:
    return (facts.text, facts.joined, facts.sender, facts.to, *facts.attributes)


def _find_all_tokens(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if len(text) >= _LEAST and any(slash in text for slash in _SLASHES):
            yield from _find_tokens(text)


def _find_tokens(text: str) -> set[str]:
    """Return what may be tokens in a text, also where an address is percent-encoded, or has breaks inside."""
    tokens = set(_IN_PATH.findall(text))
    whole = text.translate(_DROPPED) if "\n" in text or "\t" in text or "\r" in text else text
    for _ in range(_MOST_ENCODINGS):
        if whole is not text:
            tokens.update(_IN_PATH.findall(whole))
        if "%" not in whole or (decoded := unquote(whole)) == whole:
            break
        whole = decoded
    return tokens


def load_link_key(path: Path) -> bytes:
    """Read the key of links; raises KeyFileError."""
    key = read_key_file(path).strip()
    if len(key) < 32:
        raise KeyFileError(f"{path}: not a key; `steelyard init` makes one where there is none")
    return key


def load_file_links(site: SiteFile) -> FileLinks | None:
    """Return what reads the links to a site's files, None where it takes none; raises SettingsError, KeyFileError."""
    transfer = site.transfer
    return FileLinks(transfer.base_url, load_link_key(transfer.link_key_file)) if transfer else None
