"""Ids of stanzas and records as the index knows them: words of its own, which no text has."""

from binascii import b2a_base64
from collections.abc import Iterable
from enum import StrEnum
from hashlib import blake2b

# Ids are long and differ all, so the index has a hash of each. Words have no capitals: eleven of these letters are 56
# bits. Of a thousand million ids, one in seventy million would be taken for another one.
_LENGTH = 11
_LETTERS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ+/", b"abcdefghijklmnopqrstuvwxyz01")

OWN_WORDS = (":", ";")
"""The index's own words stand between these two, and no word of a text does."""


NAMED = "SELECT rowid FROM word WHERE word MATCH :match UNION SELECT idx FROM room_id WHERE hash = :hash"
"""SQL for the places of what has an id: `match` is what FTS5 has to match, `hash` that of the id."""


class IdRole(StrEnum):
    """How a record has an id: as its own, or as that of another message or record that it is about.

    By an `alone` one it is found, but nothing that is said names it so: requests and errors.
    """

    OWN = "i"
    ALONE = "n"
    TARGET = "t"
    ABOUT = "a"


def hash_id(id_: str) -> str:
    """Return a hash of an id, a session or an epoch, in letters and digits."""
    digest = blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=9).digest()
    return b2a_base64(digest, newline=False)[:_LENGTH].translate(_LETTERS).decode()


def id_word(role: IdRole, hash_: str) -> str:
    """Return the word by which FTS5 finds the records that have the id of this hash in a role."""
    return f":{role}{hash_}"


def match_id(hash_: str, *roles: IdRole) -> str:
    """Return what FTS5 has to match for the records that have the id of this hash in one of some roles."""
    return match_own(id_word(role, hash_) for role in roles)


def match_own(words: Iterable[str]) -> str:
    """Return what FTS5 has to match for the records with one of some words of the index's own."""
    return "text : (" + " OR ".join(f'"{word}"' for word in words) + ")"
