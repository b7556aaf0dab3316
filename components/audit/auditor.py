"""Who looks, and what they may see: an auditor as site.toml lists them (docs/auditor.md)."""

import time
from dataclasses import dataclass
from pathlib import Path

from components.audit.access import name_actor
from components.process.errors import SiteError
from components.settings.auditors import AuditorEntry
from components.settings.site import SiteFile
from policy.supervision.reviewer import Reviewer, Role

__all__ = ["Auditor", "Role", "find_auditor", "list_auditors"]


@dataclass(frozen=True, slots=True)
class Auditor(Reviewer):
    """Somebody who looks at the archive, and may review.

    `key` is the file of the public key that verifies their acts, None if they have none.
    """

    key: Path | None = None

    def require(self, *roles: Role) -> None:
        """Check that they have one of these roles; raises SiteError."""
        if not self.roles & set(roles):
            names = " or ".join(role.value for role in roles)
            raise SiteError(f"{self.id} has not the role {names}; audit.auditors in site.toml says who has")


def find_auditor(settings: SiteFile, id: str | None = None) -> Auditor:  # noqa: A002 - what it is called everywhere
    """Return the auditor with this id, or else the one who is this process's user by the operating system.

    Where site.toml lists no auditors, anybody whom the operating system lets in is one, with all roles. Raises
    SiteError for somebody who is not listed.
    """
    entries = settings.audit.auditors
    user = name_actor() if id is None else ""
    if not entries:
        who = user if id is None else id
        return Auditor(who, who, frozenset(Role), None)
    for entry in entries:
        if entry.id == id or (id is None and entry.user == user):
            if entry.until_s is not None and entry.until_s <= time.time():
                raise SiteError(f"{entry.id} is no auditor any more (audit.auditors.until)")
            return _make_auditor(entry)
    who = f"the user {user}" if id is None else repr(id)
    raise SiteError(f"{who} is no auditor of this site; list them in audit.auditors of {settings.path.name}")


def name_of(auditor: Auditor | None) -> str:
    """Return the name under which a look is recorded: the auditor's id, or this process's user."""
    return auditor.id if auditor else name_actor()


def list_auditors(settings: SiteFile) -> tuple[Auditor, ...]:
    """Return all listed auditors; none where the operating system says who is one."""
    return tuple(_make_auditor(entry) for entry in settings.audit.auditors)


def _make_auditor(entry: AuditorEntry) -> Auditor:
    known = entry.reviewer
    return Auditor(known.id, known.name, known.roles, known.enterprises, known.jid, entry.key)
