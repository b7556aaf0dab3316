"""Random samples of what a query finds: by a seed, which draws the same for anybody, without what was drawn before."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from components.audit.asked import Asked
from components.audit.auditor import Auditor
from components.audit.index.database import Connection
from components.audit.index.facets import DAY_NS, Dimension
from components.audit.index.pages import digest_ids, name_place, read_places
from components.audit.kept_acts import read_acts, record_act
from components.audit.lookup import Lookup, look_up
from components.audit.query.tree import Node, format_query
from components.audit.view import RecordView
from components.process.errors import SiteError
from components.process.progress import Progress
from components.settings.site import SiteFile

RECORDS = "records"
"""The detail of a sample's record that has the ids of what was drawn, a line each."""

SAMPLED = "sampled"
"""The name of that record."""

_CONFIDENCE = 0.95
_Z = 1.959964  # of a normal distribution, 95 % lie within so many standard deviations
MOST_DRAWN = 10_000

_Record = TypeVar("_Record")

_STRATA = {
    Dimension.DAY: f"received_at_ns / {DAY_NS}",
    Dimension.PERSON: "from_local || '@' || from_domain",
    Dimension.TO: "to_local || '@' || to_domain",
    Dimension.DOMAIN: "from_domain",
    Dimension.TO_DOMAIN: "to_domain",
    Dimension.KIND: "kind",
    Dimension.VERDICT: "verdict",
}
STRATA = tuple(_STRATA)
"""By what a sample can be stratified."""


@dataclass(frozen=True, slots=True)
class SampleWanted:
    """How to draw: `count` records in all, by `seed`; of each stratum in proportion, and one at least."""

    query: str
    count: int
    seed: str
    by: tuple[Dimension, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample of `eligible` records, of `matched`: the others were drawn before. `record` is that of this act.

    If none of them shows what is looked for, at most the share `at_most_if_none` of the eligible ones does, with a
    confidence of 95 %; a share seen in the sample is within `margin` of theirs, at worst.
    """

    query: Node
    seed: str
    records: tuple[RecordView, ...]
    matched: int
    eligible: int
    strata: int
    at_most_if_none: float
    margin: float
    record: str
    access_id: str


async def draw_sample(
    settings: SiteFile, wanted: SampleWanted, progress: Progress, auditor: Auditor | None = None
) -> Sample:
    """Draw a sample, and record what was drawn before it is shown; raises QueryError, SiteError and LogError."""
    require_count(wanted)
    async with look_up(settings, wanted.query, progress, auditor) as lookup:
        asked = lookup.asked
        require_whole(asked)
        with lookup.index.look() as db:
            places = read_places(db, asked.where, asked.logs)
            digest = digest_ids(db, asked.where, asked.logs)
        before = set() if wanted.again else await read_drawn(lookup)
        eligible = {place: id_ for place in places if (id_ := name_place(place, lookup.names)) not in before}
        with lookup.index.look() as db:
            strata = divide({place: read_stratum(db, place, wanted.by) for place in eligible})
        drawn = sorted(draw(strata, eligible, wanted))
        ids = "\n".join(eligible[place] for place in drawn)
        told: dict[str, str | int] = {
            "query": format_query(asked.query),
            "seed": wanted.seed,
            "count": len(drawn),
        }
        told |= {"eligible": len(eligible), "strata": len(strata), RECORDS: ids}
        views = [view for view in await lookup.view(drawn) if not view.destroyed]
        record = await record_act(lookup, SAMPLED, told)
        access_id = await lookup.record("sample", len(places), digest)
    at_most, margin = tell_confidence(len(drawn), len(eligible))
    return Sample(
        asked.query,
        wanted.seed,
        tuple(views),
        len(places),
        len(eligible),
        len(strata),
        at_most,
        margin,
        record,
        access_id,
    )


def require_count(wanted: SampleWanted) -> None:
    """Check how much is to be drawn; raises SiteError."""
    if not 1 <= wanted.count <= MOST_DRAWN:
        raise SiteError(f"a sample has 1 to {MOST_DRAWN:,} records")


def require_whole(asked: Asked) -> None:
    """Check that all that matches was found; raises SiteError."""
    if asked.is_cut:
        raise SiteError("the regular expression was looked for in the newest records alone: narrow the query")


def tell_confidence(drawn: int, eligible: int) -> tuple[float, float]:
    """Return the highest share that may go unseen in a sample, and the widest margin of a share seen, at 95 %.

    The first is exact for draws with replacement (the "rule of three" comes near it), the second Wilson's interval at a
    half; without replacement both are closer.
    """
    if drawn >= eligible:
        return 0.0, 0.0
    if drawn == 0:
        return 1.0, 1.0
    return 1 - (1 - _CONFIDENCE) ** (1 / drawn), _Z / (2 * math.sqrt(drawn + _Z**2))


def share_out(count: int, sizes: Sequence[int]) -> list[int]:
    """Divide `count` among strata of these sizes: one for each, largest first, then in proportion to what is left."""
    total = sum(sizes)
    if count >= total:
        return list(sizes)
    order = sorted(range(len(sizes)), key=lambda number: (-sizes[number], number))
    shares = [0] * len(sizes)
    for number in order[:count]:
        shares[number] = 1
    left = count - sum(shares)
    rest = total - sum(shares)
    exact = [left * (size - share) / rest if rest else 0 for size, share in zip(sizes, shares, strict=True)]
    shares = [share + int(more) for share, more in zip(shares, exact, strict=True)]
    by_remainder = sorted(order, key=lambda number: -(exact[number] % 1))
    for number in by_remainder[: count - sum(shares)]:
        shares[number] += 1
    return shares


def rank(seed: str, record_id: str) -> bytes:
    """Return by what records are drawn, the lowest first: SHA-256 of the seed, a newline and the id."""
    return sha256(f"{seed}\n{record_id}".encode()).digest()


async def read_drawn(lookup: Lookup) -> set[str]:
    """Return the ids of what earlier samples drew, as a site's log of looks has them."""
    drawn = set[str]()
    async for _, event in read_acts(lookup, SAMPLED):
        drawn.update(str(dict(event.details).get(RECORDS, "")).split("\n"))
    return drawn


def read_stratum(db: Connection, place: int, by: Sequence[Dimension]) -> tuple[object, ...]:
    """Return the values of a record by which a sample is stratified."""
    if not by:
        return ()
    columns = ", ".join(_STRATA[each] for each in by)
    row = db.execute(f"SELECT {columns} FROM submission WHERE idx = ?", (place,)).fetchone()  # noqa: S608 - constant
    return tuple(row)


def divide(stratum_of: Mapping[_Record, tuple[object, ...]]) -> list[list[_Record]]:
    """Divide records into strata, by the values of each."""
    strata: dict[tuple[object, ...], list[_Record]] = {}
    for record, values in stratum_of.items():
        strata.setdefault(values, []).append(record)
    return [strata[values] for values in sorted(strata, key=str)]


def draw(
    strata: Sequence[Sequence[_Record]], ids: Mapping[_Record, str], wanted: SampleWanted
) -> Iterator[_Record]:
    """Yield what is drawn of each stratum: the lowest by the seed and the ids."""
    shares = share_out(wanted.count, [len(each) for each in strata])
    for stratum, share in zip(strata, shares, strict=True):
        yield from sorted(stratum, key=lambda record: rank(wanted.seed, ids[record]))[:share]
