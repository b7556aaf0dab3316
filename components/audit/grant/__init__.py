"""Grants: segments opened by key shares for one auditor, until a time (docs/matters.md, "Grants")."""
