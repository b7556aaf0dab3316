"""The attributes of users and groups that are kept (RFC 7643, 4); all others are ignored, also passwords."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from components.directory.scim.error import invalid_value
from policy.shown import check_line

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
TEXT_MAX = 256


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute (RFC 7643, 7): a text, a boolean, or, with `parts`, complex."""

    name: str
    boolean: bool = False
    multiple: bool = False
    required: bool = False
    case_exact: bool = False
    unique: bool = False
    parts: tuple["Attribute", ...] = ()

    def part(self, name: str) -> "Attribute | None":
        """Find a sub-attribute, in upper or lower case."""
        return next((each for each in self.parts if each.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resource: its schema, its endpoint, its attributes and those of its extension."""

    name: str
    schema: str
    endpoint: str
    description: str
    attributes: tuple[Attribute, ...]
    extension: tuple[Attribute, ...] = ()

    def attribute(self, name: str, schema: str = "") -> Attribute | None:
        """Find an attribute, in upper or lower case (RFC 7643, 2.1)."""
        of = self.extension if schema == ENTERPRISE else self.attributes
        return next((each for each in of if each.name.lower() == name.lower()), None)


_VALUES = (Attribute("value"), Attribute("display"), Attribute("type"), Attribute("primary", boolean=True))
_EXTERNAL_ID = Attribute("externalId", case_exact=True)

USER = ResourceType(
    "User",
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "/Users",
    "An account",
    (
        _EXTERNAL_ID,
        Attribute("userName", required=True, unique=True),
        Attribute("displayName"),
        Attribute("name", parts=(Attribute("formatted"), Attribute("familyName"), Attribute("givenName"))),
        Attribute("active", boolean=True),
        Attribute("emails", multiple=True, parts=_VALUES),
        Attribute("roles", multiple=True, parts=_VALUES),
    ),
    (Attribute("employeeNumber"), Attribute("department")),
)
GROUP = ResourceType(
    "Group",
    "urn:ietf:params:scim:schemas:core:2.0:Group",
    "/Groups",
    "A group of accounts, which may stand for a desk or a role",
    (
        _EXTERNAL_ID,
        Attribute("displayName", required=True),
        Attribute(
            "members", multiple=True, parts=(Attribute("value", case_exact=True), Attribute("display"))
        ),
    ),
)
RESOURCE_TYPES = {kind.endpoint.removeprefix("/"): kind for kind in (USER, GROUP)}


def clean(kind: ResourceType, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a client's document that is kept; raises ScimError for wrong values (invalidValue).

    Names get their proper capital letters, booleans written as texts become booleans (as Entra ID sends them), and
    empty values are left out, which means the same (RFC 7643, 2.5).
    """
    cleaned = dict(_clean_all(kind.attributes, document, kind))
    extension = next((value for key, value in document.items() if key.lower() == ENTERPRISE.lower()), None)
    if kind.extension and isinstance(extension, Mapping):
        of_extension = dict(_clean_parts(kind.extension, extension))
        cleaned |= {ENTERPRISE: of_extension} if of_extension else {}
    for attribute in kind.attributes:
        if attribute.required and not cleaned.get(attribute.name):
            raise invalid_value(f"{attribute.name} is missing")
    return cleaned


def _clean_all(
    attributes: tuple[Attribute, ...], document: Mapping[str, Any], kind: ResourceType
) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        attribute = kind.attribute(name)
        if attribute is not None and (cleaned := clean_value(attribute, value)) not in (None, "", [], {}):
            yield attribute.name, cleaned


def _clean_parts(parts: tuple[Attribute, ...], value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    by_name = {part.name.lower(): part for part in parts}
    for name, content in value.items():
        part = by_name.get(str(name).lower())
        if part is not None and (cleaned := clean_value(part, content)) not in (None, ""):
            yield part.name, cleaned


def clean_value(attribute: Attribute, value: Any) -> Any:
    """Return the value of an attribute as it is kept; raises ScimError (invalidValue)."""
    if value is None:
        return None
    if attribute.multiple:
        rows = value if isinstance(value, list) else [value]
        cleaned = [_clean_row(attribute, row) for row in rows]
        return list({tuple(sorted(row.items())): row for row in cleaned if row}.values())
    if attribute.parts:
        return _clean_row(attribute, value)
    return _clean_plain(attribute, value)


def _clean_row(attribute: Attribute, value: Any) -> dict[str, Any]:
    if isinstance(value, str) and attribute.part("value"):
        return {"value": _clean_plain(Attribute("value"), value)}
    if not isinstance(value, Mapping):
        raise invalid_value(f"{attribute.name} is not of the right form")
    return dict(_clean_parts(attribute.parts, value))


def _clean_plain(attribute: Attribute, value: Any) -> str | bool:
    if attribute.boolean:
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise invalid_value(f"{attribute.name} is neither true nor false")
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise invalid_value(f"{attribute.name} is not a text")
    text = str(value)
    try:
        check_line(text)
    except ValueError as error:
        raise invalid_value(f"{attribute.name} {error}") from None
    if len(text) > TEXT_MAX:
        raise invalid_value(f"{attribute.name} has more than {TEXT_MAX} characters")
    return text
