"""Matters: what auditors gather for one investigation, kept as acts in the audit log (docs/matters.md)."""
