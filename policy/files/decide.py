"""Decides on an uploaded file by what is known of it: the strongest of all matching rules wins."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from policy.content.rule import STRENGTH, ContentAction, Rule, Uploads
from policy.decision import Action
from policy.files.built_in import (
    MARKED,
    NOT_AMENDED,
    NOT_AMENDED_TEXT,
    REFUSED_TYPE,
    REFUSED_TYPE_TEXT,
    UNCHECKED,
    UNCHECKED_TEXT,
)
from policy.files.facts import FileFacts, FileMark
from policy.files.match import FileMatcher

if TYPE_CHECKING:
    from policy.content.policy import ContentPolicy


@dataclass(frozen=True, slots=True)
class FileDecision:
    """What becomes of a file (`release`, `hold` or `refuse`), the ids of the rules that match, sorted, and `text`.

    `text` is what the sender is told, empty if that is nothing. Of a file that `amends` says so of, only a copy without
    its metadata may be handed out; if there can be none, `otherwise` (`hold` or `refuse`) becomes of it.
    """

    action: Action
    rules: tuple[str, ...] = ()
    text: str = ""
    amends: bool = False
    otherwise: Action = Action.REFUSE

    def not_amended(self) -> "FileDecision":
        """Return what becomes of the file if its metadata cannot be taken out of it."""
        rules = tuple(sorted({*self.rules, NOT_AMENDED}))
        if self.action is Action.HOLD and self.otherwise is Action.HOLD:
            return replace(self, rules=rules, amends=False)
        return FileDecision(self.otherwise, rules, NOT_AMENDED_TEXT)


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

    def decide(
        self, facts: FileFacts, desk: str = "", *, overdue: bool = False, but: Collection[str] = ()
    ) -> FileDecision:
        """Decide on a file from somebody of a desk. What is `overdue` was not looked at in time.

        Of several rules with the strongest action, the text is that of the one whose id comes first. Of `but`, rules
        with these ids do not count.
        """
        found = [rule for rule in self.find_rules(facts, desk) if rule.id not in but]
        strongest = max(found, key=_strength, default=None)
        unscanned = self._must_be_scanned and FileMark.UNSCANNED in facts.content.marks
        if (overdue or unscanned) and (strongest is None or _strength(strongest) < _HOLD):
            # Nobody has looked at it: somebody looks, or it does not go.
            found, strongest = [*found, _UNCHECKED], _UNCHECKED
        if strongest is None:
            return FileDecision(Action.RELEASE)
        return _combine(found, strongest)


_HOLD = STRENGTH[ContentAction.HOLD]


def _combine(found: Collection[Rule], strongest: Rule) -> FileDecision:
    """Return the decision of all rules that match."""
    action = _ACTIONS.get(strongest.action, Action.RELEASE)
    # A rule that amends need not tell anything: then a weaker one may.
    text = max((rule for rule in found if rule.text), key=_strength, default=strongest).text
    amending = {_otherwise(rule) for rule in found if rule.action is ContentAction.AMEND}
    return FileDecision(
        action,
        tuple(sorted(rule.id for rule in found)),
        text,
        amends=bool(amending) and action is not Action.REFUSE,
        otherwise=Action.HOLD if amending == {Action.HOLD} else Action.REFUSE,
    )


def _otherwise(rule: Rule) -> Action:
    return _ACTIONS[rule.matched.otherwise] if isinstance(rule.matched, Uploads) else Action.REFUSE


def _strength(rule: Rule) -> int:
    return STRENGTH[rule.action]


def _own_rules(refused_types: Collection[str]) -> Iterable[Rule]:
    for id_, (mark, text) in MARKED.items():
        yield Rule(id_, ContentAction.REFUSE, text, Uploads(marks=(mark,)))
    if refused_types:
        matched = Uploads(types=tuple(sorted(refused_types)))
        yield Rule(REFUSED_TYPE, ContentAction.REFUSE, REFUSED_TYPE_TEXT, matched)
