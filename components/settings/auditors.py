"""Who looks and who reviews: the tables `[[audit.auditors]]` of site.toml (docs/settings.md)."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from components.archive.keys import KeyFileError, load_verifier_key
from components.settings.table import SitePath, Table
from policy.address import parse_bare_jid
from policy.supervision.reviewer import Reviewer, Role

AUDITOR_KEY = "auditor/"
"""The beginning of the name of the key with which an auditor signs; their id follows."""


AuditorId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]


class RetiredKey(Table):
    """The public half of a key that an auditor had: what it signed counts if it was recorded before `until`."""

    key: SitePath
    until: AwareDatetime

    @property
    def until_s(self) -> int:
        """Until when it signed, as Unix time."""
        return _to_unix(self.until)


class AuditorEntry(Table):
    """An auditor: `user` is their user of the operating system, if they use commands; `key` the public half of theirs.

    `retired` are keys that they had before. Without `enterprises` they see all of the site. `jid` is their own account
    on the line, if they have one. From `until` on they are no auditor any more; what they did before stays valid.
    """

    id: AuditorId
    name: str = Field(min_length=1, max_length=100)
    user: str | None = Field(default=None, min_length=1)
    roles: tuple[Role, ...] = Field(min_length=1)
    enterprises: tuple[str, ...] | None = Field(default=None, min_length=1)
    key: SitePath | None = None
    retired: tuple[RetiredKey, ...] = ()
    jid: Annotated[str, AfterValidator(parse_bare_jid)] | None = None
    until: AwareDatetime | None = None

    @property
    def until_s(self) -> int | None:
        """When they stop being an auditor, as Unix time; None while nobody knows."""
        return None if self.until is None else _to_unix(self.until)

    @property
    def key_files(self) -> tuple[SitePath, ...]:
        """The files of all public keys of theirs, the present one first."""
        return (*((self.key,) if self.key else ()), *(each.key for each in self.retired))

    @property
    def reviewer(self) -> Reviewer:
        """What the rules of reviews know of them."""
        return Reviewer(self.id, self.name, frozenset(self.roles), self.scope, self.jid or "")

    @property
    def scope(self) -> frozenset[str] | None:
        """The enterprises that they may see, None for all."""
        return None if self.enterprises is None else frozenset(self.enterprises)


def _to_unix(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp())


def find_auditor_problems(entries: Sequence[AuditorEntry]) -> Iterator[str]:
    """Yield what is wrong with the auditors: who is listed twice, and whose key is missing, another's, or shared."""
    setting = "audit.auditors"
    for what in ("id", "user", "jid"):
        values = [getattr(each, what) for each in entries]
        for value in sorted(value for value, times in Counter(values).items() if value and times > 1):
            yield f"{setting}: two have the {what} {value}; give each another one"
    yield from _find_key_problems(entries, setting)


def _find_key_problems(entries: Sequence[AuditorEntry], setting: str) -> Iterator[str]:
    owners: dict[bytes, str] = {}
    for entry, file in [(each, file) for each in entries for file in each.key_files]:
        try:
            key = load_verifier_key(file)
        except KeyFileError as error:
            yield f"{setting}: {error}; `steelyard keys make {entry.id} --auditor` makes one"
            continue
        if key.name != f"{AUDITOR_KEY}{entry.id}":
            yield f"{setting}: {file} is the key of {key.name}, not of {AUDITOR_KEY}{entry.id}"
        owner = owners.setdefault(key.public_key.public_bytes_raw(), entry.id)
        if owner != entry.id:
            yield f"{setting}: {owner} and {entry.id} have the same key; each auditor needs their own"
