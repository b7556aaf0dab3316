"""The options and arguments of several commands."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from components.cli.output.json_printer import print_json

if TYPE_CHECKING:
    from components.audit.author import Author
    from components.process.progress import Progress
    from components.settings.site import SiteFile

DEFAULT_SITE = Path("var/site.toml")


def _find_site(_type: type, tokens: Sequence[Token]) -> Path:
    """Return the site's file: also where somebody names its folder, even one that has yet to be made."""
    path = Path(tokens[0].value)
    return path if path.suffix == ".toml" or path.is_file() else path / DEFAULT_SITE.name


SiteOption = Annotated[
    Path,
    Parameter(
        name="--site",
        env_var="STEELYARD_SITE",
        converter=_find_site,
        n_tokens=1,
        help="The site's file, or the folder with its site.toml.",
    ),
]
AsJson = Annotated[bool, Parameter(name="--json", help="Print one JSON object.")]
Limit = Annotated[
    int, Parameter(validator=Number(gte=1), help="Show at most this many records, the newest ones.")
]
RecordId = Annotated[str, Parameter(help="A record's id, such as gate/100042, or london:gate/88.")]
LogName = Annotated[
    str,
    Parameter(
        name="--log",
        help="The log: gate (if left out), audit or another one that the site has, such as roster.",
    ),
]
ApproverKey = Annotated[
    str, Parameter(name="--key", help="Where the approver's private key is kept (docs/keys.md).")
]
OwnKey = Annotated[
    str | None,
    Parameter(name="--key", help="Where your private key is kept (docs/keys.md); acts are signed with it."),
]
AtSite = Annotated[str, Parameter(name="--at", help="Look at the site of this name (audit.sites).")]
Reason = Annotated[str, Parameter(help="Why, in one line.")]
SealedReason = Annotated[
    str, Parameter(name="--reason", help="Why, in words. Only auditors can read it in the log.")
]
Timeout = Annotated[float, Parameter(help="How many seconds to wait for an answer.")]

Found = TypeVar("Found")
Work: TypeAlias = Coroutine[Any, Any, Found]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Output:
    """How a command prints what it found."""

    as_json: AsJson = False

    def tell(
        self, found: Found, describe: Callable[[Found], dict[str, Any]], show: Callable[[Found], None]
    ) -> None:
        """Print what was found: as `describe` describes it for JSON, or as `show` prints it for people."""
        if self.as_json:
            print_json(describe(found))
        else:
            show(found)


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Common(Output):
    """The options of nearly all commands: their site, and how they print."""

    site: SiteOption = DEFAULT_SITE

    def run_with_bar(
        self, title: str, unit: str, work: "Callable[[SiteFile, Progress], Work[Found]]"
    ) -> Found:
        """Read the site's settings and do a long task with them, with a bar while it lasts; raises SettingsError."""
        from components.cli.output.console import run_with_bar
        from components.settings.site import SiteFile

        settings = SiteFile(self.site)
        return run_with_bar(title, unit, lambda progress: work(settings, progress))


COMMON = Common()


# Without slots, so that it can be a base beside another one.
@Parameter(name="*")
@dataclass(frozen=True)
class Purposeful:
    """The options of an auditor's look: its site, the matter for which they look, and why."""

    site: SiteOption = DEFAULT_SITE
    matter: Annotated[str, Parameter(help="The matter for which you look (docs/matters.md).")] = ""
    reason: Annotated[str, Parameter(help="Why you look, in words. It is recorded with the look.")] = ""

    def open_site(self, at: str = "") -> "SiteFile":
        """Read the site's settings; each look of this command is recorded with its matter and reason.

        With `at`, they are those of that other site (`audit.sites`). Raises SettingsError, and SiteError for a matter
        that is not there, not the auditor's, or closed, and for an overseer, who sees what auditors did and nothing
        else.
        """
        from components.audit.access import Purpose, set_purpose
        from components.audit.auditor import Role, find_auditor
        from components.settings.site import SiteFile

        own, purpose = SiteFile(self.site), Purpose(self.matter, self.reason)
        settings = own
        if at:
            from components.audit.sites.named import find_site

            settings = find_site(own, at)
        auditor = find_auditor(settings)
        auditor.require(Role.AUDITOR, Role.REVIEWER, Role.LEAD)
        if self.matter:
            from components.audit.purpose import find_purpose

            purpose = asyncio.run(find_purpose(own, settings, auditor, purpose))
        set_purpose(purpose)
        return settings

    def open_site_of(self, record_id: str) -> "tuple[SiteFile, str]":
        """Return the site of a record and its id there, as `open_site` does: `london:gate/88` is of another site."""
        name, _, id_ = record_id.rpartition(":")
        return self.open_site(name), id_


@Parameter(name="*")
@dataclass(frozen=True)
class Look(Purposeful, Output):
    """The options of nearly all looks: also how they print."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Signing:
    """What each act of an auditor takes."""

    key: OwnKey = None
    common: Common = COMMON

    def open_author(self, settings: "SiteFile") -> "Author":
        """Return who acts, with their key; raises as `find_auditor` and `open_author` do."""
        from components.audit.auditor import find_auditor
        from components.audit.author import open_author

        return open_author(settings, find_auditor(settings), self.key)


OUTPUT = Output()
LOOK = Look()
PURPOSEFUL = Purposeful()
SIGNING = Signing()
