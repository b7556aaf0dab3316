"""Whether a message with the link of a file goes on: as the file itself does (docs/files.md, section 4)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from policy.decision import HELD, Action, Decision, StanzaError
from policy.facts import StanzaFacts, Way
from policy.files import built_in


class FileState(StrEnum):
    """What is known of a file when its link is sent.

    An `open` one can be fetched, a `held` one once a reviewer has released it. A `refused` one cannot, and neither can
    an `absent` one: it has not come, or not as a whole. `unknown`: nobody could say.
    """

    OPEN = "open"
    HELD = "held"
    REFUSED = "refused"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FileStanding:
    """The state of a file, the ids of the rules that led to it, and what its sender is told, or nothing."""

    state: FileState
    rules: tuple[str, ...] = ()
    text: str = ""


_ABSENT_TEXT = "The file of this link has not arrived, so the link was not sent. Please send the file again."
_REFUSED_TEXT = "The file of this link is not sent on this line, so the link was not sent."
_UNKNOWN_TEXT = "Nobody can tell now what became of the file of this link."
_SAID_BY_PEOPLE = frozenset({Way.C2S, Way.S2S})


def decide_standings(
    first: Decision, facts: StanzaFacts, standings: Iterable[FileStanding], *, again: bool = False
) -> Decision:
    """Return the decision on a stanza with links to files in these standings; `first` is what else was decided.

    It is held while one of its files is, or if nobody knows of one; refused where it cannot wait, or if it is decided
    on `again`, after a review: then the file had to be released first. The sender is told of what they have to know.
    """
    if first.action is Action.REFUSE or facts.way not in _SAID_BY_PEOPLE:
        return first
    by_state: dict[FileState, list[FileStanding]] = {}
    for each in standings:
        by_state.setdefault(each.state, []).append(each)
    if FileState.REFUSED in by_state:
        return _refuse(first, by_state[FileState.REFUSED], built_in.REFUSED, _REFUSED_TEXT)
    if FileState.ABSENT in by_state:
        return _refuse(first, by_state[FileState.ABSENT], built_in.ABSENT, _ABSENT_TEXT)
    waiting = [*by_state.get(FileState.HELD, ()), *by_state.get(FileState.UNKNOWN, ())]
    if waiting and (again or facts.kind != "message" or facts.type == "error"):
        return _refuse(first, waiting, built_in.HELD, _UNKNOWN_TEXT)
    if waiting:
        return _hold(first, facts, waiting)
    return _tell(first, by_state.get(FileState.OPEN, []))


def _refuse(first: Decision, standings: list[FileStanding], rule: str, otherwise: str) -> Decision:
    error = StanzaError("modify", "policy-violation", _text(standings) or otherwise)
    return Decision(Action.REFUSE, _rules(first, standings, rule), error)


def _hold(first: Decision, facts: StanzaFacts, standings: list[FileStanding]) -> Decision:
    rules = _rules(first, standings, built_in.HELD)
    if first.action is Action.HOLD:
        return replace(first, rules=rules)
    # People of a remote site are told only by their own gate.
    text = HELD + (_text(standings) or _UNKNOWN_TEXT)
    error = StanzaError("wait", "policy-violation", text) if facts.way is Way.C2S else None
    # What is taken out of it stays out.
    return replace(first, action=Action.HOLD, rules=rules, error=error, notice="")


def _tell(first: Decision, standings: list[FileStanding]) -> Decision:
    """Return the decision on a stanza whose files are all open: rules that flag or warn are named with it, too."""
    rules, text = _rules(first, standings), _text(standings)
    if rules == first.rules:
        return first
    may_tell = first.action is Action.RELEASE and not first.notice
    return replace(first, rules=rules, notice=text if may_tell else first.notice)


def _rules(first: Decision, standings: list[FileStanding], *own: str) -> tuple[str, ...]:
    named = dict.fromkeys((*first.rules, *own))
    return tuple(named | dict.fromkeys(sorted({rule for each in standings for rule in each.rules})))


def _text(standings: list[FileStanding]) -> str:
    """Return what the sender is told: of several, the first by the alphabet, so that it is always the same."""
    return min((each.text for each in standings if each.text), default="")
