"""A run's history by message, and what nobody can hold against the line: what was lost on the way to a client."""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.soak.history import Fate, Heard, History, Recorded, Said, Session
from tests.soak.plan import gate_of

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Case:
    """One message: each time that it was said, received, returned as an error, and recorded.

    `records` are those of its sender's site, `arrivals` those of another site that it came to.
    """

    id: str
    said: list[Said]
    heard: list[Heard] = field(default_factory=list)
    errors: list[Heard] = field(default_factory=list)
    records: list[Recorded] = field(default_factory=list)
    arrivals: list[Recorded] = field(default_factory=list)

    @property
    def fates(self) -> set[Fate]:
        """What the archive of its sender's site says became of it; nothing if it was never recorded."""
        return {each.fate for each in self.records}

    @property
    def crosses(self) -> bool:
        """Whether it goes from one site to another."""
        return gate_of(self.recipient.partition("@")[2]) != gate_of(_domain(self.said[0].sender))

    @property
    def recipient(self) -> str:
        """The bare JID that it was for: a person's or a room's."""
        return self.said[0].to.partition("/")[0]


class Ledger:
    """What happened to each message of a run, and to each session."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.sessions = {each.label: each for each in history.sessions}
        said = _group(history.said, lambda each: each.id)
        errors = _group((each for each in history.heard if each.is_error), lambda each: each.id)
        heard = _group((each for each in history.heard if not each.is_error), lambda each: each.id)
        records = _group((each for each in history.records if not each.came), lambda each: each.id)
        arrivals = _group((each for each in history.records if each.came), lambda each: each.id)
        self.cases = [
            Case(id_, said[id_], heard[id_], errors[id_], records[id_], arrivals[id_]) for id_ in said
        ]
        self.unsaid = sorted((heard.keys() | errors.keys()) - said.keys())
        self._of_person = _group(history.sessions, lambda each: each.person)
        self._kills_s = [each.at_s for each in history.server_ends if each.killed]
        self._told = {each.session for each in history.heard}

    def lost_on_the_way(self, person: str, case: Case) -> bool:
        """Whether a person may have missed a message although it was carried out, as on a bare server.

        A client that does not count misses what was on its way when its connection broke. One that counts misses what
        the server kept for it, in memory, while it was cut off, if the server was killed then.
        """
        at_s = case.said[0].at_s
        sessions = self._of_person[person]
        for session, next_one in itertools.zip_longest(sessions, sessions[1:]):
            until_s = next_one.began_at_s if next_one else math.inf
            if not session.counts and _broke(session) and at_s <= until_s:
                return True
            if session.counts and any(self._was_killed(*gap) and at_s <= gap[1] for gap in session.gaps):
                return True
        return False

    def lost_as_fetched(self, case: Case) -> bool:
        """Whether a message may have waited for its recipient, and been lost as a server was killed that fetched it.

        A server takes it off the disk, and then writes it to the first session that comes, with the first that is
        written there: so that session heard nothing at all.
        """
        at_s = case.said[0].at_s
        came = next((each for each in self._of_person[case.recipient] if each.began_at_s > at_s), None)
        return (
            came is not None
            and came.label not in self._told
            and self._was_killed(came.began_at_s, came.ended_at_s)
        )

    def may_be_returned_too(self, case: Case) -> bool:
        """Whether nobody knows if a message had arrived before it came back: a link broke, or a server ended."""
        return case.crosses and (self.history.link_broke or bool(self.history.server_ends))

    def lost_with_server(self, case: Case) -> bool:
        """Whether a message may have been lost with what a server kept for another site."""
        return case.crosses and bool(self.history.server_ends)

    def error_was_lost(self, case: Case) -> bool:
        """Whether another site may have given it back over a link that broke, or to a session that was over.

        No server gives back an error, nor keeps it for later (docs/federation.md, 6).
        """
        gave_back = case.crosses and gate_of(_domain(case.recipient)) in self.history.stood_still
        return gave_back and (self.history.link_broke or self.ended(case.said[-1].session))

    def may_come_again(self, heard: Heard) -> bool:
        """Whether the server cannot know that this was received: the session ended before its client said so."""
        session = self.sessions[heard.session]
        return session.counts and session.ended_at_s < math.inf

    def ended(self, label: str) -> bool:
        """Whether a session was over before the end of the run."""
        return self.sessions[label].ended_at_s < math.inf

    def was_there(self, person: str, from_s: float) -> Session | None:
        """Return the session that a person had from then on to the end, if there is one without a gap."""
        for session in self._of_person[person]:
            gaps = [gap for gap in session.gaps if gap[1] > from_s]
            if session.began_at_s < from_s and session.ended_at_s == math.inf and not gaps:
                return session
        return None

    def _was_killed(self, from_s: float, to_s: float) -> bool:
        return any(from_s <= at_s <= to_s for at_s in self._kills_s)


def _broke(session: Session) -> bool:
    """Whether a session ended with its client cut off."""
    return bool(session.gaps) and session.gaps[-1][1] == session.ended_at_s


def _domain(jid: str) -> str:
    return jid.partition("/")[0].partition("@")[2]


def _group(values: Iterable[_T], key: Callable[[_T], str]) -> defaultdict[str, list[_T]]:
    groups: defaultdict[str, list[_T]] = defaultdict(list)
    for value in values:
        groups[key(value)].append(value)
    return groups
