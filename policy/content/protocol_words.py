"""The words in what protocols name: in addresses, identifiers, names of files."""

import re

from policy.content.protocol_attributes import ADDRESSES

# A resource is random in part: no link is in it, as there are no dots.
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def is_prose(value: str) -> bool:
    """Return whether a protocol's value is none that a protocol has: no identifier has blanks, or is in Chinese."""
    return " " in value or not value.isascii()


def words_of_prose(name: str, value: str) -> str:
    """Return the words of such a value, without the dots by which some would look like links."""
    return words_of_resource(value) if name in ADDRESSES else _BETWEEN_WORDS.sub(" ", value)


def words_of_resource(jid: str) -> str:
    """Return the words behind the slash of an address."""
    return _BETWEEN_WORDS.sub(" ", jid.partition("/")[2])


def words_of_name(name: str) -> str:
    """Return the words at the end of a protocol's name, `urn:xmpp:bookmarks#compat` or `{namespace}local`."""
    return _BETWEEN_WORDS.sub(" ", name[max(map(name.rfind, "}#/:")) + 1 :])


def name_of_file(text: str) -> str:
    """Return a name without its dots, by which README.md would look like a host; a link stays one.

    Words with dots within are also put together.
    """
    if "/" in text:
        return text
    stem, _, ending = text.rpartition(".")
    joined = f"\n{stem.replace('.', '')} {ending}" if "." in stem else ""
    return text.replace(".", " ") + joined
