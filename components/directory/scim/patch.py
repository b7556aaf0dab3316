"""PATCH (RFC 7644, 3.5.2), as the standard defines it and as Entra ID and Okta send it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson

from components.directory.scim.error import ScimError, invalid_value
from components.directory.scim.path import AttributePath, filter_values, parse_attribute_path, row_matches
from components.directory.scim.schema import ENTERPRISE, Attribute, ResourceType, clean, clean_value

OPERATIONS_MAX = 1000
_READ_ONLY = ("id", "meta", "schemas", "groups")


def patch_resource(kind: ResourceType, resource: Mapping[str, Any], body: Any) -> dict[str, Any]:
    """Return the changed resource; raises ScimError, and then nothing is changed.

    `op` may be in upper or lower case, as Entra ID sends it. Attributes that are not kept are ignored.
    """
    patched = orjson.loads(orjson.dumps(resource))  # a copy; groups may have thousands of members
    for op, path, value in _operations(body):
        if path is None:
            if op == "remove":
                raise ScimError(400, "a removal needs a path", "noTarget")
            if not isinstance(value, Mapping):
                raise invalid_value("without a path, the value must be an object")
            for each, content in _flatten(value):
                _apply(kind, patched, op, each, content)
        else:
            _apply(kind, patched, op, path, value)
    return clean(kind, patched)


def _operations(body: Any) -> Iterator[tuple[str, AttributePath | None, Any]]:
    named = {str(key).lower(): value for key, value in body.items()} if isinstance(body, Mapping) else {}
    operations = named.get("operations")
    if not isinstance(operations, list) or not operations or len(operations) > OPERATIONS_MAX:
        raise ScimError(400, f"Operations must be a list of 1 to {OPERATIONS_MAX}", "invalidSyntax")
    for operation in operations:
        if not isinstance(operation, Mapping):
            raise ScimError(400, "an operation must be an object", "invalidSyntax")
        op, path = str(operation.get("op", "")).lower(), operation.get("path")
        if op not in ("add", "replace", "remove"):
            raise ScimError(400, f"{op[:100]!r} is no operation: add, replace or remove", "invalidSyntax")
        yield op, parse_attribute_path(str(path)) if path else None, operation.get("value")


def _flatten(value: Mapping[str, Any]) -> Iterator[tuple[AttributePath, Any]]:
    """Yield the paths of an object's values; its keys may be paths themselves, as Entra ID sends them."""
    for key, content in value.items():
        if key.lower() not in _READ_ONLY:
            yield parse_attribute_path(key), content


def _apply(kind: ResourceType, resource: dict[str, Any], op: str, path: AttributePath, value: Any) -> None:
    if not path.schema and path.name.lower() in _READ_ONLY:
        raise ScimError(400, f"{path.name} cannot be changed", "mutability")
    if path.schema == ENTERPRISE and kind.extension:
        holder = resource.setdefault(ENTERPRISE, {})
        if not path.name:
            for name, content in value.items() if isinstance(value, Mapping) else ():
                _apply(kind, resource, op, replace(path, name=name), content)
            if op == "remove":
                resource.pop(ENTERPRISE)
            return
    else:
        holder = resource
    attribute = kind.attribute(path.name, path.schema)
    if attribute is None:
        return
    if attribute.required and op == "remove":
        raise ScimError(400, f"{attribute.name} cannot be removed", "mutability")
    if attribute.multiple:
        _apply_to_rows(attribute, holder, op, path, value)
    else:
        _apply_to_one(attribute, holder, op, path, value)


def _apply_to_one(
    attribute: Attribute, holder: dict[str, Any], op: str, path: AttributePath, value: Any
) -> None:
    if path.part:
        part = attribute.part(path.part)
        if part is not None:
            _set(holder.setdefault(attribute.name, {}), part, op, value)
    elif attribute.parts and op != "remove":
        cleaned = clean_value(attribute, value) or {}
        holder[attribute.name] = holder.get(attribute.name, {}) | cleaned
    else:
        _set(holder, attribute, op, value)


def _set(holder: dict[str, Any], attribute: Attribute, op: str, value: Any) -> None:
    if op == "remove":
        holder.pop(attribute.name, None)
    else:
        holder[attribute.name] = clean_value(attribute, value)


def _apply_to_rows(
    attribute: Attribute, holder: dict[str, Any], op: str, path: AttributePath, value: Any
) -> None:
    rows: list[dict[str, Any]] = holder.setdefault(attribute.name, [])
    if path.filter or path.part:
        holder[attribute.name] = _apply_to_some(attribute, rows, op, path, value)
    elif op == "add":
        holder[attribute.name] = _join(rows, clean_value(attribute, value) or [])
    elif op == "replace":
        holder[attribute.name] = clean_value(attribute, value) or []
    elif value:  # Entra ID names what to remove by its value, and not in the path
        gone = {row.get("value") for row in clean_value(attribute, value)}
        holder[attribute.name] = [row for row in rows if row.get("value") not in gone]
    else:
        holder[attribute.name] = []


def _join(rows: list[dict[str, Any]], added: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add rows; a row replaces another one with the same value and type."""
    joint = {(row.get("value"), row.get("type")): row for row in (*rows, *added)}
    return list(joint.values())


def _apply_to_some(
    attribute: Attribute, rows: list[dict[str, Any]], op: str, path: AttributePath, value: Any
) -> list[dict[str, Any]]:
    part = attribute.part(path.part) if path.part else None
    if path.part and part is None:
        return rows
    chosen = [row for row in rows if row_matches(attribute, path.filter, row)]
    if op == "remove":
        if part is None:
            return [row for row in rows if row not in chosen]
        for row in chosen:
            row.pop(part.name, None)
        return rows
    if not chosen:  # Entra ID replaces what is not there yet
        chosen = [dict(_row_of(attribute, path))]
        rows = [*rows, *chosen]
    for row in chosen:
        if part is not None:
            _set(row, part, op, value)
        else:
            cleaned = clean_value(replace(attribute, multiple=False), value)
            row.update(cleaned or {})
    return rows


def _row_of(attribute: Attribute, path: AttributePath) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a value that the filter of a path matches."""
    for name, value in filter_values(path.filter):
        part = attribute.part(name)
        if part is not None:
            yield part.name, clean_value(part, value)
