"""A grant's file: its terms, the shares that were contributed, sealed, and at last the envelopes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from components.archive.durable import PRIVATE, replace_durably
from components.archive.grant import Grant, GrantError, GrantTerms, encode_terms, parse_terms
from components.audit.matter.values import Deed, Detail, GrantAct
from components.process.errors import SiteError
from components.process.json_text import read_json

FORMAT = "steelyard-grant/1"
ENDING = ".grant"


@dataclass(frozen=True, slots=True)
class Contribution:
    """A share that somebody contributes: `by` is the name that they gave, `number` the share's in its `set`.

    `sealed` is the share, sealed to the collector's key. `at_s` (Unix time), `id` and `signature` are those of the act
    that `by` has signed; the signature is empty where nobody has to sign.
    """

    by: str
    set: int
    number: int
    sealed: str
    at_s: int = 0
    id: str = ""
    signature: str = ""

    def as_deed(self, terms: GrantTerms) -> Deed:
        """Return the act that this is: it names the share as sealed, and is bound to the grant's terms."""
        details: dict[str, Detail] = {
            "grant": terms.id,
            "digest": terms.digest(),
            "set": self.set,
            "number": self.number,
            "sealed_sha256": sha256(self.sealed.encode()).hexdigest(),
        }
        at_ns = self.at_s * 10**9
        return Deed(
            GrantAct.CONTRIBUTE,
            terms.matter,
            self.by,
            at_ns,
            details,
            id=self.id,
            origin=terms.log,
            signature=self.signature,
        )


@dataclass(frozen=True, slots=True)
class GrantFile:
    """A grant's file, as a whole."""

    terms: GrantTerms
    contributions: tuple[Contribution, ...] = ()
    envelopes: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def grant(self) -> Grant:
        """The grant; it has no envelopes until it is issued."""
        return Grant(self.terms, self.envelopes)

    def with_contribution(self, made: Contribution) -> "GrantFile":
        """Return the file with one more contribution; raises SiteError if it adds nothing."""
        for each in self.contributions:
            if each.set != made.set:
                raise SiteError(
                    f"this is a share of another set than that of {each.by}: bring shares of one splitting"
                )
            if each.number == made.number and (each.signature or not made.signature):
                raise SiteError(f"share {made.number} is contributed already, by {each.by}")
        # A share that somebody contributed without a signature is contributed anew with one.
        others = (each for each in self.contributions if each.number != made.number)
        return replace(self, contributions=(*others, made))


def encode_grant_file(file: GrantFile) -> str:
    """Encode a grant's file as JSON."""
    document = {
        "format": FORMAT,
        "terms": read_json(encode_terms(file.terms)),
        "contributions": [asdict(each) for each in file.contributions],
        "envelopes": {str(number): text.decode() for number, text in file.envelopes.items()},
    }
    return json.dumps(document, indent=1) + "\n"


def parse_grant_file(text: str) -> GrantFile:
    """Parse a grant's file; raises GrantError."""
    try:
        document = read_json(text)
        if document["format"] != FORMAT:
            raise GrantError("made by another version of Steelyard")
        contributions = tuple(_parse_contribution(each) for each in document["contributions"])
        envelopes = {int(number): str(text).encode() for number, text in document["envelopes"].items()}
        return GrantFile(parse_terms(document["terms"]), contributions, envelopes)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GrantError(f"not a grant's file ({error})") from None


def _parse_contribution(said: Mapping[str, object]) -> Contribution:
    """Read a contribution; one of before they were signed has no time, id and signature."""
    by, sealed = str(said["by"]), str(said["sealed"])
    set_, number, at_s = (int(str(each)) for each in (said["set"], said["number"], said.get("at_s", 0)))
    id_, signature = (str(said.get(name, "")) for name in ("id", "signature"))
    return Contribution(by, set_, number, sealed, at_s, id_, signature)


def read_grant_file(path: Path) -> GrantFile:
    """Read a grant's file; raises SiteError."""
    try:
        return parse_grant_file(path.read_text("utf-8"))
    except OSError as error:
        raise SiteError(f"{path}: cannot be read ({error.strerror})") from None
    except (GrantError, UnicodeDecodeError) as error:
        raise SiteError(f"{path}: {error}") from None


def write_grant_file(path: Path, file: GrantFile) -> None:
    """Write a grant's file, whole or not at all, for its owner only; raises SiteError."""
    try:
        replace_durably(path, encode_grant_file(file).encode(), PRIVATE)
    except OSError as error:
        raise SiteError(f"{path}: cannot be written ({error.strerror})") from None
