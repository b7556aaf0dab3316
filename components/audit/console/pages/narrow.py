"""Ways to narrow a search: its timeline and its facets, each a link to the search with one condition more."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from markupsafe import Markup

from components.audit.console.charts import draw_timeline
from components.audit.console.render import Texts
from components.audit.facets import Facets

_PROPERTIES = {"person": "from", "verdict": "verdict", "kind": "kind", "rule": "rule"}
# What stands in a query as it is; another value is counted, and is no link.
_PLAIN = re.compile(r"[\w@.+-]+")


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value that some of what was found has, and the way to these."""

    label: str
    count: int
    link: str


@dataclass(frozen=True, slots=True)
class Facet:
    """Values of one kind."""

    name: str
    values: tuple[FacetValue, ...]


def link_search(query: str, more: str = "") -> str:
    """Return the address of a search, with one condition more."""
    return "/search?" + urlencode({"q": f"({query}) {more}" if more else query})


def view_timeline(facets: Facets, query: str, texts: Texts) -> Markup:
    """Return the timeline of a search."""

    def link(first: date, last: date) -> str:
        days = first.isoformat() if first == last else f"{first}..{last}"
        return link_search(query, f"date:{days}")

    def label(days: str, records: int) -> str:
        return texts("timeline.day", day=days, count=f"{records:,}")

    return draw_timeline(facets.days, texts("timeline"), link, label)


def view_facets(facets: Facets, query: str, texts: Texts) -> tuple[Facet, ...]:
    """Return the facets of a search; one whose values are all the same narrows nothing."""
    found = (Facet(name, tuple(_view(name, values, query, texts))) for name, values in facets.values)
    return tuple(facet for facet in found if len(facet.values) > 1 or (facet.values and facet.name == "rule"))


def _view(name: str, values: tuple[tuple[str, int], ...], query: str, texts: Texts) -> Iterator[FacetValue]:
    for value, count in values:
        label = texts.word(name, value) if name in ("verdict", "kind") else value
        if _PLAIN.fullmatch(value):
            yield FacetValue(label, count, link_search(query, f"{_PROPERTIES[name]}:{value}"))
