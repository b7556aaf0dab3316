"""Who may decide on what a log's writer holds, and how many people have to agree (docs/review.md, section 2)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.link.review_request import ReviewRequest
from components.rules.reviewers import Reviewers
from policy.review import ReviewAct
from policy.rules import Rules
from policy.supervision.parties import find_parties
from policy.supervision.vote import Vote, cast_vote, find_agreed, find_vote_problem


@dataclass(frozen=True, slots=True)
class Cast:
    """The result of a request: a problem, or who decided, all votes, and whether they are enough.

    `others` are those who had decided the same before.
    """

    problem: str = ""
    by: str = ""
    votes: tuple[Vote, ...] = ()
    others: tuple[str, ...] = ()
    is_agreed: bool = False


class Decisions:
    """Judges decisions on the held records of one log, by the rules that are in force when somebody decides.

    `default` is the decision if nobody decides in time.
    """

    def __init__(
        self,
        reviewers: Reviewers,
        log_name: str,
        origin: str,
        rules: Callable[[], Rules],
        default: ReviewAct,
    ) -> None:
        self.default = default
        self._reviewers = reviewers
        self._log_name = log_name
        self._origin = origin
        self._rules = rules

    def count_needed(self, rule_ids: Sequence[str]) -> int:
        """Return how many people have to agree on what these rules hold."""
        return self._rules().count_reviewers(rule_ids)

    def cast(
        self,
        request: ReviewRequest,
        votes: Sequence[Vote],
        rule_ids: Sequence[str],
        jids: Sequence[str],
        now_s: int,
    ) -> Cast:
        """Return what a request leads to; `votes` are those so far, `jids` those of sender and recipient."""
        parties = find_parties(self._rules().directory, jids)
        item = f"{self._log_name}/{request.record}"
        who = self._reviewers.authorize(request, item, self._origin, parties, now_s)
        vote = Vote(who.by, request.act, who.at_s)
        if problem := who.problem or find_vote_problem(votes, vote):
            return Cast(problem)
        after = cast_vote(votes, vote)
        agreed = find_agreed(after, request.act)
        others = tuple(each for each in agreed if each != who.by)
        return Cast("", who.by, after, others, len(agreed) >= self.count_needed(rule_ids))
