"""Compares two indexes, row for row, without regard to the numbers that they gave to routes, names and contents."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import zip_longest

from components.audit.index import context
from components.audit.index.database import Connection

_PARTY = "{0}.local || '@' || {0}.domain"
_ROUTE = (
    f"route.log, route.kind, route.verdict, {_PARTY.format('sender')}, {_PARTY.format('recipient')}, a, b"
)
_ROUTES = """
JOIN route ON route.id = {0}.route JOIN account AS sender ON sender.id = route.sender
JOIN account AS recipient ON recipient.id = route.recipient
LEFT JOIN talk_with ON talk_with.id = route.conversation
"""

# In order of their first column, which both indexes have from the logs: a difference has a place.
_ORDERED = {
    "records": "SELECT idx, kind, received_at_ns, from_local, from_domain, to_local, to_domain, thread, verdict,"
    " segment FROM submission ORDER BY idx",
    "deliveries": "SELECT idx, epoch.name, delivery.through FROM delivery JOIN epoch ON epoch.id = delivery.epoch"
    " ORDER BY idx",
    "records that cannot be read": "SELECT idx FROM unread ORDER BY idx",
    "destroyed records": "SELECT idx FROM destroyed ORDER BY idx",
    "files": "SELECT idx, id, name, claimed_type, found_type, size_bytes, sha256, copy_sha256 FROM file ORDER BY idx",
    "files inside stanzas": "SELECT idx, number, carrier, name, media_type, size_bytes, sha256, description, share,"
    " message, content IS NULL FROM carried ORDER BY idx, number",
    "times": "SELECT block << 10, earliest_ns, latest_ns FROM span ORDER BY block",
    "parts of conversations": "SELECT idx, turn, a, b FROM entry JOIN route ON route.id = route"
    " LEFT JOIN talk_with ON talk_with.id = conversation ORDER BY idx",
}
# In any order: these are few, or have none that is the same in both.
_UNORDERED = {
    "rules": "SELECT rule, idx FROM rule",
    "epochs": "SELECT name, through FROM epoch",
    "bounced stanzas": "SELECT epoch, seq, idx FROM bounced",
    "links to files": "SELECT id, idx FROM link",
    "descriptions of files": "SELECT id, idx, number, source FROM description",
    "contents of files": "SELECT sha256, blob FROM content",
    "counters": f"SELECT {_ROUTE}, day, entries FROM counter {_ROUTES.format('counter')}",  # noqa: S608
    **{f"rows of {table}": f"SELECT * FROM {table}" for table in context.TABLES},  # noqa: S608 - constant names
    "comings and goings": "SELECT idx, a, session, epoch, joins FROM talk_move JOIN talk_with"
    " ON talk_with.id = conversation",
}
# The word of its route that each entry has to have: the routes' numbers differ from index to index.
_WORDS_OF_ROUTES = "SELECT idx, ':r' || route FROM entry"

COMPARED = (
    "entry", "thread", "route", "account", "delivery", "epoch", "unread", "destroyed", "file", "carried", "span",
    "rule", "bounced", "link", "description", "content", "counter", "word", "name_word", "talk_with", "talk_move",
    *context.TABLES,
)  # fmt: skip
"""The tables of which every row is compared."""
NOT_COMPARED = {
    "made": "how it was made",
    "state": "how far it is",
    "topic": "told later, by `audit topics`",
    "topic_state": "likewise",
    "rule_counter": "counts topics, too",
    "content_word": "what readers of files found, which takes as long again",
}
"""The tables that do not come from the logs alone, and why."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between an index and one made anew: in which `rows`, and at which place first, if that has one."""

    rows: str
    place: int | None


def find_differences(one: Connection, other: Connection) -> Iterator[Difference]:
    """Yield what differs, the first difference of each kind of rows; it holds a few rows of each at a time.

    They may be in different stores. Both are read within the caller's transactions.
    """
    for rows, sql in _ORDERED.items():
        for here, there in zip_longest(one.stream(sql), other.stream(sql)):
            if here != there:
                yield Difference(rows, (here or there)[0])
                break
    for rows, sql in _UNORDERED.items():
        if _sum(one.stream(sql)) != _sum(other.stream(sql)):
            yield Difference(rows, None)
    for table in ("word", "name_word"):
        yield from _compare_words(one, other, table)
    routes = ((place, word) for word, place, *_ in one.list_words("word") if _is_of_route(word))
    if _sum(routes) != _sum(one.stream(_WORDS_OF_ROUTES)):
        yield Difference("words of routes", None)


def _compare_words(one: Connection, other: Connection, table: str) -> Iterator[Difference]:
    # A route's word moves the others by as much in both.
    found = [(row for row in db.list_words(table) if not _is_of_route(row[0])) for db in (one, other)]
    for here, there in zip_longest(*found):
        if here != there:
            yield Difference("words" if table == "word" else "words of files' names", (here or there)[1])
            return


def _is_of_route(word: str) -> bool:
    return word.startswith(":r")


def _sum(rows: Iterable[tuple[object, ...]]) -> tuple[int, int]:
    """Return how many rows there are, and the sum of their hashes: the same for the same rows in any order."""
    number = total = 0
    for row in rows:
        number += 1
        total += int.from_bytes(blake2b(repr(tuple(row)).encode(), digest_size=16).digest())
    return number, total & (1 << 128) - 1
