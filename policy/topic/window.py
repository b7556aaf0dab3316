"""What the conversations of late are about: the newest messages of each, in memory that is bounded."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policy.address import bare
from policy.facts import StanzaFacts, Way
from policy.topic.model import Scores, Topic

CONVERSATIONS_MAX = 16_384
"""Of so many conversations the newest messages are kept; beyond that, the one silent for the longest is forgotten."""

_OWN_SHARE = 0.5
_PLACES = {topic: place for place, topic in enumerate(Topic)}


def name_conversation(facts: StanzaFacts) -> str:
    """Return the name of a message's conversation: its room, or its two people, the same in both directions."""
    if facts.type != "groupchat":
        return "\n".join(sorted((bare(facts.sender), bare(facts.to or facts.sender))))
    if facts.way is Way.S2S and "/" in facts.to:
        return bare(facts.sender)  # another site's room tells it to its occupant (XEP-0045, 7.4)
    return bare(facts.to)


@dataclass(frozen=True, slots=True)
class _Share:
    sentences: int
    score: float  # of all of them together


class ConversationWindows:
    """Keeps for one rule how much the newest messages of each conversation are about its topics."""

    def __init__(self, topics: Iterable[Topic], share: float, messages: int) -> None:
        self._places = [_PLACES[topic] for topic in topics]
        self._share = share
        self._messages = messages
        self._windows: dict[str, deque[_Share]] = {}  # the one that was spoken in last is at the end

    def __len__(self) -> int:
        return len(self._windows)

    def matches(self, conversation: str, scores: Sequence[Scores], *, is_counted: bool = False) -> bool:
        """Add a message of these sentences, and return whether message and conversation are about the rule's topics.

        A sentence counts by its score; the conversation's share is the mean of all of its sentences, and the message
        itself must come to half at least. A conversation of fewer than half as many messages as the rule looks at
        is not judged yet. A message that `is_counted` already is not added. A rule that looks at one message only
        goes by its most telling sentence.
        """
        if self._messages == 1:
            return max(map(self._add_up, scores), default=0.0) >= self._share
        window = self._windows.pop(conversation, None) or deque(maxlen=self._messages)
        self._windows[conversation] = window
        own = _Share(len(scores), sum(map(self._add_up, scores)))
        if not is_counted:
            window.append(own)
        if len(self._windows) > CONVERSATIONS_MAX:
            del self._windows[next(iter(self._windows))]
        if 2 * len(window) < self._messages or own.score < _OWN_SHARE * own.sentences:
            return False
        return sum(each.score for each in window) >= self._share * sum(each.sentences for each in window)

    def _add_up(self, scores: Scores) -> float:
        return sum(scores[place] for place in self._places)
