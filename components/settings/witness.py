"""The witness's settings: the `[witness]` table of site.toml (docs/settings.md)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from components.archive.log.cosignature import parse_cosigner_key
from components.archive.log.log_signature import parse_log_verifier_key
from components.settings.table import (
    INIT_MAKES_IT,
    PUT_IT_BACK,
    Address,
    LogLevel,
    SitePath,
    Table,
    find_missing,
)

URL_MAX = 2048
_BRING = "bring it from the other site (docs/witness.md)"


def _require_log_key(vkey: str) -> str:
    parse_log_verifier_key(vkey)
    return vkey


def _require_cosigner_key(vkey: str) -> str:
    parse_cosigner_key(vkey)
    return vkey


def _require_url(url: str) -> str:
    if len(url) > URL_MAX:
        raise ValueError(f"has {len(url):,} characters; an address has {URL_MAX:,} at most")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no address of the form https://host/path")
    return url


LogVkey = Annotated[str, AfterValidator(_require_log_key)]
CosignerVkey = Annotated[str, AfterValidator(_require_cosigner_key)]
Url = Annotated[str, AfterValidator(_require_url)]


class AskedWitness(Table):
    """`[[witness.asks]]`: a witness that cosigns the site's logs, and its keys."""

    url: Url
    vkeys: tuple[CosignerVkey, ...] = Field(min_length=1)


class WitnessedSite(Table):
    """`[[witness.sites]]`: another site, each of which witnesses the other: its witness's address, and its public keys.

    `keys` is a folder with copies of its files: `log-*.pub`, whose logs are cosigned here, and `witness.pub`.
    """

    url: Url
    keys: SitePath

    @property
    def log_files(self) -> tuple[Path, ...]:
        """The files of its logs' keys; a log whose key was replaced has both in its file."""
        return tuple(sorted(self.keys.glob("log-*.pub")))

    def read_logs(self) -> tuple[str, ...]:
        """Return the verifier keys of its logs; raises ValueError and OSError."""
        lines = [line for file in self.log_files for line in file.read_text("utf-8").split("\n") if line]
        return tuple(map(_require_log_key, lines))

    def read_vkeys(self) -> tuple[str, ...]:
        """Return the verifier keys of its witness, at least one; raises ValueError and OSError."""
        lines = (self.keys / "witness.pub").read_text("utf-8").splitlines()
        if not lines:
            raise ValueError(f"{self.keys / 'witness.pub'}: holds no key")
        return tuple(map(_require_cosigner_key, lines))

    def find_problems(self) -> Iterator[str]:
        """Yield what is wrong with the keys."""
        if not self.log_files:
            yield f"witness.sites.keys: there is no log-*.pub in {self.keys}; {_BRING}"
        for read in (self.read_logs, self.read_vkeys):
            try:
                read()
            except OSError as error:
                yield f"witness.sites.keys: {error.filename}: {(error.strerror or '').lower()}; {_BRING}"
            except ValueError as error:  # NoteError, or bytes that are no text
                yield f"witness.sites.keys: a file in {self.keys} is no public key ({error}); {_BRING}"


class TimeStampSettings(Table):
    """`[witness.time_stamps]`: an authority (RFC 3161), its certificates and how often it is asked."""

    url: Url
    certificates: SitePath
    every_s: float = Field(default=600.0, ge=1)


class WitnessSettings(Table):
    """The settings of the witness process. Paths are absolute; a `port` of 0 means it cosigns for nobody else."""

    table_name: ClassVar[str] = "witness"

    name: str = Field(min_length=1, max_length=255)
    key_file: SitePath
    state: SitePath
    status_file: SitePath
    address: Address = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    log_level: LogLevel = "info"
    cosign_own: bool = True
    logs: tuple[LogVkey, ...] = ()
    asks: tuple[AskedWitness, ...] = ()
    sites: tuple[WitnessedSite, ...] = ()
    time_stamps: TimeStampSettings | None = None

    @property
    def witnesses(self) -> int:
        """How many witnesses of others are asked."""
        return len(self.asks) + len(self.sites)

    def read_asked(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the address and the keys of each witness that is asked; raises ValueError and OSError."""
        yield from ((each.url, each.vkeys) for each in self.asks)
        yield from ((each.url, each.read_vkeys()) for each in self.sites)

    def read_logs(self) -> Iterator[str]:
        """Yield the verifier keys of others' logs that are cosigned here; raises ValueError and OSError."""
        yield from self.logs
        for site in self.sites:
            yield from site.read_logs()

    def find_problems(self) -> Iterator[str]:
        """Yield a line for each missing file of the witness, and one if its port is missing."""
        advice = INIT_MAKES_IT
        if any(self.state.glob("*.checkpoint")):
            advice = f"others know this witness by it: {PUT_IT_BACK}"
        yield from find_missing("witness.key_file", [self.key_file], advice)
        stamps = self.time_stamps
        if stamps and not stamps.certificates.is_file():
            yield (
                f"witness.time_stamps.certificates: there is no {stamps.certificates}; get it from the authority"
            )
        for site in self.sites:
            yield from site.find_problems()
        if (self.logs or self.sites) and not self.port:
            yield "witness.port: others' logs are to be cosigned; set one, at which they ask"
