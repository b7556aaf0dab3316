"""Several sites as one archive: searched with one query, and compared with one another (docs/sites.md)."""
