"""The looks that the audit log holds, and whose an auditor may see: for reports, reruns and the history."""

from dataclasses import dataclass, field

from components.archive.errors import LogMissing
from components.archive.record import Access, RecordKind, parse_record
from components.archive.seal import NoKeyError
from components.audit.auditor import Auditor, Role, list_auditors
from components.audit.kinds import read_kinds
from components.audit.open_log import open_log
from components.process.progress import Progress
from components.settings.log import LogSettings
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


@dataclass(slots=True)
class ReadLooks:
    """Looks by their times; `unread` are the records of looks that do not open here, and logs that are not here."""

    looks: list[RecordedLook] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


async def read_looks(settings: SiteFile, wanted: LookFilter, progress: Progress) -> ReadLooks:
    """Return the looks that this site's audit log has, and those of auditors' machines; raises SiteError and LogError.

    What does not open, because an order destroyed it or it was sealed to other keys, is named: nobody hides a look by
    how they seal it.
    """
    found = ReadLooks()
    for log in (settings.audit_log, *settings.other_audit_logs):
        try:
            await _read_log(settings, log, wanted, progress, found)
        except LogMissing:
            # Nobody has looked at anything here yet; another machine's log should be here.
            found.unread += [log.name] if log != settings.audit_log else []
        except NoKeyError:
            if log == settings.audit_log:
                raise
            found.unread.append(log.name)
    found.looks.sort(key=lambda look: look.access.at_ns)
    return found


async def _read_log(
    settings: SiteFile, log: LogSettings, wanted: LookFilter, progress: Progress, found: ReadLooks
) -> None:
    async with open_log(settings, log) as opener:
        async for opened in read_kinds(opener, (RecordKind.ACCESS,), progress):
            record_id = f"{log.name}/{opened.index}"
            try:
                record = parse_record(RecordKind.ACCESS, opened.payload or b"")
            except ValueError:  # RecordError: destroyed, or it does not open
                found.unread.append(record_id)
                continue
            if isinstance(record, Access) and wanted.takes(look := RecordedLook(record_id, record)):
                found.looks.append(look)


class SeenActors:
    """Whose looks an auditor may see: their own; with the role of an overseer or a lead those of others, too.

    Others must not see more enterprises than the auditor does. Somebody who is not listed any more may have seen all of
    the site, and so may be seen by who sees all of it.
    """

    def __init__(self, settings: SiteFile, auditor: Auditor) -> None:
        self._auditor = auditor
        self._listed = {each.id: each.enterprises for each in list_auditors(settings)}
        self._sees_others = bool(auditor.roles & {Role.OVERSEER, Role.LEAD})
        self.all_of_them = self._sees_others and auditor.enterprises is None

    def __contains__(self, actor: str) -> bool:
        """Return whether the looks of this actor may be seen."""
        if actor == self._auditor.id:
            return True
        if not self._sees_others:
            return False
        own, theirs = self._auditor.enterprises, self._listed.get(actor)
        return own is None or (theirs is not None and theirs <= own)
