"""The marks of what policy would have done, where a gate only observes (policy/observe.py)."""

from policy.decision import Action

WOULD = "would-"
MARKS = {f"{WOULD}{action.value}": action for action in Action if action is not Action.RELEASE}
"""The marks, and what policy would have done."""


def split_mark(action: str, rules: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return what policy said, as the record has its action and rules: of one that was only observed, what it would do.

    Only the first rule of a release is a mark.
    """
    if action == Action.RELEASE and rules and rules[0] in MARKS:
        return MARKS[rules[0]].value, rules[1:]
    return action, rules
