"""The feed for auditors' own machines: the `[feed]` table of site.toml (docs/feed.md)."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from components.settings.auditors import AuditorId
from components.settings.https import find_missing_pair
from components.settings.table import Address, DomainName, LogLevel, Port, SitePath, Table, find_missing

MachineId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class FeedMachine(Table):
    """`[[feed.machines]]`: a machine that may follow the logs, by its own certificate, and who works there.

    `logs` names those that it gets, without it all. `own_log` names the one of `audit.others` that it writes.
    """

    id: MachineId
    certificate: SitePath
    auditors: tuple[AuditorId, ...] = Field(min_length=1)
    logs: tuple[str, ...] | None = None
    own_log: str | None = None


class FeedSettings(Table):
    """Where the feed is served, and to whom. Paths are absolute; the key of a certificate is beside it (`.key`)."""

    table_name: ClassVar[str] = "feed"

    address: Address = "127.0.0.1"
    port: Port
    host: DomainName
    certificate: SitePath
    status_file: SitePath
    log_level: LogLevel = "info"
    machines: tuple[FeedMachine, ...] = ()

    def find_problems(self) -> Iterator[str]:
        """Yield what is wrong with its certificate and those of the machines."""
        yield from find_missing_pair("feed.certificate", self.certificate)
        for what in ("id", "own_log", "certificate"):
            values = Counter(getattr(each, what) for each in self.machines)
            for value in sorted(str(value) for value, times in values.items() if value and times > 1):
                yield f"feed.machines: two have the {what} {value}; give each its own"
        for machine in self.machines:
            advice = "it is made on that machine with `steelyard keys certificate`"
            yield from find_missing("feed.machines.certificate", [machine.certificate], advice)
