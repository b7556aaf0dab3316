"""The service's description of itself (RFC 7643, 5 to 7; RFC 7644, 4)."""

from collections.abc import Iterable, Mapping
from typing import Any

from components.directory.scim.schema import ENTERPRISE, GROUP, USER, Attribute, ResourceType

RESULTS_MAX = 1000
LIST_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_OF_TYPES = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_OF_SCHEMAS = "urn:ietf:params:scim:schemas:core:2.0:Schema"


def describe_service() -> dict[str, Any]:
    """Return what the service can do."""
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": RESULTS_MAX},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "The token in the file directory.scim.token_file",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig"},
    }


def describe_types() -> list[dict[str, Any]]:
    """Return the types of resources."""
    return [_describe_type(kind) for kind in (USER, GROUP)]


def describe_schemas() -> list[dict[str, Any]]:
    """Return the attributes of each schema."""
    extension = (ENTERPRISE, "EnterpriseUser", "What an employer knows of an account", USER.extension)
    schemas = [(kind.schema, kind.name, kind.description, kind.attributes) for kind in (USER, GROUP)]
    return [
        {
            "schemas": [_OF_SCHEMAS],
            "id": id_,
            "name": name,
            "description": description,
            "attributes": [_describe_attribute(each) for each in attributes],
            "meta": {"resourceType": "Schema"},
        }
        for id_, name, description, attributes in (*schemas, extension)
    ]


def list_response(resources: Iterable[Mapping[str, Any]], total: int, start: int = 1) -> dict[str, Any]:
    """Return the answer to a query, with resources (RFC 7644, 3.4.2); `start` counts from 1."""
    page = list(resources)
    return {
        "schemas": [LIST_SCHEMA],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(page),
        "Resources": page,
    }


def _describe_type(kind: ResourceType) -> dict[str, Any]:
    extensions = [{"schema": ENTERPRISE, "required": False}] if kind.extension else []
    return {
        "schemas": [_OF_TYPES],
        "id": kind.name,
        "name": kind.name,
        "endpoint": kind.endpoint,
        "description": kind.description,
        "schema": kind.schema,
        "schemaExtensions": extensions,
        "meta": {"resourceType": "ResourceType"},
    }


def _describe_attribute(attribute: Attribute) -> dict[str, Any]:
    kind = "complex" if attribute.parts else "boolean" if attribute.boolean else "string"
    parts = {"subAttributes": [_describe_attribute(part) for part in attribute.parts]}
    return {
        "name": attribute.name,
        "type": kind,
        "multiValued": attribute.multiple,
        "required": attribute.required,
        "caseExact": attribute.case_exact,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "server" if attribute.unique else "none",
    } | (parts if attribute.parts else {})
