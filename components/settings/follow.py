"""A machine that follows a site's feed: the `[follow]` table of its own site.toml (docs/feed.md)."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from components.settings.https import find_missing_pair
from components.settings.table import LogLevel, SitePath, Table, find_missing


class FollowSettings(Table):
    """The feed to follow, the authority that its certificate is verified with, and this machine's own certificate.

    Files that are larger than `files_mib` come only when somebody asks for them.
    """

    table_name: ClassVar[str] = "follow"

    url: Annotated[str, Field(pattern=r"^https://[^\s/?#@]+$")]
    authority: SitePath
    certificate: SitePath
    status_file: SitePath
    files_mib: int = Field(default=100, ge=0, le=65536)
    log_level: LogLevel = "info"
    metrics_port: int = Field(default=0, ge=0, le=65535)

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each missing file."""
        advice = "copy ca.crt of the site's certificates there"
        yield from find_missing("follow.authority", [self.authority], advice)
        yield from find_missing_pair("follow.certificate", self.certificate)
