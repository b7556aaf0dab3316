"""The options and arguments that several commands take."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

DEFAULT_SITE = Path("var/site.toml")

SiteOption = Annotated[Path, Parameter(name="--site", env_var="STEELYARD_SITE", help="The site's file.")]
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
