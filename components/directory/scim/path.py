"""Paths of attributes and filters (RFC 7644, 3.4.2.2 and 3.5.2): `eq`, and `and` between several."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.directory.scim.error import ScimError
from components.directory.scim.schema import ENTERPRISE, Attribute, ResourceType
from components.process.json_text import read_json

_CORE = "urn:ietf:params:scim:schemas:core:2.0:"
_NAME = r"[A-Za-z$][\w$-]*"
_IN_BRACKETS = r"(?:[^\]\"]|\"(?:[^\"\\]|\\.)*\")*"
_PATH = re.compile(
    rf"(?:(?P<schema>urn:[\w.:-]+):)?(?P<name>{_NAME})(?:\[(?P<filter>{_IN_BRACKETS})\])?(?:\.(?P<part>{_NAME}))?"
)
_COMPARISON = re.compile(
    rf"\s*(?P<path>(?:urn:[\w.:-]+:)?{_NAME}(?:\[{_IN_BRACKETS}\])?(?:\.{_NAME})?)\s+(?P<op>[A-Za-z]+)"
    r"(?:\s+(?P<value>\"(?:[^\"\\]|\\.)*\"|[^\s\"()]+))?\s*"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`path eq value`; the value is a JSON value: a text, a number, a boolean or nothing."""

    path: "AttributePath"
    value: Any


Filter = tuple[Comparison, ...]
"""Comparisons that must all hold."""


@dataclass(frozen=True, slots=True)
class AttributePath:
    """A path such as `emails[type eq "work"].value`; without `schema` it is in the core schema, without `name` it is
    the whole of another.
    """

    schema: str
    name: str
    filter: Filter = ()
    part: str = ""


def parse_attribute_path(text: str) -> AttributePath:
    """Parse a path; raises ScimError (invalidPath)."""
    matched = _PATH.fullmatch(text.strip())
    if matched is None:
        raise ScimError(400, f"{text[:200]!r} is no path of an attribute", "invalidPath")
    schema = matched["schema"] or ""
    if schema.lower() == ENTERPRISE.lower():
        schema = ENTERPRISE
    elif f"{schema}:{matched['name']}".lower() == ENTERPRISE.lower():
        return AttributePath(ENTERPRISE, "")
    elif schema and not f"{schema}:".lower().startswith(_CORE.lower()):
        return AttributePath(schema, "")  # an extension that is not kept
    else:
        schema = ""
    try:
        filter_ = parse_filter(matched["filter"]) if matched["filter"] is not None else ()
    except ScimError as error:
        raise ScimError(400, error.detail, "invalidPath") from None
    return AttributePath(schema, matched["name"], filter_, matched["part"] or "")


def parse_filter(text: str) -> Filter:
    """Parse a filter; raises ScimError (invalidFilter) for a wrong or unsupported one."""
    comparisons = []
    place = 0
    while True:
        matched = _COMPARISON.match(text, place)
        if matched is None or matched["op"].lower() != "eq" or matched["value"] is None:
            raise ScimError(
                400, f"{text[:200]!r}: only `eq`, and `and` between several, are known", "invalidFilter"
            )
        try:
            value = read_json(matched["value"])
        except ValueError:
            raise ScimError(400, f"{matched['value'][:200]} is no value", "invalidFilter") from None
        comparisons.append(Comparison(parse_attribute_path(matched["path"]), value))
        place = matched.end()
        if place == len(text):
            return tuple(comparisons)
        if not (joint := re.compile(r"and\s", re.IGNORECASE).match(text, place)):
            raise ScimError(400, f"{text[:200]!r}: only `eq` and `and` are known", "invalidFilter")
        place = joint.end()


def matches(kind: ResourceType, filter_: Filter, resource: Mapping[str, Any]) -> bool:
    """Return whether a filter matches a resource."""
    return all(_holds(kind, each, resource) for each in filter_)


def row_matches(attribute: Attribute, filter_: Filter, row: Mapping[str, Any]) -> bool:
    """Return whether the filter in a path matches one value of a complex attribute."""
    return all(_equal(attribute.part(each.path.name), row, each) for each in filter_)


def _holds(kind: ResourceType, comparison: Comparison, resource: Mapping[str, Any]) -> bool:
    path = comparison.path
    if path.name.lower() == "id":
        return bool(resource.get("id") == comparison.value)
    attribute = kind.attribute(path.name, path.schema)
    if attribute is None:
        return False
    holder = resource.get(path.schema, {}) if path.schema else resource
    if not attribute.parts:
        return _equal(attribute, holder, comparison)
    rows = holder.get(attribute.name) or []
    part = attribute.part(path.part or "value")
    return any(
        row_matches(attribute, path.filter, row) and _equal(part, row, comparison)
        for row in (rows if isinstance(rows, list) else [rows])
    )


def _equal(attribute: Attribute | None, holder: Mapping[str, Any], comparison: Comparison) -> bool:
    if attribute is None:
        return False
    has, wanted = holder.get(attribute.name), comparison.value
    if attribute.boolean and isinstance(wanted, str):
        wanted = {"true": True, "false": False}.get(wanted.lower(), wanted)
    if isinstance(has, str) and isinstance(wanted, str) and not attribute.case_exact:
        return has.casefold() == wanted.casefold()
    return bool(has == wanted)


def filter_values(filter_: Filter) -> Iterator[tuple[str, Any]]:
    """Yield the names and values that a filter asks for; a value made of them matches it."""
    for comparison in filter_:
        yield comparison.path.name, comparison.value
