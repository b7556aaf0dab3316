"""The settings of a log, for every table of site.toml that has one (docs/settings.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from components.archive.kept_checkpoints import kept_folder
from components.archive.keys import KeyFileError, load_verifier_key
from components.archive.keys.reference import KeyReference, last_signed_file, needed_files, public_file
from components.archive.store.open import StoreName, log_file, log_name, store_label
from components.settings.archive import LogStoreName, SiteKey
from components.settings.table import INIT_MAKES_IT, NAME_MAX, PUT_IT_BACK, Table, find_missing


@dataclass(frozen=True, slots=True)
class LogSettings:
    """A log of the site: its store, the origin of its checkpoints (C2SP tlog-checkpoint), its signing key.

    `table` is the table of site.toml that names it; `witnessed` the folder of its witnessed checkpoints.
    """

    table: str
    store: StoreName
    origin: str
    key_file: KeyReference
    witnessed: Path

    @property
    def name(self) -> str:
        """The log's name in the ids of records, as in `gate/100042`."""
        return log_name(self.store)

    @property
    def is_begun(self) -> bool:
        """Whether the log is known to exist; a database on a server is not asked."""
        return is_begun(self.store, self.key_file)

    @property
    def verifier_key_file(self) -> Path:
        """The file of the public key, beside that of the signing key."""
        return public_file(self.key_file)


def is_begun(store: StoreName, key: KeyReference) -> bool:
    """Return whether a log is known to exist: its file is there, or its writer's last checkpoint."""
    file = log_file(store)
    return (file is not None and file.exists()) or last_signed_file(key).exists()


def find_key_name(key: KeyReference) -> str:
    """Return the name with which a log's key signs, by its public half; empty if that cannot be read."""
    try:
        return load_verifier_key(public_file(key)).name
    except KeyFileError:
        return ""


class LogTable(Table):
    """A table with a log of its own: every component that records has one."""

    log: LogStoreName
    log_origin: str = Field(min_length=1, max_length=NAME_MAX)
    log_key_file: SiteKey

    def find_problems(self) -> Iterator[str]:
        """Yield a line if the signing key of an existing log is missing, or belongs to another log."""
        advice = INIT_MAKES_IT
        if is_begun(self.log, self.log_key_file):
            advice = f"{store_label(self.log)} was signed with it: {PUT_IT_BACK}"
        yield from find_missing(f"{self.table_name}.log_key_file", needed_files(self.log_key_file), advice)
        name = find_key_name(self.log_key_file)
        if name and name != self.log_origin:
            yield (
                f"{self.table_name}.log_origin: is {self.log_origin}, and {self.log_key_file} signs as {name}; a log"
                f" keeps its name: write {name}. While nothing is recorded, `steelyard init` renames the key"
            )

    def log_settings(self, folder: Path) -> LogSettings:
        """Return the log's settings; `folder` is the folder of site.toml.

        The witnessed checkpoints of a log are beside its file, or, if it is a database elsewhere, below `folder`.
        """
        beside = log_file(self.log) or folder / "archive" / log_name(self.log)
        return LogSettings(self.table_name, self.log, self.log_origin, self.log_key_file, kept_folder(beside))
