"""Decides on an uploaded file by what is known of it: the strongest of all matching rules wins."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy.content.rule import STRENGTH, ContentAction, Rule, Uploads
from policy.decision import Action
from policy.files.built_in import MARKED, REFUSED_TYPE, REFUSED_TYPE_TEXT, UNCHECKED, UNCHECKED_TEXT
from policy.files.facts import FileFacts, FileMark
from policy.files.match import FileMatcher

if TYPE_CHECKING:
    from policy.content.policy import ContentPolicy


@dataclass(frozen=True, slots=True)
class FileDecision:
    """What becomes of a file (`release`, `hold` or `refuse`), the ids of the rules that match, sorted, and `text`.

    `text` is what the sender is told, empty if that is nothing.
    """

    action: Action
    rules: tuple[str, ...] = ()
    text: str = ""


_ACTIONS = {ContentAction.HOLD: Action.HOLD, ContentAction.REFUSE: Action.REFUSE}
_UNCHECKED = Rule(UNCHECKED, ContentAction.REFUSE, UNCHECKED_TEXT, Uploads(marks=(FileMark.UNSCANNED,)))


class FileRules:
    """The rules for files of a policy, if there is one, and those of our own (policy.files.built_in).

    `refused_types` are media types that nobody sends, by content. With `must_be_scanned`, what the virus scanner could
    not be asked about is refused, unless a rule holds it.
    """

    def __init__(
        self,
        policy: "ContentPolicy | None",
        refused_types: Collection[str] = (),
        *,
        must_be_scanned: bool = True,
    ) -> None:
        rules = (*_own_rules(refused_types), *(policy.rules if policy else ()))
        self._by_id = {rule.id: rule for rule in rules}
        self._matcher = FileMatcher(rules)
        self._must_be_scanned = must_be_scanned

    def find_rules(self, facts: FileFacts, desk: str = "") -> list[Rule]:
        """Return the rules that match a file from somebody of a desk, in the order of their ids."""
        return [self._by_id[id_] for id_ in sorted(self._matcher.find_rules(facts, desk))]

    def decide(self, facts: FileFacts, desk: str = "", *, overdue: bool = False) -> FileDecision:
        """Decide on a file from somebody of a desk. What is `overdue` was not looked at in time.

        Of several rules with the strongest action, the text is that of the one whose id comes first.
        """
        found = self.find_rules(facts, desk)
        strongest = max(found, key=_strength, default=None)
        unscanned = self._must_be_scanned and FileMark.UNSCANNED in facts.content.marks
        if (overdue or unscanned) and (strongest is None or _strength(strongest) < _HOLD):
            # Nobody has looked at it: somebody looks, or it does not go.
            found, strongest = [*found, _UNCHECKED], _UNCHECKED
        if strongest is None:
            return FileDecision(Action.RELEASE)
        ids = tuple(sorted(rule.id for rule in found))
        return FileDecision(_ACTIONS.get(strongest.action, Action.RELEASE), ids, strongest.text)


_HOLD = STRENGTH[ContentAction.HOLD]


def _strength(rule: Rule) -> int:
    return STRENGTH[rule.action]


def _own_rules(refused_types: Collection[str]) -> Iterable[Rule]:
    for id_, (mark, text) in MARKED.items():
        yield Rule(id_, ContentAction.REFUSE, text, Uploads(marks=(mark,)))
    if refused_types:
        matched = Uploads(types=tuple(sorted(refused_types)))
        yield Rule(REFUSED_TYPE, ContentAction.REFUSE, REFUSED_TYPE_TEXT, matched)
