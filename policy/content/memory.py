"""Rules that look at more than one stanza: what they know about earlier ones, as a value for the decision."""

from policy.address import bare
from policy.content.policy import ContentPolicy
from policy.content.rate import RateCounter
from policy.content.rule import ContentAction, Rate, Rule, Topics
from policy.facts import StanzaFacts, Way
from policy.topic.model import ModelLoader, ModelName, Scores
from policy.topic.sentences import split_sentences
from policy.topic.window import ConversationWindows, name_conversation

NOTHING: frozenset[str] = frozenset()

# A message counts at the sender's site: another site's gate has counted what comes from there.
_RATED_WAYS = frozenset({Way.C2S, Way.COMPONENT})
_SAID_WAYS = frozenset({Way.C2S, Way.COMPONENT, Way.S2S})


class RuleMemory:
    """Finds which rates are exceeded and which conversations are about a rule's topics.

    The same calls in the same order always give the same answers: the time is given, and memory is bounded.
    Without `flags_topics`, topic rules that only flag are left out: those run after delivery (docs/topic.md).
    """

    def __init__(self, load_model: ModelLoader, *, flags_topics: bool = False) -> None:
        self._load_model = load_model
        self._flags_topics = flags_topics
        self._content: ContentPolicy | None = None
        self._rules: dict[str, Rule] = {}
        self._rates: dict[str, RateCounter] = {}
        self._windows: dict[str, tuple[ModelName, ConversationWindows]] = {}

    def observe(
        self, content: ContentPolicy | None, facts: StanzaFacts, at_ns: int, *, is_counted: bool = False
    ) -> frozenset[str]:
        """Take a stanza, received at `at_ns` (since 1970), and return the ids of the rules that it matches.

        A stanza that `is_counted` already, because it is submitted again, is not counted again. Rules that a new
        policy leaves unchanged keep their memory. Raises ModelError.
        """
        if content is not self._content:
            self._take(content)
        if not self._rules or facts.kind != "message" or facts.way not in _SAID_WAYS:
            return NOTHING
        if not facts.text or facts.text.isspace():
            return NOTHING  # somebody types, or has read
        found = self._find_rates(facts, at_ns, is_counted) if self._rates else []
        if self._windows:
            found += self._find_topics(facts, is_counted)
        return frozenset(found) if found else NOTHING

    def _find_rates(self, facts: StanzaFacts, at_ns: int, is_counted: bool) -> list[str]:
        if facts.way not in _RATED_WAYS:
            return []
        sender, to, text = bare(facts.sender), bare(facts.to), facts.text
        size_bytes = len(text if text.isascii() else text.encode("utf-8", "replace"))
        found = []
        for rule, rate in self._rates.items():
            if rate.exceeds(sender, to, size_bytes, at_ns, is_counted=is_counted):
                found.append(rule)
        return found

    def _find_topics(self, facts: StanzaFacts, is_counted: bool) -> list[str]:
        if not (sentences := split_sentences(facts.text)):
            return []
        conversation = name_conversation(facts)
        scores: dict[ModelName, list[Scores]] = {}
        found = []
        for rule, (model, windows) in self._windows.items():
            if model not in scores:
                scores[model] = self._load_model(model).score(sentences)
            if windows.matches(conversation, scores[model], is_counted=is_counted):
                found.append(rule)
        return found

    def _take(self, content: ContentPolicy | None) -> None:
        before, rates, windows = self._rules, self._rates, self._windows
        rules = [rule for rule in content.rules if self._remembers(rule)] if content else []
        self._rates, self._windows = {}, {}
        for rule in rules:
            is_known = rule.id in before and before[rule.id].matched == rule.matched
            match rule.matched:
                case Rate() as rate:
                    self._rates[rule.id] = rates[rule.id] if is_known else RateCounter(rate)
                case Topics(topics, share, messages, model):
                    made = (model, ConversationWindows(topics, share, messages))
                    self._windows[rule.id] = windows[rule.id] if is_known else made
        self._rules = {rule.id: rule for rule in rules}
        self._content = content

    def _remembers(self, rule: Rule) -> bool:
        if isinstance(rule.matched, Topics):
            return self._flags_topics or rule.action is not ContentAction.FLAG
        return isinstance(rule.matched, Rate)
