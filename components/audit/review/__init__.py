"""Reviews: flagged and held records as items of queues, and what reviewers did with them (docs/review.md)."""
