"""The looks that the audit log holds, and whose an auditor may see: for reports, reruns and the history."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from components.archive.errors import LogMissing
from components.archive.record import Access, RecordKind, parse_record
from components.audit.auditor import Auditor, Role, list_auditors
from components.audit.kinds import read_kinds
from components.audit.open_log import open_log
from components.process.progress import Progress
from components.settings.site import SiteFile


@dataclass(frozen=True, slots=True)
class RecordedLook:
    """A look, and the id of its record."""

    id: str
    access: Access


@dataclass(frozen=True, slots=True)
class LookFilter:
    """Which looks are wanted: what is empty does not matter. `before_ns` is outside; nanoseconds since 1970."""

    actor: str = ""
    matter: str = ""
    after_ns: int = 0
    before_ns: int = 2**63 - 1
    ids: frozenset[str] = frozenset()

    def takes(self, look: RecordedLook) -> bool:
        """Return whether a look is wanted."""
        access = look.access
        return (
            self.after_ns <= access.at_ns < self.before_ns
            and self.actor in ("", access.actor)
            and self.matter in ("", access.matter)
            and (not self.ids or look.id in self.ids)
        )


async def read_looks(
    settings: SiteFile, wanted: LookFilter, progress: Progress
) -> AsyncIterator[RecordedLook]:
    """Yield the recorded looks, in the log's order; raises SiteError and LogError."""
    log = settings.audit_log
    try:
        async with open_log(settings, log) as opener:
            async for opened in read_kinds(opener, (RecordKind.ACCESS,), progress):
                try:
                    record = parse_record(RecordKind.ACCESS, opened.payload or b"")
                except ValueError:  # RecordError: destroyed, or it does not open
                    continue
                if isinstance(record, Access):
                    look = RecordedLook(f"{log.name}/{opened.index}", record)
                    if wanted.takes(look):
                        yield look
    except LogMissing:
        return


class SeenActors:
    """Whose looks an auditor may see: their own; with the role of an overseer or a lead those of others, too.

    Others must not see more enterprises than the auditor does. Somebody who is not listed any more may have seen all of
    the site, and so may be seen by who sees all of it.
    """

    def __init__(self, settings: SiteFile, auditor: Auditor) -> None:
        self._auditor = auditor
        self._listed = {each.id: each.enterprises for each in list_auditors(settings)}
        self._sees_others = bool(auditor.roles & {Role.OVERSEER, Role.LEAD})

    def __contains__(self, actor: str) -> bool:
        """Return whether the looks of this actor may be seen."""
        if actor == self._auditor.id:
            return True
        if not self._sees_others:
            return False
        own, theirs = self._auditor.enterprises, self._listed.get(actor)
        return own is None or (theirs is not None and theirs <= own)
