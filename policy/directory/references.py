"""Checks the references between entries of a directory.toml, in the raw tables.

So it reports these mistakes even if the shape of a table is wrong elsewhere.
"""

from collections.abc import Iterator
from typing import Any

from policy.address import AddressError, domain_of, parse_bare_jid
from policy.directory.border_tables import find_border_problems
from policy.directory.people_tables import find_people_problems
from policy.directory.rows import rows_of

# So many of an enterprise's domains are told, where an address has none of them.
_SHOWN = 5


def find_reference_problems(raw: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the addresses, ids, desks and people that the tables name."""
    seen: dict[str, str] = {}
    for path, address in _addresses(raw):
        if address in seen:
            yield f"{path}: {address!r} is already at {seen[address]}"
        seen.setdefault(address, path)
    for id_, firm in _tables(raw.get("enterprise")):
        yield from _enterprise_problems(f"enterprise.{id_}", firm)
        yield from find_people_problems(f"enterprise.{id_}", firm)


def _enterprise_problems(path: str, firm: dict[str, Any]) -> Iterator[str]:
    sites = [site for _, site in rows_of(firm, "sites")]
    domains = {
        "person": dict.fromkeys(_texts(sites, "domain")),
        "room": dict.fromkeys(_texts(sites, "rooms")),
    }
    names = {"person": "domain", "room": "room domain"}
    for key in ("person", "room"):
        for index, row in rows_of(firm, key):
            domain = _domain_of_entry(row.get("jid"))
            if domain and domain not in domains[key]:
                known = ", ".join([*domains[key]][:_SHOWN]) + (", ..." if len(domains[key]) > _SHOWN else "")
                yield f"{path}.{key}[{index}].jid: {domain!r} is no {names[key]} of this enterprise ({known or 'none'})"
    desks: set[str] = set()
    for index, row in rows_of(firm, "desk"):
        desk = row.get("id")
        if isinstance(desk, str):
            if desk in desks:
                yield f"{path}.desk[{index}].id: {desk!r} is already another desk of this enterprise"
            desks.add(desk)
    for index, row in rows_of(firm, "person"):
        desk = row.get("desk")
        if isinstance(desk, str) and desk not in desks:
            yield f"{path}.person[{index}].desk: this enterprise has no desk {desk!r}"
    yield from find_border_problems(path, firm)


def _addresses(raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every address that a directory gives to somebody, with its path."""
    for key in ("gate", "roster", "access", "transfer"):
        if isinstance(raw.get(key), str):
            yield key, raw[key]
    for id_, firm in _tables(raw.get("enterprise")):
        path = f"enterprise.{id_}"
        for index, site in rows_of(firm, "sites"):
            for key in ("domain", "rooms"):
                if isinstance(site.get(key), str):
                    yield f"{path}.sites[{index}].{key}", site[key]
            components = site.get("components")
            for place, component in enumerate(components if isinstance(components, list) else ()):
                if isinstance(component, str):
                    yield f"{path}.sites[{index}].components[{place}]", component
        for key in ("person", "room"):
            for index, row in rows_of(firm, key):
                if isinstance(row.get("jid"), str):
                    yield f"{path}.{key}[{index}].jid", row["jid"]


def _tables(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        yield from ((key, table) for key, table in value.items() if isinstance(table, dict))


def _texts(rows: list[dict[str, Any]], key: str) -> list[str]:
    return [row[key] for row in rows if isinstance(row.get(key), str)]


def _domain_of_entry(jid: Any) -> str | None:
    try:
        return domain_of(parse_bare_jid(jid)) if isinstance(jid, str) else None
    except AddressError:
        return None
