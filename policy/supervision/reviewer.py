"""Who reviews, and what they may do."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an auditor may do: look; review; assign, close many and re-open; or audit the other auditors."""

    AUDITOR = "auditor"
    REVIEWER = "reviewer"
    LEAD = "lead"
    OVERSEER = "overseer"


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who looks and reviews; `enterprises` is None for all of the site, `jid` their own account, or empty."""

    id: str
    name: str
    roles: frozenset[Role]
    enterprises: frozenset[str] | None
    jid: str = ""

    def may_see(self, enterprise: str) -> bool:
        """Return whether an enterprise, by its id, is within what they may see."""
        return self.enterprises is None or enterprise in self.enterprises


@dataclass(frozen=True, slots=True)
class Parties:
    """Between whom something was said: the bare JIDs, and the enterprises that they belong to."""

    jids: frozenset[str]
    enterprises: frozenset[str]


def may_see_parties(reviewer: Reviewer, parties: Parties) -> bool:
    """Return whether one of the parties' enterprises is within what a reviewer may see."""
    return reviewer.enterprises is None or bool(reviewer.enterprises & parties.enterprises)


def find_reviewer_problem(reviewer: Reviewer, roles: Collection[Role], parties: Parties | None) -> str:
    """Return why somebody may not act on what these parties said, or nothing; None: nobody knows the parties."""
    if not reviewer.roles & set(roles):
        return f"{reviewer.id} has not the role {' or '.join(sorted(roles))}"
    if reviewer.enterprises is not None and (parties is None or not may_see_parties(reviewer, parties)):
        return f"it is not of an enterprise that {reviewer.id} may see"
    if parties is not None and reviewer.jid and reviewer.jid in parties.jids:
        return f"{reviewer.id} wrote or received it: nobody reviews their own messages"
    return ""
