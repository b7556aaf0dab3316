"""The options and arguments of several commands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from components.cli.output.json_printer import print_json

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
RecordId = Annotated[str, Parameter(help="A record's id, such as gate/100042.")]
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
Reason = Annotated[str, Parameter(help="Why, in one line.")]
SealedReason = Annotated[
    str, Parameter(name="--reason", help="Why, in words. Only auditors can read it in the log.")
]
Timeout = Annotated[float, Parameter(help="How many seconds to wait for an answer.")]

Found = TypeVar("Found")


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


OUTPUT = Output()
COMMON = Common()
