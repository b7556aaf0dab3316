"""What passes between an inspector and its worker: a request with two descriptors, and an answer, both JSON."""

from dataclasses import asdict, dataclass

import orjson

from components.transfer.inspect.limits import InspectLimits
from policy.files.facts import ContentFacts, FileMark

MOST_REQUEST_BYTES = 1 << 16
MOST_ANSWER_BYTES = 4 << 20
STRIPPED = b"that is all of the picture"
"""Stands behind a picture: what lacks it was cut off."""


@dataclass(frozen=True, slots=True)
class Request:
    """A file to look into. Its descriptor, and the one that the answer is written to, go beside it.

    If it `strips`, the answer is the picture without its metadata, and then STRIPPED; nothing if that cannot be done.
    """

    name: str
    claimed_type: str
    limits: InspectLimits
    strips: bool = False

    def encode(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps(asdict(self))


def decode_request(raw: bytes) -> Request:
    """Return a request; raises ValueError, TypeError, KeyError."""
    fields = orjson.loads(raw)
    return Request(
        fields["name"], fields["claimed_type"], InspectLimits(**fields["limits"]), fields["strips"]
    )


def encode_facts(facts: ContentFacts) -> bytes:
    """Return facts as JSON."""
    return orjson.dumps(
        {
            "found_type": facts.found_type,
            "marks": sorted(facts.marks),
            "member_names": facts.member_names,
            "size": (facts.width, facts.height),
        }
    )


def decode_facts(raw: bytes) -> ContentFacts:
    """Return facts that a worker told; raises ValueError, TypeError, KeyError if they are none."""
    fields = orjson.loads(raw)
    width, height = fields["size"]
    return ContentFacts(
        str(fields["found_type"]),
        frozenset(FileMark(each) for each in fields["marks"]),
        tuple(str(each) for each in fields["member_names"]),
        int(width),
        int(height),
    )
