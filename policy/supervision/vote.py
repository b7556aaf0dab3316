"""Decisions on a held record that several people have to agree on."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person has decided, `release` or `refuse`; `at_s` is Unix time."""

    by: str
    act: str
    at_s: int


def find_vote_problem(votes: Sequence[Vote], vote: Vote) -> str:
    """Return why a vote does not count beside the earlier ones, or nothing: an old one, or the same again."""
    earlier = next((each for each in votes if each.by == vote.by), None)
    if earlier is None or earlier == vote:
        return ""
    if earlier.act == vote.act:
        return f"{vote.by} has decided this already: it waits for another person"
    return "" if vote.at_s > earlier.at_s else f"{vote.by} has decided otherwise since"


def cast_vote(votes: Sequence[Vote], vote: Vote) -> tuple[Vote, ...]:
    """Return all votes with this one, which replaces an earlier one of the same person."""
    return (*(each for each in votes if each.by != vote.by), vote)


def find_agreed(votes: Sequence[Vote], act: str) -> tuple[str, ...]:
    """Return who has decided on this act."""
    return tuple(each.by for each in votes if each.act == act)
