"""Errors of the protocol (RFC 7644, 3.12)."""

SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


class ScimError(Exception):
    """A request that cannot be carried out: `status` is HTTP's, `scim_type` is from RFC 7644, table 9, or empty."""

    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type

    def document(self) -> dict[str, object]:
        """Return the body of the answer."""
        document: dict[str, object] = {"schemas": [SCHEMA], "status": str(self.status), "detail": self.detail}
        return document | {"scimType": self.scim_type} if self.scim_type else document


def invalid_value(detail: str) -> ScimError:
    """Return the error for a value that is not accepted."""
    return ScimError(400, detail, "invalidValue")
