"""What JSON says of each query alike: how it was understood, how much matches, and which look it was."""

from typing import Any, Protocol

from components.audit.query.tree import Node, format_query


class Asked(Protocol):
    """What was found by a query."""

    @property
    def query(self) -> Node:
        """The query, as it was understood."""

    @property
    def matched(self) -> int:
        """How many records match."""


class Looked(Asked, Protocol):
    """What was found by a query in a look: `digest` is over the ids of all that match."""

    @property
    def digest(self) -> str:
        """The SHA-256 in hexadecimal."""

    @property
    def access_id(self) -> str:
        """The record of the look."""


def describe_asked(found: Asked) -> dict[str, Any]:
    """Describe a query for JSON, and how much it found."""
    return {"query": format_query(found.query), "matched": found.matched}


def describe_looked(found: Looked) -> dict[str, Any]:
    """Describe a query for JSON, how much it found, and the record of the look."""
    return {**describe_asked(found), "result_digest": found.digest, "access": found.access_id}
