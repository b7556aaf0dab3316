"""Whether a message with the link of a file goes on: as the file itself does (docs/files.md, section 4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from policy.decision import Action, Decision
from policy.facts import StanzaFacts
from policy.files import built_in
from policy.files.outcome import (
    SAID_BY_PEOPLE,
    can_wait,
    hold_for_files,
    refuse_for_files,
    tell_for_files,
)


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


def decide_standings(
    first: Decision, facts: StanzaFacts, standings: Iterable[FileStanding], *, again: bool = False
) -> Decision:
    """Return the decision on a stanza with links to files in these standings; `first` is what else was decided.

    It is held while one of its files is, or if nobody knows of one; refused where it cannot wait, or if it is decided
    on `again`, after a review: then the file had to be released first. The sender is told of what they have to know.
    """
    if first.action is Action.REFUSE or facts.way not in SAID_BY_PEOPLE:
        return first
    by_state: dict[FileState, list[FileStanding]] = {}
    for each in standings:
        by_state.setdefault(each.state, []).append(each)
    if FileState.REFUSED in by_state:
        return _refuse(first, by_state[FileState.REFUSED], built_in.REFUSED, _REFUSED_TEXT)
    if FileState.ABSENT in by_state:
        return _refuse(first, by_state[FileState.ABSENT], built_in.ABSENT, _ABSENT_TEXT)
    waiting = [*by_state.get(FileState.HELD, ()), *by_state.get(FileState.UNKNOWN, ())]
    if waiting and (again or not can_wait(facts)):
        return _refuse(first, waiting, built_in.HELD, _UNKNOWN_TEXT)
    if waiting:
        return hold_for_files(
            first, facts, (built_in.HELD, *_rules(waiting)), _text(waiting) or _UNKNOWN_TEXT
        )
    # Rules that flag or warn are named with it, too.
    opened = by_state.get(FileState.OPEN, [])
    return tell_for_files(first, _rules(opened), _text(opened))


def _refuse(first: Decision, standings: list[FileStanding], rule: str, otherwise: str) -> Decision:
    return refuse_for_files(first, (rule, *_rules(standings)), _text(standings) or otherwise)


def _rules(standings: list[FileStanding]) -> list[str]:
    return sorted({rule for each in standings for rule in each.rules})


def _text(standings: list[FileStanding]) -> str:
    """Return what the sender is told: of several, the first by the alphabet, so that it is always the same."""
    return min((each.text for each in standings if each.text), default="")
