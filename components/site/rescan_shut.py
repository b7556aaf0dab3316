"""Has open files shut that a rescan finds bad: the transfer component does it, and records it first."""

from dataclasses import replace

from components.audit.access import name_actor
from components.audit.asking import ask_writer
from components.audit.files.record import FileRecord
from components.link.review_request import SHUT_REQUEST_PREFIX, ShutRequest
from components.process.errors import SiteError
from components.settings.log import LogSettings
from components.transfer.deciding import FileDecider
from policy.decision import Action
from policy.files.decide import FileDecision
from policy.files.facts import FileFacts, FileMark

_ANSWERED_WITHIN_S = 10.0
_STRENGTH = {Action.RELEASE.value: 0, Action.HOLD.value: 1, Action.REFUSE.value: 2}


def find_shutting(decider: FileDecider, file: FileRecord, facts: FileFacts) -> FileDecision | None:
    """Return what shuts a file if it is still open: today's decision, if that is stronger, or that of new rules alone.

    None if nothing does. That a scanner or a look did not work today says nothing of the file. What a reviewer has let
    go stays open, unless there is something new.
    """
    not_known = {FileMark.UNSCANNED} | ({FileMark.UNSCANNABLE} - {FileMark(mark) for mark in _marks(file)})
    facts = replace(facts, content=replace(facts.content, marks=facts.content.marks - not_known))
    decision = decider.decide(facts, overdue=False)
    if _STRENGTH[decision.action.value] > _STRENGTH.get(file.action, 0):
        return decision
    new = decider.decide(facts, overdue=False, but=file.rules)
    return None if new.action is Action.RELEASE else new


def _marks(file: FileRecord) -> set[str]:
    return set(file.marks) & {mark.value for mark in FileMark}


class Shutter:
    """Asks the transfer component; once it has not answered, it is not asked again."""

    def __init__(self, log: LogSettings, answered_within_s: float = _ANSWERED_WITHIN_S) -> None:
        self._log = log
        self._answered_within_s = answered_within_s
        self._problem = ""

    async def shut(
        self, file: FileRecord, evidence: str, decision: FileDecision, finding: str
    ) -> tuple[bool, str]:
        """Have a file shut, if it is open; returns whether it was, and why not. Raises LogError."""
        if self._problem:
            return False, self._problem
        request = ShutRequest(
            decision.action.value, file.index, decision.rules, decision.text, name_actor(),
            f"steelyard files rescan: {finding}", evidence,
        )  # fmt: skip
        try:
            answer = await ask_writer(
                self._log.store,
                SHUT_REQUEST_PREFIX,
                request,
                self._answered_within_s,
                "the transfer component",
            )
        except SiteError as error:
            self._problem = str(error)
            return False, self._problem
        return not answer.problem, answer.problem
