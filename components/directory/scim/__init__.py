"""SCIM 2.0 (RFC 7643, RFC 7644): people and groups as an identity provider pushes them."""
