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
    """Somebody who was an approver: what they signed until then goes on to count."""

    key: SitePath
    until: AwareDatetime

    @property
    def until_s(self) -> int:
        """When their signature ceased to count, as Unix time."""
        return int(self.until.astimezone(UTC).timestamp())


class AccessSettings(Table):
    """Who may admit whom, for how long, and where that is kept. Paths are absolute, periods in days (0: for ever).

    `jid` is the component's own address, the same as `access` in the directory; `passwords` the folder in which the
    first password of each new account waits for whoever hands it over.
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
