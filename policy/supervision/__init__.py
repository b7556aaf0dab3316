"""Supervision: what reviewers do with flagged records, and what follows from it, as values (docs/review.md)."""
