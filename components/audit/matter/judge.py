"""Which recorded acts in matters and on grants count, whatever their matter is: by signature, time and place."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from components.archive.keys import KeyFileError
from components.archive.opener import RecordOpener
from components.archive.record import RecordKind
from components.audit.kinds import parse_event, read_kinds
from components.audit.matter.record import digest_deed, encode_deed, read_deed
from components.audit.matter.values import Deed, GrantAct, MatterError
from components.process.errors import SiteError
from components.process.progress import ignore_progress
from components.rules.reviewers import NOT_SIGNED, Reviewers, load_reviewers
from components.settings.log import LogSettings
from components.settings.site import SiteFile
from policy.supervision.once import Once

_NS_PER_S = 1_000_000_000


async def read_deeds(settings: SiteFile, log: LogSettings, opener: RecordOpener) -> list[Deed]:
    """Return all acts in matters and on grants of an opened log, in order, judged; raises SiteError and LogError."""
    found = []
    async for opened in read_kinds(opener, (RecordKind.MATTER,), ignore_progress):
        event = parse_event(opened, RecordKind.MATTER)
        if event and (deed := read_deed(event, f"{log.name}/{opened.index}", opened.leaf.time_ns)):
            found.append(deed)
    try:
        reviewers = load_reviewers(settings)
    except KeyFileError as error:
        raise SiteError(str(error)) from None
    return judge_deeds(found, reviewers, log.origin)


def judge_deeds(deeds: Iterable[Deed], reviewers: Reviewers, origin: str) -> list[Deed]:
    """Return acts, in the order of a log with this origin, each with why it counts for nothing, if it does not.

    Where auditors have keys, acts have to be signed from the first signed one on that counts. Those of before are
    marked as not signed.
    """
    judge = _Judge(reviewers, origin)
    return [judge.judge(deed) for deed in deeds]


@dataclass(slots=True)
class _Judge:
    reviewers: Reviewers
    origin: str
    once: Once
    has_begun: bool

    def __init__(self, reviewers: Reviewers, origin: str) -> None:
        self.reviewers, self.origin = reviewers, origin
        self.once, self.has_begun = Once(), False

    def judge(self, deed: Deed) -> Deed:
        if not self.reviewers.must_sign:
            return deed
        if not deed.signature:
            return replace(deed, problem=NOT_SIGNED if self.has_begun else "", is_unsigned=True)
        if problem := self._find_problem(deed):
            return replace(deed, problem=problem)
        self.has_begun = True
        return deed

    def _find_problem(self, deed: Deed) -> str:
        try:
            text, digest = encode_deed(deed), digest_deed(deed)
        except MatterError as error:
            return str(error)
        recorded_s = deed.recorded_at_ns // _NS_PER_S
        if problem := self.reviewers.find_signature_problem(deed.by, text, deed.signature, recorded_s):
            return problem
        if deed.origin != self.origin and deed.act is not GrantAct.CONTRIBUTE:
            return f"it was made at another site: {deed.origin}"
        # A share is contributed elsewhere, as long before as it takes: it is bound to what is asked for.
        signed_s = recorded_s if deed.act is GrantAct.CONTRIBUTE else deed.at_ns // _NS_PER_S
        problem = self.once.find_problem(digest, signed_s, deed.recorded_at_ns)
        self.once.add(digest)
        return problem
