"""The `[site]` table of site.toml (docs/settings.md)."""

from typing import ClassVar, Literal

from pydantic import Field

from components.settings.table import NAME_MAX, SitePath, Table

ServerName = Literal["prosody", "ejabberd"]
"""Which XMPP server a site runs. The table `[prosody]` has the settings of either."""


class SiteTable(Table):
    """`[site]`: the name of the site, its XMPP server, and the folder of its processes' logs."""

    table_name: ClassVar[str] = "site"
    may_be_missing: ClassVar[bool] = False

    name: str = Field(min_length=1, max_length=NAME_MAX)
    server: ServerName = "prosody"
    logs: SitePath
