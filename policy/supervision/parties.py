"""The parties of what was said, by the directory."""

from collections.abc import Iterable

from policy.address import bare
from policy.directory.directory import Directory
from policy.supervision.reviewer import Parties


def find_parties(directory: Directory, jids: Iterable[str]) -> Parties:
    """Return the parties with these JIDs; an address that no enterprise has belongs to none."""
    people = frozenset(bare(jid) for jid in jids if jid)
    found = (directory.find_enterprise(jid) for jid in people)
    return Parties(people, frozenset(enterprise for enterprise in found if enterprise))
