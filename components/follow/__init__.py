"""Follows a site's feed on a machine of auditors' own, and sends back what they do there (docs/feed.md)."""
