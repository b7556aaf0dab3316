"""What was said before, for rules that look at more than one stanza: rates, and topics of conversations."""

from components.link.codec import Held
from components.rules.topic_models import load_model
from policy.content.memory import RuleMemory
from policy.content.policy import ContentPolicy


class Past:
    """Remembers since the gate was started; what the adapter submits again is not counted twice."""

    def __init__(self) -> None:
        self._memory = RuleMemory(load_model)
        self._epoch = ""
        self._counted_seq = -1

    def observe(self, content: ContentPolicy | None, held: Held, at_ns: int) -> frozenset[str]:
        """Take in a submission, and return the ids of the rules that it matches by what was said before."""
        if held.epoch != self._epoch:
            self._epoch, self._counted_seq = held.epoch, -1
        is_counted = held.seq <= self._counted_seq
        self._counted_seq = max(self._counted_seq, held.seq)
        return self._memory.observe(content, held.facts, at_ns, is_counted=is_counted)
