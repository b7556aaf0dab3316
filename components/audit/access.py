"""Records the watchers (G6): each look is a record of the audit log before its result is shown."""

import asyncio
import os
import pwd
import time
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from hashlib import sha256

from components.archive.errors import LogBusy, LogError
from components.archive.keys import KeyFileError, load_recipient
from components.archive.keys.rotation import open_log_writer
from components.archive.record import Access, Event, RecordKind, encode_access, encode_event
from components.archive.record_header import RecordError
from components.archive.store.open import open_store, store_label
from components.archive.writer import Entry, LogWriter
from components.process.errors import SiteError
from components.settings.archive import load_retention
from components.settings.site import SiteFile
from components.settings.table import SettingsError
from policy.retention import RecordedKind, assign_class

# Another look holds the log for a few milliseconds.
_BUSY_TIMEOUT_S = 5.0
_BUSY_RETRY_S = 0.02

# The first words of acts that need no matter where `audit.matter_required` demands one: they show nothing that anybody
# said, or it is what a reviewer or the acts of auditors themselves are there for.
_WITHOUT_MATTER = frozenset(
    (
        *("activity", "console", "grant", "history", "matter", "repeat", "review", "fetch"),
        *("expire", "orders", "propose", "index", "overview", "reconcile", "replay", "rescan", "topics"),
    )
)


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why somebody looks: the id of a matter, and a reason; either may be empty.

    `site` and `log` say at which site the matter was found open, by its name and the name of its audit log. In the logs
    of other sites it is called `shanghai:M-7`, but in those of `also`, which have an open matter with the same id.
    """

    matter: str = ""
    reason: str = ""
    site: str = ""
    log: str = ""
    also: frozenset[str] = frozenset()

    def matter_at(self, log: str) -> str:
        """Return what the matter is called in the audit log of this name; nothing if there is none."""
        is_known = not self.matter or not self.log or log == self.log or log in self.also
        return self.matter if is_known else f"{self.site}:{self.matter}"


class LookNotRecordedError(SiteError):
    """A look that could not be recorded: then nothing is shown."""


class PurposeError(SiteError):
    """A look for a purpose that does not count: a matter that is closed, or not the auditor's."""


class MatterRequiredError(SiteError):
    """A look that names no matter, where each has to (audit.matter_required)."""


_NO_PURPOSE = Purpose()
_purpose: ContextVar[Purpose] = ContextVar("purpose", default=_NO_PURPOSE)


def set_purpose(purpose: Purpose) -> None:
    """Let every look that this task records from here on say why it was taken; see `state_purpose`, which checks it."""
    _purpose.set(purpose)


def get_purpose() -> Purpose:
    """Return why this task looks."""
    return _purpose.get()


async def record_access(settings: SiteFile, access: Access) -> str:
    """Append a look to the audit log, and return its record's id; it is durable when this returns.

    A look that says no purpose of its own has that of its task. Raises SiteError; then nothing may be shown.
    """
    purpose = get_purpose()
    access = replace(
        access,
        actor=_find_id(settings, access.actor),
        matter=access.matter or purpose.matter_at(settings.audit_log.origin),
        reason=access.reason or purpose.reason,
    )
    if settings.audit.matter_required and not access.matter and not _WITHOUT_MATTER & _words_of(access.act):
        raise MatterRequiredError(
            "nothing is shown, because each look here needs a matter (audit.matter_required): name it with --matter"
        )
    return (await _record(settings, lambda: [(RecordKind.ACCESS, encode_access(access))]))[0]


def _find_id(settings: SiteFile, actor: str) -> str:
    """Return the id of the auditor whose user this process is, if the actor is named by that; else the actor."""
    if actor != name_actor():
        return actor
    return next((each.id for each in settings.audit.auditors if each.user == actor), actor)


def _words_of(act: str) -> set[str]:
    return set(act.replace("-", " ").split())


async def record_finding(settings: SiteFile, finding: Event) -> str:
    """Append what a look found to the audit log, and return its record's id; durable when this returns.

    Raises SiteError; then it may not be shown.
    """
    return (await record_findings(settings, [finding]))[0]


async def record_findings(settings: SiteFile, findings: Sequence[Event]) -> list[str]:
    """Append several in one transaction, and return their records' ids, as `record_finding` does."""
    return await _record(
        settings, lambda: [(each.kind, encode_event(each)) for each in findings], told="this"
    )


async def record_alarms(settings: SiteFile, alarms: Sequence[bytes]) -> list[str]:
    """Append encoded alarms, and return their records' ids, as `record_finding` does."""
    return await _record(settings, lambda: [(RecordKind.ALARM, each) for each in alarms], RecordedKind.ALARM)


async def _record(
    settings: SiteFile,
    encode: Callable[[], Sequence[tuple[RecordKind, bytes]]],
    recorded: RecordedKind = RecordedKind.ACCESS,
    told: str = "nothing is shown, because this look",
) -> list[str]:
    log = settings.audit_log
    try:
        retention_class = assign_class(load_retention(settings.archive.retention), recorded)
        entries = [Entry(kind, payload, retention_class) for kind, payload in encode()]
        writer = await _open_writer(settings)
        try:
            first = await writer.append(entries)
        finally:
            await writer.close()
    except (LogError, KeyFileError, RecordError, SettingsError) as error:
        raise LookNotRecordedError(
            f"{told} could not be recorded in {store_label(log.store)}: {error}"
        ) from error
    return [f"{log.name}/{first + number}" for number in range(len(entries))]


def digest_of(ids: Iterable[str]) -> str:
    """Return the digest of a result: SHA-256, in hex, over the ids of its records, the oldest first, a line each."""
    digest = sha256()
    for id_ in ids:
        digest.update(f"{id_}\n".encode())
    return digest.hexdigest()


def name_actor() -> str:
    """Return the user of this process by the operating system, because anybody can change the environment."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


async def _open_writer(settings: SiteFile) -> LogWriter:
    log = settings.audit_log
    recipients = [load_recipient(path) for path in (*settings.archive.recipients, *settings.audit.readers)]
    give_up_at_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            return await open_log_writer(await open_store(log.store), log.key_file, log.origin, recipients)
        except LogBusy:
            if time.monotonic() > give_up_at_s:
                raise
            await asyncio.sleep(_BUSY_RETRY_S)
