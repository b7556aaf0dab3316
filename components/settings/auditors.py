"""Who looks and who reviews: the tables `[[audit.auditors]]` of site.toml (docs/settings.md)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from components.archive.keys import KeyFileError, load_verifier_key
from components.settings.table import SitePath, Table

AUDITOR_KEY = "auditor/"
"""The beginning of the name of the key with which an auditor signs; their id follows."""


class Role(StrEnum):
    """What an auditor may do: look; review; assign, close many and re-open; or audit the other auditors."""

    AUDITOR = "auditor"
    REVIEWER = "reviewer"
    LEAD = "lead"
    OVERSEER = "overseer"


AuditorId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]


class AuditorEntry(Table):
    """An auditor: `user` is their user of the operating system, if they use commands; `key` the public half of theirs.

    Without `enterprises` they see all of the site.
    """

    id: AuditorId
    name: str = Field(min_length=1, max_length=100)
    user: str | None = Field(default=None, min_length=1)
    roles: tuple[Role, ...] = Field(min_length=1)
    enterprises: tuple[str, ...] | None = Field(default=None, min_length=1)
    key: SitePath | None = None


def find_auditor_problems(entries: Sequence[AuditorEntry]) -> Iterator[str]:
    """Yield what is wrong with the auditors: who is listed twice, and whose key is missing, another's, or shared."""
    setting = "audit.auditors"
    for what, values in (("id", [each.id for each in entries]), ("user", [each.user for each in entries])):
        for value in sorted(value for value, times in Counter(values).items() if value and times > 1):
            yield f"{setting}: two have the {what} {value}; give each another one"
    keys: dict[bytes, str] = {}
    for entry in entries:
        if entry.key is None:
            continue
        try:
            key = load_verifier_key(entry.key)
        except KeyFileError as error:
            yield f"{setting}: {error}; `steelyard keys make {entry.id} --auditor` makes one"
            continue
        if key.name != f"{AUDITOR_KEY}{entry.id}":
            yield f"{setting}: {entry.key} is the key of {key.name}, not of {AUDITOR_KEY}{entry.id}"
        owner = keys.setdefault(key.public_key.public_bytes_raw(), entry.id)
        if owner != entry.id:
            yield f"{setting}: {owner} and {entry.id} have the same key; each auditor needs their own"
