"""Exports: what a search matched, in the formats of others, with what proves it (docs/export.md)."""
