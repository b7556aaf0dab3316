"""How people are admitted: the `[access]` table of site.toml (docs/settings.md)."""

from datetime import UTC
from typing import ClassVar

from pydantic import AwareDatetime, Field

from components.settings.table import DomainName, LogLevel, SitePath, Table
from policy.shown import Notice

NOTICE = (
    "This line is recorded. All that you write, send and receive here is kept, and can be read by your firm's "
    "compliance desk and by its regulators."
)


class FormerApprover(Table):
    """A former approver: what they signed before `until` stays valid."""

    key: SitePath
    until: AwareDatetime

    @property
    def until_s(self) -> int:
        """When their signature stopped counting, as Unix time."""
        return int(self.until.astimezone(UTC).timestamp())


class AccessSettings(Table):
    """Who may admit people, for how long, and where statements are. Paths are absolute, periods in days (0: for ever).

    `jid` is the component's own address, the same as `access` in the directory; `passwords` is the folder with the
    first password of each new account.
    """

    table_name: ClassVar[str] = "access"

    jid: DomainName
    secret_file: SitePath
    folder: SitePath
    approvers: tuple[SitePath, ...] = Field(min_length=2)
    former_approvers: tuple[FormerApprover, ...] = ()
    valid_days: int = Field(default=365, ge=0, le=3660)
    recertify_days: int = Field(default=90, ge=0, le=3660)
    notice: Notice = NOTICE
    passwords: SitePath
    status_file: SitePath
    log_level: LogLevel = "info"
