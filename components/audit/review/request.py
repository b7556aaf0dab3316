"""A decision on a held record: as it is asked of its writer, and as the audit log has it."""

from dataclasses import dataclass, replace

from components.audit.author import Author
from components.audit.review.author import Signed, record_acts, write_act
from components.link.review_request import ReviewAnswer, ReviewRequest
from components.process.errors import SiteError
from components.rules.reviewers import encode_note
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from policy.supervision.act import ActKind
from policy.supervision.item import Outcome


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that the writer has recorded; `waits`: another person has to decide the same.

    `access_id` is the record of the reading, `act_id` that of the decision in the audit log.
    """

    access_id: str
    act_id: str
    waits: bool


def ask_for(
    author: Author, kind: ActKind, log: LogSettings, number: int, reason: str, evidence: str
) -> tuple[Signed, ReviewRequest]:
    """Return the signed act of a decision, and the request for it; raises SiteError."""
    signed = write_act(author, kind, log, number, evidence=evidence, note=reason)
    statement = encode_note(signed.act, signed.signature) if signed.signature else ""
    return signed, ReviewRequest(kind.value, number, author.id, signed.act.note, evidence, statement)


async def note_answer(settings: SiteFile, access_id: str, signed: Signed, answer: ReviewAnswer) -> Decided:
    """Record what came of a decision; raises SiteError, also if it was not accepted."""
    if answer.problem:
        raise SiteError(answer.problem)
    outcome = Outcome.WAITING if answer.waits else Outcome.DONE
    # Killed before this: the writer's log has the decision, with its signature; the item stays open here.
    (act_id,) = await record_acts(settings, [replace(signed, outcome=outcome)])
    return Decided(access_id, act_id, answer.waits)
