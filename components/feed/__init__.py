"""Hands sealed records to auditors' own machines, and takes what comes back from there (docs/feed.md)."""
