"""What a process takes over of a changed site.toml at SIGHUP, and what it says of the rest (docs/settings.md)."""

from collections.abc import Iterator, Mapping
from typing import Any

import structlog

from components.process.run import Process
from components.settings.site import SiteFile
from components.settings.table import SettingsError, Table

AT_SIGNAL = "log_level"
"""The name of the settings that count from SIGHUP on, whatever their table."""

BY_COMMANDS = (
    *(
        "audit.index",
        "audit.index_store",
        "audit.key_files",
        "audit.speech_model",
        "directory.csv",
        "directory.ldap",
    ),
    *("audit.matter_required", "audit.readers", "audit.grants", "review.due_s"),
)
"""Settings, and tables, that only commands use: each command reads them when it starts."""

READ_AGAIN = ("feed.machines",)
"""Settings that their process reads again at SIGHUP by itself."""


def follow_settings(process: Process, site: SiteFile, table: type[Table]) -> None:
    """Write logs from the level of this table on, and read it again at each SIGHUP; raises SettingsError."""
    process.use_log_level(_log_level(site, table))

    def read_again() -> None:
        newer = read_changed(site)
        process.use_log_level(_log_level(newer, table))
        if waiting := list(find_waiting(site, newer)):
            structlog.get_logger(process.name).warning("takes effect after a restart", settings=waiting)

    process.on_reload(read_again)


def read_changed(site: SiteFile) -> SiteFile:
    """Read a site's file again; raises SettingsError, whose lines name theirs in the file, if a table is wrong."""
    newer = SiteFile(site.path)
    if problems := newer.find_wrong_tables():
        raise SettingsError(problems)
    return newer


def find_waiting(started: SiteFile, newer: SiteFile) -> Iterator[str]:
    """Yield the settings that are not as they were at the start, and count only from the next one on."""
    for setting in _find_changes(started.document, newer.document, ""):
        if not counts_at_once(setting):
            yield setting


def counts_at_once(setting: str) -> bool:
    """Return whether a setting, such as `gate.log_level`, counts without a restart."""
    listed = (*BY_COMMANDS, *READ_AGAIN)
    is_listed = any(setting == each or setting.startswith(f"{each}.") for each in listed)
    return is_listed or setting.rpartition(".")[2] == AT_SIGNAL


def _log_level(site: SiteFile, table: type[Table]) -> str:
    return str(getattr(site.require(table), AT_SIGNAL))


def _find_changes(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _find_changes(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name}"
