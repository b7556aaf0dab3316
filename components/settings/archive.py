"""The settings that all logs of a site share: the `[archive]` table of site.toml (docs/settings.md)."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, PlainValidator, ValidationInfo

from components.archive.keys import KeyFileError, load_verifier_key
from components.archive.keys.reference import KeyReference, parse_key_reference
from components.archive.log.note import VerifierKey
from components.archive.store.open import StoreName, parse_private_name
from components.settings.table import SettingsError, SitePath, Table, find_missing, require_path
from policy.retention import DEFAULT_POLICY, RetentionError, RetentionPolicy, parse_retention


def _parse_below_site(text: object, info: ValidationInfo) -> KeyReference:
    if not isinstance(text, str):
        raise ValueError("is a text: a path, age:FILE or a pkcs11: URI (docs/keys.md)")
    require_path(text)
    return parse_key_reference(text, info.context["folder"] if info.context else Path())


SiteKey = Annotated[KeyReference, PlainValidator(_parse_below_site)]
"""The place of a private key (docs/keys.md); relative paths start at the folder of site.toml."""


def _below_site(value: object, info: ValidationInfo) -> StoreName:
    if not isinstance(value, str):
        raise ValueError("write the path of a file, or postgresql://user@host/database#log")
    require_path(value)
    if not Path(value).name:
        raise ValueError("names no file: write the path of one, such as archive/gate.db")
    return parse_private_name(value, info.context["folder"] if info.context else Path())


LogStoreName = Annotated[StoreName, PlainValidator(_below_site)]
"""A log's store in site.toml: a path, as SitePath, or `postgresql://user@host/database#log`."""


class ArchiveSettings(Table):
    """The recipients of sealed records, the retention policy, and the approvers of orders. Paths are absolute."""

    table_name: ClassVar[str] = "archive"
    may_be_missing: ClassVar[bool] = False

    recipients: tuple[SitePath, ...] = Field(min_length=1)
    conversation_key_file: SitePath
    retention: SitePath | None = None
    approvers: tuple[SitePath, ...] = ()

    def find_problems(self) -> Iterator[str]:
        """Yield what is missing or wrong in the retention policy and the approvers' keys."""
        if self.retention:
            yield from find_missing("archive.retention", [self.retention])
            if self.retention.is_file():
                yield from _retention_problems(self.retention)
        for path in self.approvers:
            try:
                load_approvers([path])
            except KeyFileError as error:
                yield f"archive.approvers: {error}"
        if len(self.approvers) == 1:
            yield "archive.approvers: an order needs two; name another, or none"


def _retention_problems(path: Path) -> Sequence[str]:
    try:
        load_retention(path)
    except SettingsError as error:
        return error.problems
    return ()


def load_retention(path: Path | None) -> RetentionPolicy:
    """Read the retention policy, or return the default one; raises SettingsError."""
    if path is None:
        return DEFAULT_POLICY
    try:
        return parse_retention(path.read_text())
    except RetentionError as error:
        raise SettingsError([f"{path.name}: {problem}" for problem in error.problems]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"archive.retention: {path} cannot be read: {error}"]) from None


def load_approvers(paths: Iterable[Path]) -> list[VerifierKey]:
    """Read the approvers' keys, two of which must have signed an order; raises KeyFileError."""
    return [load_verifier_key(path) for path in paths]
