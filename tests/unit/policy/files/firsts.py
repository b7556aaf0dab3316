"""What was decided on a message before its file counts."""

from policy.decision import Action, Decision, StanzaError, refuse, release

FIRST = release("flagged")
FIRSTS = (
    FIRST,
    Decision(Action.AMEND, ("a",), notice="Less.", strip=("x",)),
    Decision(Action.HOLD, ("h",), StanzaError("wait", "policy-violation", "Wait.")),
    refuse("r", "modify", "policy-violation", "No."),
)
STRICTNESS = [Action.RELEASE, Action.AMEND, Action.HOLD, Action.REFUSE]
