"""The hits of each of a list of terms at all sites, each message once (docs/sites.md)."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from components.audit.query.parser import parse_query
from components.audit.query.tree import And, Node, format_query
from components.audit.sites.complete import OfAllSites
from components.audit.sites.count import CountedSite, describe_counted
from components.audit.sites.doubles import Spot
from components.audit.sites.named import SiteFault
from components.audit.sites.reached import Reach, ReachedSite, reach_sites
from components.audit.tally import TermHits, any_term, keep_hits, parse_terms
from components.process.progress import Progress
from components.settings.site import SiteFile

_SOME = "idx IN (SELECT value FROM json_each(?))"
_HITS = f"SELECT line, count(*) FROM term_hit WHERE NOT {_SOME} GROUP BY line"  # noqa: S608 - constant
_ALONE = f"""
SELECT line, count(*) FROM (
    SELECT min(line) AS line FROM term_hit WHERE NOT {_SOME} GROUP BY idx HAVING count(*) = 1
) AS alone GROUP BY line
"""  # noqa: S608 - constant
_OF_SOME = f"SELECT line, idx FROM term_hit WHERE {_SOME}"  # noqa: S608 - constant


@dataclass(frozen=True, slots=True)
class SitesTerms(OfAllSites):
    """The hits of each of a list of terms at all sites; a message has a term if one of its records has it."""

    query: Node
    terms: tuple[TermHits, ...]
    matched: int
    doubles: int
    sites: tuple[CountedSite, ...]
    faults: tuple[SiteFault, ...]


async def report_terms_of_sites(
    settings: SiteFile, query: str, lines: Sequence[str], progress: Progress
) -> SitesTerms:
    """Search all sites for each of a list of terms among what a query finds; raises as `report_terms` does."""
    now_ns = time.time_ns()
    within, terms = parse_query(query, now_ns), parse_terms(lines, now_ns)
    async with reach_sites(settings, And((within, any_term(terms))), "terms", progress) as reach:
        for each in reach.reached.values():
            await keep_hits(each.lookup, within, terms, each.auditor)
        hits, alone = _count(reach)
        return SitesTerms(
            reach.reached[0].lookup.asked.query,
            tuple(TermHits(line, format_query(node), hits[line], alone[line]) for line, node in terms),
            reach.matched,
            len(reach.doubles),
            tuple(map(describe_counted, reach.reached.values())),
            reach.faults,
        )


def _count(reach: Reach) -> tuple[Counter[int], Counter[int]]:
    """Return how many messages have the term of each line, and how many of these no other term."""
    hits, alone = Counter[int](), Counter[int]()
    of_message: dict[Spot, set[int]] = {}
    grouped = {*reach.doubles, *reach.doubles.values()}
    for rank, site in reach.reached.items():
        places = [spot.place for spot in grouped if spot.rank == rank]
        others, single, rows = _read(site, places)
        hits.update(others)
        alone.update(single)
        for line, place in rows:
            spot = Spot(rank, place)
            of_message.setdefault(reach.doubles.get(spot, spot), set()).add(line)
    for lines in of_message.values():
        hits.update(lines)
        alone.update(lines if len(lines) == 1 else ())
    return hits, alone


def _read(
    site: ReachedSite, grouped: Iterable[int]
) -> tuple[dict[int, int], dict[int, int], list[tuple[int, int]]]:
    """Return counts of what is one record alone, and for what is of several which terms each has."""
    places = json.dumps(list(grouped))
    with site.lookup.index.look() as db:
        hits, alone = (dict(db.execute(sql, (places,)).fetchall()) for sql in (_HITS, _ALONE))
        return hits, alone, [(int(line), int(idx)) for line, idx in db.execute(_OF_SOME, (places,))]
