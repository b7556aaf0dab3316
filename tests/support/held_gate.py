"""A gate that holds messages, for who asks it in this process: it answers as the real one does."""

from collections.abc import Iterable
from dataclasses import replace

from components.link.review_request import LIST, HeldMessage, ReviewAnswer, ReviewRequest
from components.settings.site import SiteFile
from tests.support.audit_site import T0_NS, Site


class HoldingGate:
    """Holds messages until enough people have decided the same; `asked` is what was asked of it, without lists."""

    def __init__(self, held: Iterable[HeldMessage]) -> None:
        self.held = {each.record: each for each in held}
        self.asked: list[tuple[str, int, str, str]] = []

    async def answer(self, _settings: SiteFile, request: ReviewRequest, _timeout_s: float) -> ReviewAnswer:
        """Answer as `_ask` of components/audit/review/held.py does."""
        if request.act == LIST:
            return ReviewAnswer(held=tuple(self.held.values()))
        self.asked.append((request.act, request.record, request.actor, request.reason))
        each = self.held.get(request.record)
        if each is None:
            return ReviewAnswer(problem=f"record {request.record} waits for no review")
        agreeing = {who for who, act in each.votes if act == request.act} | {request.actor}
        if len(agreeing) >= each.reviewers:
            del self.held[request.record]
            return ReviewAnswer()
        self.held[request.record] = replace(each, votes=(*each.votes, (request.actor, request.act)))
        return ReviewAnswer(waits=True)


def hold(site: Site, number: int, sender: str, to: str, needed: int = 1) -> HeldMessage:
    """Return what was recorded as `number` as a held message, on which so many people have to agree."""
    record = int(site.id_of(number).partition("/")[2])
    return HeldMessage(record, "waiting", sender, to, ("tips",), T0_NS, T0_NS + 10**9, needed)
