"""Who looks, and what they may see: an auditor as site.toml lists them (docs/auditor.md)."""

from dataclasses import dataclass
from pathlib import Path

from components.audit.access import name_actor
from components.process.errors import SiteError
from components.settings.auditors import AuditorEntry, Role
from components.settings.site import SiteFile

__all__ = ["Auditor", "Role", "find_auditor", "list_auditors"]


@dataclass(frozen=True, slots=True)
class Auditor:
    """Somebody who looks at the archive; `enterprises` is None for all of the site.

    `key` is the file of the public key that verifies their acts, None if they have none.
    """

    id: str
    name: str
    roles: frozenset[Role]
    enterprises: frozenset[str] | None
    key: Path | None = None

    def may_see(self, enterprise: str) -> bool:
        """Return whether an enterprise, by its id, is within what they may see."""
        return self.enterprises is None or enterprise in self.enterprises

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
            return _make_auditor(entry)
    who = f"the user {user}" if id is None else repr(id)
    raise SiteError(f"{who} is no auditor of this site; list them in audit.auditors of {settings.path.name}")


def list_auditors(settings: SiteFile) -> tuple[Auditor, ...]:
    """Return all listed auditors; none where the operating system says who is one."""
    return tuple(_make_auditor(entry) for entry in settings.audit.auditors)


def _make_auditor(entry: AuditorEntry) -> Auditor:
    enterprises = None if entry.enterprises is None else frozenset(entry.enterprises)
    return Auditor(entry.id, entry.name, frozenset(entry.roles), enterprises, entry.key)
