"""One conversation from what several sites have of it: each item once, in the order of time; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from heapq import merge
from typing import Any, TypeVar

from components.audit.conversation.item import Certainty, Item, ItemKind, Reached
from components.audit.sites.doubles import Spot, fold_doubles

# What of a room is told to each site, and carries no receipt.
_ROOMS_OWN = (ItemKind.JOIN, ItemKind.LEAVE, ItemKind.PRESENCE)
_ORDER = (Certainty.CERTAIN, Certainty.PROBABLE, Certainty.NOT_KNOWN, Certainty.NO)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class SiteItems:
    """The items that a site has of a conversation, in the order of its log; it may be that which `has_room`."""

    rank: int
    name: str
    items: tuple[Item, ...]
    has_room: bool = False


def merge_items(sites: Sequence[SiteItems], copy_of: Mapping[Spot, Spot]) -> tuple[Item, ...]:
    """Return the items of all sites in the order of time; ids of records begin with their site's name.

    `copy_of` has for an item that arrived from another site that one's item. The first on the way stands for both.
    Who enters and leaves a room is told by the site that has it.
    """
    stands = fold_doubles(copy_of)
    names = {site.rank: site.name for site in sites}
    copies: dict[Spot, list[tuple[str, Item]]] = {}
    for spot, item in _spots(sites):
        if spot in stands:
            copies.setdefault(stands[spot], []).append(
                (names[spot.rank], name_records(item, names[spot.rank]))
            )
    has_room = any(site.has_room for site in sites)
    kept = [
        [
            _combine(name_records(item, site.name), copies.get(spot, ()))
            for spot, item in _spots([site])
            if spot not in stands and (site.has_room or not has_room or _is_own(item, spot in copies))
        ]
        for site in sites
    ]
    return tuple(merge(*kept, key=lambda item: item.at_ns))


def name_records(value: _Value, site: str) -> _Value:
    """Return an item, or a part of one, in which each id of a record begins with the site's name."""
    named: _Value = _name("", value, site)
    return named


def _name(field: str, value: Any, site: str) -> Any:
    if field in ("record", "version") and value:
        return f"{site}:{value}"
    if field == "records":
        return tuple(f"{site}:{each}" for each in value)
    if isinstance(value, tuple):
        return tuple(_name("", each, site) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {each.name: _name(each.name, getattr(value, each.name), site) for each in fields(value)}
        return replace(value, **changed)
    return value


def _spots(sites: Iterable[SiteItems]) -> Iterable[tuple[Spot, Item]]:
    return ((Spot(site.rank, item.place), item) for site in sites for item in site.items)


def _is_own(item: Item, has_copies: bool) -> bool:
    """Return whether a site that has not the room tells what the one that has it does not."""
    return item.kind not in _ROOMS_OWN and (item.kind is not ItemKind.SUBJECT or has_copies)


def _combine(item: Item, copies: Sequence[tuple[str, Item]]) -> Item:
    if not copies:
        return item
    remarks = [remark for site, copy in copies for remark in _compare(item, site, copy)]
    return replace(
        item,
        records=(*item.records, *(record for _, copy in copies for record in copy.records)),
        remarks=(*item.remarks, *remarks),
        reached=_join([item.reached, *(copy.reached for _, copy in copies)]),
        is_hit=item.is_hit or any(copy.is_hit for _, copy in copies),
    )


def _compare(item: Item, site: str, copy: Item) -> Iterable[str]:
    """Yield what a site has otherwise than the one from which a message came."""
    if copy.fate.reached_nobody and not item.fate.reached_nobody:
        why = f": {copy.why}" if copy.why else ""
        yield f"at {site} it was not let through, {copy.fate} ({copy.record}){why}"
    if copy.text != item.text:
        yield f"{copy.record} does not say the same: look at both"


def _join(judged: Sequence[Reached | None]) -> Reached | None:
    """Return by all evidence of all sites whether a message reached somebody: what stopped it on the way did so."""
    known = [each for each in judged if each is not None]
    if not known:
        return None
    evidence = tuple(sorted((e for each in known for e in each.evidence), key=lambda each: each.at_ns))
    best = min(known, key=lambda each: _ORDER.index(each.certainty))
    if best.certainty is not Certainty.CERTAIN:
        best = next((each for each in known if each.certainty is Certainty.NO), best)
    return Reached(best.certainty, evidence, best.version)
